"""Brings files of repositories into the lake.

Reads   sources: folders, git repositories, archives, tables, a manifest of many
Writes  ingest/contents, then ingest/files, ingest/rejects, ingest/repositories, bookkeeping/fingerprints

Sources that did not change are skipped. The others are listed (names and sizes), cut into units of bounded size, and read by as many
tasks as there are units for, which put texts aside in staging; then keys are compared with the lake's, and new texts are written where
they stay. No text passes through the JVM. The order of the commits is what makes a killed run safe: a source's fingerprint comes last.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs import sources
from jobs.ingest.listing import HISTORY, LISTED, UNREADABLE, list_sources
from jobs.ingest.reading import ENTRIES, READ, read_units
from jobs.ingest.texts import NewTexts, StagedFile, remove_leftovers
from jobs.runtime.errors import UsageError
from jobs.runtime.job import AddFiles, Job, Snapshot, Write, parameter, short_hash
from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from jobs.runtime.texts import task_count
from jobs.sources.source import Reject, Source, SourceError
from schemas.ingest import CONTENTS, FILES, FINGERPRINTS, REJECTS, REPOSITORIES
from schemas.lake import Lake
from schemas.spark import spark_schema
from udfs import decode, languages

VERSION = 1
KINDS = ("archive", "folder", "git", "table")


@dataclass(frozen=True)
class IngestParams:
    source: tuple[str, ...] = parameter((), "a folder, git repository, archive or table: PATH, NAME=PATH, git:PATH@REF ... (repeatable)")
    manifest: str = parameter("", "JSON Lines naming many sources with their facts")
    allow_none: bool = parameter(False, "where no source is named do nothing, because web archives are all that there is")
    max_content_bytes: int = parameter(16 << 20, "a larger file is a reject", least=1, most=1 << 30)
    unit_bytes: int = parameter(32 << 20, "what one task reads at a time", least=1)


def transform(tables: Tables, params: IngestParams) -> Iterator[Write]:
    named, rejects = named_sources(params)
    prints = changed(tables.lake, named, params)
    remove_leftovers(tables.lake, datetime.now(UTC))
    with Staging(tables.lake, tables.run) as staging:
        listed = staging.keep(tables.spark, list_changed(tables, [s for s in named if s.label in prints], params), "listed")
        read, staged = read_listed(tables, listed, params, staging)
        entries = read.unionByName(refused(tables, listed, rejects), allowMissingColumns=True)
        if has_repeats(entries):
            entries = staging.keep(tables.spark, without_repeats(entries), "entries")
        files = entries.where("reason is null")
        count(tables, entries)
        texts = NewTexts(tables, files.select("content_sha256", "text_task"), staging.folder("texts"), staged)
        yield AddFiles(CONTENTS, texts.write)
        texts.forget_unused()
        # A source that could not be read to its end loses nothing that the lake holds of it, and is tried again by the next run.
        unread = labels_of(tables, entries, UNREADABLE, "")
        repositories = repository_rows(listed, entries, any(source.kind == "table" for source in named))
        scopes = repositories.select("repository")
        if unread:
            incomplete = entries.where(F.col("label").isin(unread)).select("repository").distinct()
            known = tables[REPOSITORIES].join(incomplete, "repository", "left_semi").select("repository")
            repositories = repositories.join(known, "repository", "left_anti")
            scopes = repositories.select("repository").join(incomplete, "repository", "left_anti")
        yield Snapshot(FILES, files.select(*FILES.names), scopes)
        yield Snapshot(REPOSITORIES, repositories, scopes)
        read_sources = tables.spark.createDataFrame([(label,) for label in prints], "source string")
        seen = read_sources.union(repositories.select("repository")).union(entries.select("repository")).distinct()
        yield Snapshot(REJECTS, reject_rows(entries), seen)
        unkept = labels_of(tables, entries, "corrupt", HISTORY)
        done = sorted((label, found) for label, found in prints.items() if label not in {*unread, *unkept})
        rows = tables.spark.createDataFrame(done, spark_schema(FINGERPRINTS))
        yield Snapshot(FINGERPRINTS, rows, rows.select("source"))


def named_sources(params: IngestParams) -> tuple[list[Source], list[Reject]]:
    """The sources of the command and of the manifest. Raises `UsageError` where two have one name, `SourceError` where one is not there."""
    found = [sources.parse_source(text) for text in params.source]
    rejects: list[Reject] = []
    for item in sources.read_manifest(params.manifest) if params.manifest else ():
        if isinstance(item, Reject):
            rejects.append(item)
        else:
            found.append(item)
    if not found and not rejects and not params.allow_none:
        raise UsageError(
            "there is nothing to ingest: name a source with --source PATH, a manifest with --manifest FILE, or "
            "a web archive with --archive PATH"
        )
    labels: dict[str, Source] = {}
    for source in found:
        if labels.setdefault(source.label, source) != source:
            raise UsageError(
                f"two sources are both called {source.label}: {labels[source.label].location} and {source.location}.\n"
                "Give one of them a name: --source NAME=PATH"
            )
    return list(labels.values()), rejects


def changed(lake: Lake, named: list[Source], params: IngestParams) -> dict[str, str]:
    """Fingerprints, by label, of the sources that are not in the lake as they are now."""
    known = dict(zip(*(c.to_pylist() for c in lake.read(FINGERPRINTS).columns), strict=True))
    rules = f"{VERSION} {decode.VERSION} {languages.VERSION} {params.max_content_bytes}"
    prints = {s.label: short_hash(rules, s.to_json(), fingerprint(s)) for s in named}
    return {label: found for label, found in prints.items() if known.get(label) != found}


def fingerprint(source: Source) -> str:
    """Of a source that cannot be read it is empty; the listing then says why, in a row."""
    try:
        return sources.fingerprint(source)
    except SourceError:
        return ""


def is_changed(lake: Lake, params: IngestParams) -> bool:
    return bool(changed(lake, named_sources(params)[0], params))


def list_changed(tables: Tables, todo: list[Source], params: IngestParams) -> DataFrame:
    rows = tables.spark.createDataFrame([(s.to_json(),) for s in todo], "source string")
    listing = partial(list_sources, lake=tables.lake, unit_bytes=params.unit_bytes, max_content_bytes=params.max_content_bytes)
    return rows.repartition(max(1, min(len(todo), 16 * tables.cores)), "source").mapInArrow(listing, from_arrow_schema(LISTED))


def read_listed(tables: Tables, listed: DataFrame, params: IngestParams, staging: Staging) -> tuple[DataFrame, list[StagedFile]]:
    """Entries of all units in the shape of ENTRIES, and the staged files that their texts are in."""
    units = listed.where("payload is not null").select("source", "payload", "entry_count", "size_bytes")
    count, size = units.agg(F.count("*"), F.coalesce(F.sum("size_bytes"), F.lit(0))).first()  # type: ignore[misc]
    schema = from_arrow_schema(ENTRIES)
    if not count:
        return tables.spark.createDataFrame([], schema), []
    folders = {"entry_folder": staging.folder("entries"), "text_folder": staging.folder("texts")}
    reading = partial(read_units, **folders, max_content_bytes=params.max_content_bytes)
    done = units.repartition(min(count, task_count(size, tables.cores))).mapInArrow(reading, from_arrow_schema(READ)).collect()
    entries = tables.spark.read.schema(schema).parquet(*(staging.spark_path(f"entries/{row.entry_file}") for row in done))
    return entries, [StagedFile(row.task, row.text_file, row.text_bytes) for row in done]


def refused(tables: Tables, listed: DataFrame, rejects: list[Reject]) -> DataFrame:
    """Rejects of the listing and of the manifest, with the columns of ENTRIES that they have."""
    columns = [
        F.col("reject_source").alias("repository"),
        F.col("locator").alias("path"),
        *map(F.col, ("label", "reason", "detail", "size_bytes")),
    ]
    kinds = F.get_json_object("source", "$.kind").alias("source_kind")
    found = listed.where("reason is not null").select(*columns, kinds)
    early = [(r.source, r.locator, r.source, r.reason, r.detail, r.size_bytes, "manifest") for r in rejects]
    return found.union(tables.spark.createDataFrame(early, found.schema)) if early else found


def has_repeats(entries: DataFrame) -> bool:
    """Whether two entries may have one (repository, path): a look at hashes, which now and then says yes where there are none."""
    return not entries.groupBy(F.xxhash64("repository", "path")).count().where("count > 1").isEmpty()


def without_repeats(entries: DataFrame) -> DataFrame:
    """Of entries with one (repository, path) the first by content stays; the others become rejects with `#2`, `#3` ... at their path."""
    same = Window.partitionBy("repository", "path").orderBy(F.col("reason").isNotNull(), "content_sha256", "reason", "detail", "text_task")
    ranked = entries.withColumn("rank", F.row_number().over(same))
    is_repeat = F.col("rank") > 1
    said = {
        "path": F.concat("path", F.lit("#"), "rank"),
        "reason": F.coalesce("reason", F.lit("duplicate_path")),
        "detail": F.coalesce("detail", F.concat(F.lit("another entry is called "), "path")),
    }
    return ranked.select(*(F.when(is_repeat, said[c]).otherwise(F.col(c)).alias(c) if c in said else F.col(c) for c in entries.columns))


def count(tables: Tables, entries: DataFrame) -> None:
    """Reads the account: entries, bytes of those that became files, rejects by reason."""
    for reason, rows, size in entries.groupBy("reason").agg(F.count("*"), F.sum("size_bytes")).collect():
        tables.account.read_rows += rows
        if reason:
            tables.account.rejected[reason] = rows
        else:
            tables.account.read_bytes += size


def labels_of(tables: Tables, entries: DataFrame, reason: str, path: str) -> list[str]:
    """Sources with a reject of this reason at this path. Mostly there are none, which the account knows already."""
    if reason not in tables.account.rejected:
        return []
    found = entries.where((F.col("reason") == reason) & (F.col("path") == path)).select("label").distinct()
    return [row.label for row in found.collect()]


def repository_rows(listed: DataFrame, entries: DataFrame, has_tables: bool) -> DataFrame:
    """One row per repository of this run: what the source says of it (of a table: what its rows say), beside what was counted."""
    known = {"stars": "bigint", "forks": "bigint", "commits": "bigint", "maintained_days": "bigint", "licence": "string"}
    kinds = "stars bigint, forks bigint, commits bigint, maintained_days bigint, licence string, commit string"
    said = listed.where("facts is not null").select(
        F.get_json_object("source", "$.repository").alias("repository"),
        F.get_json_object("source", "$.kind").alias("source_kind"),
        F.from_json("facts", kinds).alias("facts"),
        "history",
    )
    is_file, kind_names = F.col("reason").isNull(), F.array(*map(F.lit, KINDS))
    counted = entries.groupBy("repository").agg(
        F.min(F.when(is_file, F.array_position(kind_names, F.col("source_kind")))).cast("int").alias("entry_kind"),
        F.count(F.when(is_file, 1)).alias("file_count"),
        F.count("reason").alias("reject_count"),
        F.coalesce(F.sum(F.when(is_file, F.col("size_bytes"))), F.lit(0)).alias("size_bytes"),
    )
    # A repository is what a source says it is, or what has at least one file; the source of a lone reject is none.
    both = said.join(counted, "repository", "full").where("source_kind is not null or entry_kind is not null")
    if has_tables:
        of_rows = entries.where("source_kind = 'table'").groupBy("repository").agg(*(F.max(c).alias(f"row_{c}") for c in known))
        both = both.join(of_rows, "repository", "left")
    else:  # maxima of text sort all entries
        both = both.withColumns({f"row_{c}": F.lit(None).cast(kind) for c, kind in known.items()})
    return both.select(
        "repository",
        F.coalesce("source_kind", F.element_at(kind_names, F.col("entry_kind"))).alias("source_kind"),
        F.col("facts.commit").alias("commit"),
        "history",
        *(F.coalesce(f"facts.{c}", f"row_{c}").alias(c) for c in known),
        *(F.coalesce(c, F.lit(0)).alias(c) for c in ("file_count", "reject_count", "size_bytes")),
    ).select(*REPOSITORIES.names)


def reject_rows(entries: DataFrame) -> DataFrame:
    detail = F.coalesce("detail", F.lit("")).alias("detail")
    rejected = entries.where("reason is not null")
    return rejected.select(F.col("repository").alias("source"), F.col("path").alias("locator"), "reason", detail, "size_bytes")


JOB = Job(
    "ingest.files",
    "brings files of repositories into the lake",
    reads=(),
    writes=(CONTENTS, FILES, REJECTS, REPOSITORIES, FINGERPRINTS),
    transform=transform,
    params=IngestParams,
    version=VERSION,
    check=named_sources,
    is_changed=is_changed,
)
