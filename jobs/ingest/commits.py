"""Brings the commits of the histories that the lake keeps into a table.

Reads   ingest/repositories, the bundles of LAKE/ingest/bundles/
Writes  ingest/commits, then ingest/histories

A history is listed, cut into ranges of commits, and read by as many tasks as there are ranges. One that goes on from what was read before
costs only its new commits; one that was rewritten is read anew, and so are its rows.
"""

import contextlib
import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.fs import FileSystem
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.runtime.job import Insert, Job, Snapshot, Write, parameter
from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from jobs.sources.bundle_files import index_of
from jobs.sources.bundles import commit_ids, is_ancestor, open_bundle
from jobs.sources.history import Commit, read_commits
from jobs.sources.source import SourceError
from schemas.ingest import COMMITS, HISTORIES, REPOSITORIES
from schemas.lake import Lake
from schemas.spark import spark_schema
from udfs.commits import is_bot

# A range of a history: ids in hex, one a line. `is_whole`: all of the history is read, and not what is new. A history that cannot be read
# has a reason and no ids; every history has a row with `commit_count` and no ids.
RANGES = pa.schema(
    [
        ("repository", pa.string()),
        ("history", pa.string()),
        ("commit", pa.string()),
        ("commit_count", pa.int64()),
        ("is_whole", pa.bool_()),
        ("ids", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)
ROWS = 500  # of a batch


@dataclass(frozen=True)
class CommitsParams:
    range_commits: int = parameter(5000, "commits that one task reads", least=1)


def transform(tables: Tables, params: CommitsParams) -> Iterator[Write]:
    histories = tables[REPOSITORIES].where("history is not null").select("repository", "history", "commit")
    known = read_before(tables)
    todo = histories.join(known, "repository", "left").where("since is null or since <> commit or size(unread) > 0")
    gone = tables[HISTORIES].join(histories, "repository", "left_anti").select("repository")
    lake, size = tables.lake, params.range_commits

    def listing(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for row in batch.to_pylist():
                yield pa.RecordBatch.from_pylist(list(ranges(lake, row, size)), schema=RANGES)

    def reading(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for row in batch.to_pylist():
                yield from read_range(lake, row)

    with Staging(tables.lake, tables.run) as staging:
        tasks = max(1, 4 * tables.cores)
        listed = staging.keep(tables.spark, todo.repartition(tasks, "repository").mapInArrow(listing, from_arrow_schema(RANGES)), "ranges")
        units = listed.where("ids is not null")
        count = units.count()
        read = units.repartition(max(1, min(count, 16 * tables.cores)), "ids").mapInArrow(reading, spark_schema(COMMITS))
        rows = staging.keep(tables.spark, read, "commits")
        told = listed.where("commit_count is not null or reason is not null")
        account(tables, rows, told)
        # A history that cannot be read loses nothing that the lake holds of it, and is tried again.
        whole = told.where("is_whole and reason is null").select("repository").unionByName(gone).distinct()
        new = rows.join(whole, "repository", "left_anti")
        has_unread = not todo.where("size(unread) > 0").isEmpty()
        yield Snapshot(COMMITS, new, None) if has_unread else Insert(COMMITS, new)
        if not whole.isEmpty():
            yield Snapshot(COMMITS, rows.join(whole, "repository", "left_semi"), whole)
        found = told.select("repository", "commit", F.coalesce("commit_count", F.lit(0)).alias("commit_count"), "reason", "detail")
        yield Snapshot(HISTORIES, found, found.select("repository").unionByName(gone))


def read_before(tables: Tables) -> DataFrame:
    """Histories of which ingest/commits holds what ingest/histories says, as (repository, since, unread). Others are read anew.

    Rows may have been removed, or written by a run that ended before it could say so and whose branch went back since. `unread` are the
    commits that could not be read: they are tried again, and no others for them.
    """
    told = tables[HISTORIES].where("reason is null").select("repository", F.col("commit").alias("since"), "commit_count")
    rows = tables[COMMITS].select("repository", "commit", F.col("flaw").eqNullSafe("unreadable").alias("is_unread"))
    is_since = F.col("commit") == F.col("since")
    held = rows.join(told, "repository").groupBy("repository", "since", "commit_count")
    unread = F.sort_array(F.collect_list(F.when(F.col("is_unread"), F.col("commit")))).alias("unread")
    found = held.agg(F.count("*").alias("rows"), F.max(is_since).alias("has_since"), unread)
    return found.where("rows = commit_count and has_since").select("repository", "since", "unread")


def idle(lake: Lake, params: CommitsParams) -> str | None:
    is_kept = lake.has_rows(REPOSITORIES, pc.is_valid(pc.field("history"))) or lake.has_rows(HISTORIES)
    return None if is_kept else "no repository has a history"


def account(tables: Tables, rows: DataFrame, told: DataFrame) -> None:
    tables.account.read_rows = rows.count()
    for row in rows.where("flaw is not null").groupBy("flaw").count().collect():
        tables.account.rejected[row.flaw] = row["count"]
    unread = told.where("reason is not null").count()
    if unread:
        tables.account.rejected["corrupt history"] = unread


def ranges(lake: Lake, row: dict[str, Any], size: int) -> Iterator[dict[str, Any]]:
    """Rows of RANGES of one history. `row`: repository, history, commit, since (the commit that was read last, or None), unread (ids)."""
    base = {name: row[name] for name in ("repository", "history", "commit")}
    try:
        with bundle_of(lake, row["history"]) as bundle, open_bundle(bundle) as repository:
            since = row["since"] if row["since"] and is_ancestor(repository, row["since"], row["commit"]) else None
            ids = [*((row["unread"] or []) if since else []), *commit_ids(repository, row["commit"], since)]
            whole = int(repository.run("rev-list", "--count", row["commit"]))
    except SourceError as error:
        yield base | {"is_whole": True, "reason": "corrupt", "detail": str(error)}
        return
    yield base | {"is_whole": since is None, "commit_count": whole}
    for start in range(0, len(ids), size):
        yield base | {"is_whole": since is None, "ids": "\n".join(ids[start : start + size])}


def read_range(lake: Lake, row: dict[str, Any]) -> Iterator[pa.RecordBatch]:
    """Rows of COMMITS of one range."""
    with bundle_of(lake, row["history"]) as bundle, open_bundle(bundle) as repository:
        held: list[dict[str, Any]] = []
        for commit in read_commits(repository, row["ids"].split("\n")):
            held.append(commit_row(row["repository"], commit))
            if len(held) == ROWS:
                yield pa.RecordBatch.from_pylist(held, schema=COMMITS.arrow_schema)
                held = []
        yield pa.RecordBatch.from_pylist(held, schema=COMMITS.arrow_schema)


def commit_row(repository: str, commit: Commit) -> dict[str, Any]:
    return {
        "repository": repository,
        "commit": commit.id,
        "parents": list(commit.parents),
        "author_time": commit.author_time,
        "committer_time": commit.committer_time,
        "author_hash": hashlib.sha256(commit.author_email.lower().encode()).hexdigest()[:16],
        "is_bot": is_bot(commit.author_name, commit.author_email),
        "message": commit.message,
        "changes": [change._asdict() for change in commit.changes],
        "change_count": commit.change_count,
        "flaw": commit.flaw,
    }


@contextlib.contextmanager
def bundle_of(lake: Lake, history: str) -> Iterator[Path]:
    """A local path of a bundle of the lake, with its index beside it where there is one: its own, or copies that are gone afterwards."""
    filesystem, root = lake.filesystem()
    if lake.is_local:
        yield Path(root) / history
        return
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / "history.bundle"
        try:
            copy_file(filesystem, f"{root}/{history}", local)
        except FileNotFoundError as error:  # what else goes wrong is a fault of the way there, and not of the history
            raise SourceError(f"{history} cannot be read from the lake: {error}") from error
        with contextlib.suppress(FileNotFoundError):
            copy_file(filesystem, f"{root}/{index_of(Path(history))}", index_of(local))
        yield local


def copy_file(filesystem: FileSystem, remote: str, local: Path) -> None:
    with filesystem.open_input_stream(remote) as source, local.open("wb") as target:
        while block := source.read(8 << 20):
            target.write(block)


JOB = Job(
    "ingest.commits",
    "reads the commits of the histories that are kept",
    reads=(REPOSITORIES,),
    writes=(COMMITS, HISTORIES),
    transform=transform,
    params=CommitsParams,
    idle=idle,
)
