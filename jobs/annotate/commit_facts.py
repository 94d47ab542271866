"""Says of every commit what tells whether it is worth learning from: flags, and a name for what it changes.

Reads   ingest/commits, ingest/repositories, the bundles of LAKE/ingest/bundles/
Writes  annotate/commit_facts, one row per commit; a row annotator. What could not be read is tried again whenever the job runs.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa
from pyspark.sql import functions as F

from jobs.ingest.commits import bundle_of
from jobs.runtime.job import Insert, Job, Snapshot, Write, parameter, short_hash
from jobs.runtime.tables import Tables
from jobs.sources.bundles import open_bundle
from jobs.sources.commit_patches import TOO_LARGE, UNREADABLE, read_patches
from jobs.sources.snapshots import Blobs, open_blobs
from jobs.sources.source import SourceError
from schemas.annotate import COMMIT_FACTS
from schemas.ingest import COMMITS, REPOSITORIES
from schemas.lake import Lake
from schemas.spark import spark_schema
from udfs import commits, patches
from udfs.commits import FLAGS, ChangedPath, flags_of_facts, has_secret
from udfs.grammars import grammar_of
from udfs.languages import language_of
from udfs.same_trees import MAX_BYTES, FileVersions, same_trees
from udfs.syntax import library_versions

_FIELDS = tuple(ChangedPath.__dataclass_fields__)


@dataclass(frozen=True)
class CommitFactsParams:
    range_commits: int = parameter(5000, "commits that one task looks at", least=1)
    max_patch_bytes: int = parameter(16 << 20, "a larger patch is not looked at", least=1)


def version(params: CommitFactsParams) -> str:
    return short_hash("commit_facts", str(commits.VERSION), str(patches.VERSION), str(params.max_patch_bytes), str(library_versions()))


def transform(tables: Tables, params: CommitFactsParams) -> Iterator[Write]:
    known = version(params)
    columns = ["repository", "commit", "parents", "is_bot", "message", "changes", "change_count", "flaw"]
    commits = tables[COMMITS].select(*columns).withColumn("version", F.lit(known))
    unread = tables[COMMIT_FACTS].where((F.col("version") == known) & F.array_contains("flags", "unreadable"))
    again = commits.join(unread.select(*COMMIT_FACTS.key), list(COMMIT_FACTS.key), "left_semi")
    todo = tables.missing(commits, COMMIT_FACTS).unionByName(again)
    histories = tables[REPOSITORIES].where("history is not null").select("repository", "history")
    # Commits of one range go to one task, which opens the bundle once a batch.
    ranked = todo.join(histories, "repository").withColumn("range", F.pmod(F.xxhash64("commit"), F.lit(tables.cores)))
    count = todo.count()
    tables.account.read_rows = count
    tasks = max(1, min(16 * tables.cores, -(-count // params.range_commits)))
    lake, most = tables.lake, params.max_patch_bytes

    def annotate(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for rows in by_repository(batches):
            yield facts(lake, rows, most)

    placed = ranked.repartition(tasks, "repository", "range").sortWithinPartitions("repository")
    rows = placed.mapInArrow(annotate, spark_schema(COMMIT_FACTS))
    yield Insert(COMMIT_FACTS, rows) if again.isEmpty() else Snapshot(COMMIT_FACTS, rows, None)


def idle(lake: Lake, params: CommitFactsParams) -> str | None:
    return None if lake.has_rows(COMMITS) else "there are no commits"


def by_repository(batches: Iterable[pa.RecordBatch]) -> Iterator[list[dict[str, Any]]]:
    """Rows in lists of one repository each, of no more than a batch. Two repositories can have one bundle, and the same commits."""
    for batch in batches:
        for _, rows in groupby(batch.to_pylist(), key=lambda row: row["repository"]):
            yield list(rows)


def facts(lake: Lake, rows: list[dict[str, Any]], max_patch_bytes: int) -> pa.RecordBatch:
    """Rows of COMMIT_FACTS; patches stream, and of a bundle that cannot be unpacked there are none."""
    left = {row["commit"]: row for row in rows}
    found = []
    asked: dict[int, list[FileVersions]] = {}
    try:
        with bundle_of(lake, rows[0]["history"]) as bundle, open_bundle(bundle) as repository, open_blobs(repository) as blobs:
            for commit, patch in read_patches(repository, list(left), max_patch_bytes):
                row = left.pop(commit)
                found.append(facts_of(row, patch))
                if isinstance(patch, bytes) and not found[-1]["flags"] and patches.may_be_formatting(list(patches.file_patches(patch))):
                    asked[len(found) - 1] = versions_of(row, blobs)
            for place in same_trees(asked):
                found[place]["flags"] = ["formatting_only"]
    except SourceError:
        found += [facts_of(row, UNREADABLE) for row in left.values()]
    return pa.RecordBatch.from_pylist(found, schema=COMMIT_FACTS.arrow_schema)


def versions_of(row: dict[str, Any], blobs: Blobs) -> list[FileVersions]:
    """Both texts of each file that a commit changes; none where one of them cannot be parsed, or is new, gone or renamed."""
    found = []
    for change in row["changes"]:
        language = language_of(change["path"], b"") if change["status"] == "modified" else None
        texts = [blobs.read(change[name], MAX_BYTES) for name in ("old_blob", "new_blob")] if language and grammar_of(language) else []
        if language is None or len(texts) < 2 or None in texts:
            return []
        found.append(FileVersions(language, texts[0] or b"", texts[1] or b""))
    return found


def facts_of(row: dict[str, Any], patch: bytes | str) -> dict[str, Any]:
    """A row of COMMIT_FACTS. `patch`: as of `read_patches`."""
    changes = [ChangedPath(**{name: change[name] for name in _FIELDS}) for change in row["changes"]]
    text = patch if isinstance(patch, bytes) else b""
    files = list(patches.file_patches(text))
    flags = set(flags_of_facts(len(row["parents"]), row["is_bot"], row["message"], changes, row["change_count"]))
    flags |= {"secret"} if has_secret(row["message"].encode()) or has_secret(text) else set()
    flags |= {"oversized"} if patch == TOO_LARGE else set()
    if patch == UNREADABLE or row["flaw"] == "unreadable":
        flags.add("unreadable")
    elif patches.changes_only_space(files):
        flags.add("formatting_only")
    assert flags <= FLAGS.keys()
    return {
        "repository": row["repository"],
        "commit": row["commit"],
        "version": row["version"],
        "flags": sorted(flags),
        "patch_hash": patches.identity(files),
        "patch_bytes": len(patch) if isinstance(patch, bytes) else None,
    }


JOB = Job(
    "annotate.commit_facts",
    "tells commits worth learning from others",
    reads=(COMMITS, REPOSITORIES),
    writes=(COMMIT_FACTS,),
    transform=transform,
    params=CommitFactsParams,
    idle=idle,
)
