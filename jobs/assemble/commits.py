"""Makes documents of the commits that a policy keeps: the message and the snapshot before it, then what changes.

Reads   decide/kept, ingest/commits, ingest/repositories, the bundles of LAKE/ingest/histories/
Writes  assemble/commit_contexts, then assemble/documents; rows are added, never changed

A task walks the kept commits of a repository, oldest first, and carries the snapshot along: the paths, and an index of the files' terms.
From one commit's parent to the next one's only what differs is read. Nothing that the commit brings is in its context.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.ingest.commits import bundle_of
from jobs.runtime.job import Insert, Job, Write, parameter
from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from jobs.sources.history import commit_ids, open_bundle, read_patches
from jobs.sources.quarantine import Quarantine
from jobs.sources.snapshots import Blobs, TreeChange, open_blobs, tree_changes, trees_of
from jobs.sources.source import SourceError
from schemas.assemble import COMMIT_CONTEXTS, DOCUMENTS
from schemas.decide import KEPT
from schemas.ingest import COMMITS, REPOSITORIES
from schemas.lake import Lake
from udfs import bm25, commit_context
from udfs.bm25 import Index, changed_terms, file_terms, terms
from udfs.commit_context import fitted, readme_path
from udfs.commit_layout import LAYOUT, PathChange, applied, written
from udfs.edits import EditError, edits_of
from udfs.patches import FilePatch, file_patches

MAX_FILE_BYTES = 1 << 20  # of a file that takes part, in the index or in a change
MAX_PATCH_BYTES = 16 << 20
RANKS = 20
TERMS_KEPT = 4000  # versions of files whose terms are remembered: branches come back to them
TEXTS_KEPT = 64  # of at most MAX_FILE_BYTES each: a commit's files are looked at more than once
LINK, MODULE = "120000", "160000"

MADE = pa.schema([*COMMIT_CONTEXTS.arrow_schema, pa.field("text", pa.string())])


@dataclass(frozen=True)
class CommitsParams:
    profile: str = parameter("demo", "whose kept commits become documents")
    budget_bytes: int = parameter(28_672, "of a document: 8,192 tokens at 3.5 bytes", least=1024)
    retrieved: int = parameter(5, "files that the message finds, in the context", least=0, most=RANKS)
    changed_in_context: bool = parameter(
        True, "whether files to be changed are always in the context, or only where the message finds them"
    )

    @property
    def layout(self) -> str:
        """Names all that a document depends on beside its commit."""
        versions = f"{LAYOUT}.{commit_context.VERSION}.{bm25.VERSION}"
        return f"{versions}/{'changed' if self.changed_in_context else 'found'}/{self.budget_bytes}/{self.retrieved}"


class NotWritableError(Exception):
    """A commit cannot be a document; the message is the reason."""


def transform(tables: Tables, params: CommitsParams) -> Iterator[Write]:
    kept = tables[KEPT].where((F.col("policy") == params.profile) & (F.col("kind") == "commit")).select("candidate")
    columns = ["repository", "commit", "parents", "message", "changes"]
    commits = tables[COMMITS].select(*columns, F.concat("repository", F.lit("@"), "commit").alias("candidate"))
    todo = commits.join(kept, "candidate", "left_semi").withColumn("layout", F.lit(params.layout))
    todo = tables.missing(todo, COMMIT_CONTEXTS)
    histories = tables[REPOSITORIES].where("history is not null").select("repository", "history", F.col("commit").alias("tip"))
    lake = tables.lake

    def assemble(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for rows in by_repository(batches):
            yield from documents(lake, rows, params)

    with Staging(tables.lake, tables.run) as staging:
        placed = todo.join(histories, "repository").repartition(4 * tables.cores, "repository").sortWithinPartitions("repository")
        made = staging.keep(tables.spark, placed.mapInArrow(assemble, from_arrow_schema(MADE)), "made")
        for row in made.groupBy("reason").count().collect():
            tables.account.read_rows += row["count"]
            if row.reason:
                tables.account.rejected[row.reason] = row["count"]
        candidate = F.concat("repository", F.lit("@"), "commit").alias("candidate")
        size = F.octet_length("text").cast("long").alias("size_bytes")
        empty = F.array().cast("array<string>").alias("contents")
        yield Insert(
            DOCUMENTS, made.where("reason is null").select(F.lit("commit").alias("kind"), candidate, "layout", empty, size, "text")
        )
        # Last: it says which commits have been looked at.
        yield Insert(COMMIT_CONTEXTS, made.select(*COMMIT_CONTEXTS.names))


def by_repository(batches: Iterable[pa.RecordBatch]) -> Iterator[list[dict[str, Any]]]:
    """Rows of one repository after another; they come sorted by it."""
    held: list[dict[str, Any]] = []
    for batch in batches:
        for row in batch.to_pylist():
            if held and held[0]["repository"] != row["repository"]:
                yield held
                held = []
            held.append(row)
    if held:
        yield held


def documents(lake: Lake, rows: list[dict[str, Any]], params: CommitsParams) -> Iterator[pa.RecordBatch]:
    """Rows of MADE of the commits of one repository."""
    left = {row["commit"]: row for row in rows}
    try:
        with bundle_of(lake, rows[0]["history"]) as bundle, open_bundle(bundle) as repository:
            ordered = [left[one] for one in commit_ids(repository, rows[0]["tip"]) if one in left]
            for commit, snapshot, patch in walk(repository, ordered):
                yield pa.RecordBatch.from_pylist([made(commit, snapshot, patch, params)], schema=MADE)
                del left[commit["commit"]]
    except SourceError:  # a tree that cannot be read: nobody knows the snapshots after it
        pass
    for commit in left.values():
        yield pa.RecordBatch.from_pylist([without(commit, params, "unreadable")], schema=MADE)


class Snapshot:
    """The files before a commit. `files` is (mode, blob) by path; `index` has those whose text takes part."""

    def __init__(self, blobs: Blobs) -> None:
        self.files: dict[str, tuple[str, str]] = {}
        self.index = Index()
        self._blobs = blobs
        self._terms: OrderedDict[tuple[str, str], Counter[str]] = OrderedDict()
        self._texts: OrderedDict[str, str | None] = OrderedDict()

    def move(self, changes: Sequence[TreeChange]) -> None:
        for change in changes:
            old = self.files.pop(change.path, ("", ""))[1]
            counts = self._terms_of(change, old) if change.blob and change.mode not in (LINK, MODULE) else None
            if change.blob:
                self.files[change.path] = (change.mode, change.blob)
            if counts is None:
                self.index.remove(change.path)
            else:
                self.index.add(change.path, counts)

    def _terms_of(self, change: TreeChange, old: str) -> Counter[str] | None:
        """Of a text that takes part; from those of the blob that was there where the index has it."""
        key = (change.path, change.blob)
        found = self._terms.pop(key, None)
        if found is None:
            text = self.text_of(change.blob)
            if text is None:
                return None
            old_text = self.text_of(old) if change.path in self.index else None
            known = self.index.counts(change.path) if old_text is not None else None
            found = changed_terms(known, old_text or "", text) if known is not None else file_terms(change.path, text)
        self._terms[key] = found
        if len(self._terms) > TERMS_KEPT:
            self._terms.popitem(last=False)
        return found

    def text(self, path: str) -> str | None:
        """None where the path is not there, or is no text that takes part."""
        mode, blob = self.files.get(path, ("", ""))
        return self.text_of(blob) if blob and mode != MODULE else None

    def text_of(self, blob: str) -> str | None:
        if blob not in self._texts:
            self._texts[blob] = _decoded(self._blobs.read(blob, MAX_FILE_BYTES))
            if len(self._texts) > TEXTS_KEPT:
                self._texts.popitem(last=False)
        return self._texts[blob]


def _decoded(raw: bytes | None) -> str | None:
    if raw is None or b"\0" in raw:
        return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def walk(repository: Quarantine, commits: Sequence[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Snapshot, bytes | None]]:
    """Each commit with the snapshot before it, which is the same object every time, and its patch."""
    rooted = [commit["parents"][0] for commit in commits if commit["parents"]]
    trees = iter(trees_of(repository, rooted))
    steps = [next(trees) if commit["parents"] else "" for commit in commits]
    ids = [commit["commit"] for commit in commits]
    with open_blobs(repository) as blobs:
        snapshot = Snapshot(blobs)
        moves = tree_changes(repository, [tree for tree in steps if tree])
        for commit, tree, (_, patch) in zip(commits, steps, read_patches(repository, ids, MAX_PATCH_BYTES), strict=True):
            if tree:
                snapshot.move(next(moves))
            yield commit, snapshot if tree else Snapshot(blobs), patch


def made(commit: dict[str, Any], snapshot: Snapshot, patch: bytes | None, params: CommitsParams) -> dict[str, Any]:
    """A row of MADE."""
    found = snapshot.index.search(terms(commit["message"]), RANKS)
    changed = {change["old_path"] or change["path"] for change in commit["changes"]}
    ranks = [rank for rank, (path, _) in enumerate(found, start=1) if path in changed]
    row = without(commit, params, None) | {"snapshot_files": len(snapshot.index), "best_rank": ranks[0] if ranks else None}
    try:
        changes = path_changes(commit, snapshot, patch)
        readme = readme_path(snapshot.files, sorted(changed))
        shown = sorted(changed & snapshot.files.keys()) if params.changed_in_context else []
        context = fitted(
            commit["message"],
            changes,
            with_text(snapshot, readme) if readme and readme not in shown else None,
            list(snapshot.files),
            [one for one in (with_text(snapshot, path) for path in shown) if one],
            [one for one in (with_text(snapshot, path) for path, _ in found[: params.retrieved] if path not in shown) if one],
            params.budget_bytes,
        )
        if context is None:
            raise NotWritableError("too_long")
    except NotWritableError as error:
        return row | {"reason": str(error)}
    row |= {f"{name}_bytes": size for name, size in context.bytes_of.items()}
    return row | {"text": written(context.document), "cuts": list(context.cuts)}


def without(commit: dict[str, Any], params: CommitsParams, reason: str | None) -> dict[str, Any]:
    """A row of MADE of a commit that has no document."""
    row: dict[str, Any] = {"repository": commit["repository"], "commit": commit["commit"], "layout": params.layout, "reason": reason}
    row |= {"snapshot_files": 0, "best_rank": None, "cuts": [], "text": None}
    return row | dict.fromkeys(("message_bytes", "readme_bytes", "tree_bytes", "files_bytes", "predicted_bytes"), 0)


def with_text(snapshot: Snapshot, path: str) -> tuple[str, str] | None:
    text = snapshot.text(path)
    return None if text is None else (path, text)


def path_changes(commit: dict[str, Any], snapshot: Snapshot, patch: bytes | None) -> tuple[PathChange, ...]:
    """What a commit changes, each path once, in order of their names. Raises `NotWritableError`.

    Every change is applied to the snapshot and compared with the blob that the commit has: what is written can be done.
    """
    if patch is None:
        raise NotWritableError("unreadable")
    ordered = list(file_patches(patch))
    if len(ordered) != len(commit["changes"]):
        raise NotWritableError("cannot_be_applied")
    changes = [path_change(change, one, snapshot) for change, one in zip(commit["changes"], ordered, strict=True)]
    found = tuple(sorted(changes, key=lambda change: change.path))
    check(found, commit["changes"], snapshot)
    return found


def path_change(change: dict[str, Any], patch: FilePatch, snapshot: Snapshot) -> PathChange:
    status, path, old_path = change["status"], change["path"], change["old_path"]
    if MODULE in (change["old_mode"], change["new_mode"]):
        raise NotWritableError("not_text")
    if status == "deleted":
        return PathChange("delete", path)
    mode = change["new_mode"] if change["new_mode"] != change["old_mode"] else None
    if status in ("added", "copied", "type"):
        text = snapshot.text_of(change["new_blob"])
        if text is None:
            raise NotWritableError("not_text")
        return PathChange("create", path, None, change["new_mode"] if change["new_mode"] != "100644" else None, text)
    old_text = snapshot.text(old_path or path)
    if old_text is None:
        raise NotWritableError("not_text")
    try:
        edits = tuple(edits_of(old_text, patch.hunks))
    except (EditError, UnicodeDecodeError):
        raise NotWritableError("cannot_be_applied") from None
    kind = "rename" if status == "renamed" else "modify"
    return PathChange(kind, path, old_path if kind == "rename" else None, mode, None, edits)


def check(changes: tuple[PathChange, ...], given: list[dict[str, Any]], snapshot: Snapshot) -> None:
    """Raises `NotWritableError` unless the changes, applied to the snapshot, give the commit's own blobs and modes."""
    before: dict[str, tuple[str, str]] = {}
    for change in given:
        path = change["old_path"] or change["path"]
        text = snapshot.text(path)
        if text is not None:
            before[path] = (change["old_mode"], text)
        elif path in snapshot.files and change["status"] == "deleted":
            before[path] = (change["old_mode"], "")
    try:
        after = applied(changes, before)
    except EditError:
        raise NotWritableError("cannot_be_applied") from None
    for change in given:
        if change["status"] == "deleted":
            continue
        found = after.get(change["path"])
        if found is None or found[0] != change["new_mode"] or found[1] != snapshot.text_of(change["new_blob"]):
            raise NotWritableError("cannot_be_applied")


def idle(lake: Lake, params: CommitsParams) -> str | None:
    where = (pc.field("policy") == params.profile) & (pc.field("kind") == "commit")
    return None if lake.has_rows(KEPT, where) else "no commit is kept"


JOB = Job(
    "assemble.commits",
    "makes documents of the commits that are kept",
    reads=(KEPT, COMMITS, REPOSITORIES),
    writes=(COMMIT_CONTEXTS, DOCUMENTS),
    transform=transform,
    params=CommitsParams,
    idle=idle,
)
