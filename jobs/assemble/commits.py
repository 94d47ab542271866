"""Makes documents of the commits that a policy keeps: the message and the snapshot before it, then what changes.

Reads   decide/kept, ingest/commits, ingest/repositories, the bundles of LAKE/ingest/bundles/
Writes  assemble/documents, then assemble/commit_contexts; what could not be read is tried again whenever the job runs,
        and so is a document that is gone

The commits of a history, parents first, are cut into ranges. A task walks one and carries the snapshot along: the paths, and an index of
the files' terms. From one commit's parent to the next one's only what differs is read. Nothing that the commit brings is in its context.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import chain, groupby
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.assemble.commit_rows import MADE, CommitsParams, Plan, made, without
from jobs.assemble.commit_snapshots import Walk
from jobs.assemble.documents import with_text
from jobs.assemble.removed import is_kept, is_removed
from jobs.ingest.commits import bundle_of
from jobs.runtime.job import Insert, Job, Snapshot, Write
from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from jobs.sources.bundles import commit_ids, open_bundle
from jobs.sources.snapshots import open_blobs
from jobs.sources.source import SourceError
from schemas.assemble import COMMIT_CONTEXTS, DOCUMENTS
from schemas.decide import KEPT
from schemas.ingest import COMMITS, REPOSITORIES
from schemas.lake import Lake

STEP_ROWS = 200  # of a range, that are held at once
STEP_CHANGES = 20_000
BATCH_BYTES = 4 << 20

# Where a commit stands among those of its repository that are to be made; `range` and `position` are null where git does not list it.
PLACES = pa.schema([("repository", pa.string()), ("commit", pa.string()), ("range", pa.int64()), ("position", pa.int64())])


def transform(tables: Tables, params: CommitsParams) -> Iterator[Write]:
    plan = params.plan
    kept = tables[KEPT].where((F.col("policy") == params.profile) & (F.col("kind") == "commit")).select("candidate")
    candidate = F.concat("repository", F.lit("@"), "commit").alias("candidate")
    commits = tables[COMMITS].select("repository", "commit", "parents", "message", "changes", "flaw", candidate)
    todo = commits.join(kept, "candidate", "left_semi").withColumn("layout", F.lit(plan.layout))
    again = todo.join(to_make_again(tables), list(COMMIT_CONTEXTS.key), "left_semi")
    todo = tables.missing(todo, COMMIT_CONTEXTS).unionByName(again)
    histories = tables[REPOSITORIES].where("history is not null").select("repository", "history", F.col("commit").alias("tip"))
    with Staging(tables.lake, tables.run) as staging:
        ids = todo.select("repository", "commit").join(histories, "repository")
        places = staging.keep(tables.spark, placed(tables, ids, params.range_commits), "places")
        work = todo.join(places, ["repository", "commit"]).join(histories, "repository")
        tasks = max(1, min(places.select("repository", "range").distinct().count(), 64 * tables.cores))
        work = work.repartition(tasks, "repository", "range").sortWithinPartitions("repository", "range", "position")
        made_rows = work.mapInArrow(partial(documents, tables.lake, plan), from_arrow_schema(MADE))
        rows = staging.keep(tables.spark, made_rows, "made")
        for row in rows.groupBy("reason").count().collect():
            tables.account.read_rows += row["count"]
            if row.reason:
                tables.account.rejected[row.reason] = row["count"]
        yield Insert(DOCUMENTS, with_text(rows.where("reason is null").withColumn("candidate", candidate), "commit"))
        contexts = rows.select(*COMMIT_CONTEXTS.names)
        # Last: it says which commits have been looked at.
        yield Insert(COMMIT_CONTEXTS, contexts) if again.isEmpty() else Snapshot(COMMIT_CONTEXTS, contexts, None)


def to_make_again(tables: Tables) -> DataFrame:
    """Keys of COMMIT_CONTEXTS of commits that could not be read, or whose document was made and is not there."""
    contexts = tables[COMMIT_CONTEXTS]
    candidate = F.concat("repository", F.lit("@"), "commit").alias("candidate")
    made = contexts.where("reason is null").select(*COMMIT_CONTEXTS.key, candidate)
    texts = tables[DOCUMENTS].where("kind = 'commit'").select("candidate", "layout")
    lost = made.join(texts, ["candidate", "layout"], "left_anti").select(*COMMIT_CONTEXTS.key)
    return contexts.where("reason = 'unreadable'").select(*COMMIT_CONTEXTS.key).unionByName(lost)


def placed(tables: Tables, ids: DataFrame, range_commits: int) -> DataFrame:
    """Rows of PLACES. `ids`: repository, commit, history, tip."""
    by_repository = ids.repartition(4 * tables.cores, "repository").sortWithinPartitions("repository")
    return by_repository.mapInArrow(partial(places, tables.lake, range_commits), from_arrow_schema(PLACES))


def places(lake: Lake, range_commits: int, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for _, rows in groupby(rows_of(batches), key=lambda row: row["repository"]):
        commits = list(rows)
        wanted = {row["commit"] for row in commits}
        try:
            with bundle_of(lake, commits[0]["history"]) as bundle, open_bundle(bundle) as repository:
                ordered = [one for one in commit_ids(repository, commits[0]["tip"]) if one in wanted]
        except SourceError:
            ordered = []
        position = {one: place for place, one in enumerate(ordered)}
        found = [(row["repository"], row["commit"], position.get(row["commit"])) for row in commits]
        columns = [*zip(*((name, one, None if at is None else at // range_commits, at) for name, one, at in found), strict=True)]
        yield pa.RecordBatch.from_arrays(
            [pa.array(column, field.type) for column, field in zip(columns, PLACES, strict=True)], schema=PLACES
        )


def rows_of(batches: Iterable[pa.RecordBatch]) -> Iterator[dict[str, Any]]:
    """One after another, few of them in memory: a commit may have thousands of changes."""
    for batch in batches:
        for start in range(0, batch.num_rows, STEP_ROWS):
            yield from batch.slice(start, STEP_ROWS).to_pylist()


def documents(lake: Lake, plan: Plan, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Rows of MADE of whole ranges; they come sorted by repository, range and position."""
    held: list[dict[str, Any]] = []
    size = 0
    for _, rows in groupby(rows_of(batches), key=lambda row: (row["repository"], row["range"])):
        for row in of_range(lake, plan, rows):
            held.append(row)
            size += 1000 + len(row["text"] or "")
            if size > BATCH_BYTES:
                yield pa.RecordBatch.from_pylist(held, schema=MADE)
                held, size = [], 0
    yield pa.RecordBatch.from_pylist(held, schema=MADE)


def of_range(lake: Lake, plan: Plan, rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    first = next(rows)
    rows = chain([first], rows)
    with ExitStack() as opened:
        try:
            repository = opened.enter_context(open_bundle(opened.enter_context(bundle_of(lake, first["history"]))))
        except SourceError:
            first = first | {"position": None}
        if first["position"] is None:
            yield from (without(commit, plan, "unreadable") for commit in rows)
            return
        walk = Walk(repository, opened.enter_context(open_blobs(repository)))
        for commits in steps(rows):
            for commit, snapshot, patch in walk.over(commits):
                yield without(commit, plan, snapshot) if isinstance(snapshot, str) else made(commit, snapshot, patch, plan)


def steps(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Lists of at most STEP_ROWS rows, and of little more than STEP_CHANGES changes."""
    held: list[dict[str, Any]] = []
    changes = 0
    for row in rows:
        held.append(row)
        changes += len(row["changes"])
        if len(held) == STEP_ROWS or changes > STEP_CHANGES:
            yield held
            held, changes = [], 0
    if held:
        yield held


def idle(lake: Lake, params: CommitsParams) -> str | None:
    return None if lake.has_rows(KEPT, is_kept(params.profile, "commit")) else "no commit is kept"


JOB = Job(
    "assemble.commits",
    "makes documents of the commits that are kept",
    reads=(KEPT, COMMITS, REPOSITORIES),
    writes=(COMMIT_CONTEXTS, DOCUMENTS),
    transform=transform,
    params=CommitsParams,
    idle=idle,
    check=CommitsParams.resolved,
    identity=lambda params: params.layout,
    is_changed=lambda lake, params: is_removed(lake, is_kept(params.profile, "commit"), COMMIT_CONTEXTS, params.layout),
)
