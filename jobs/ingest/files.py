"""Brings files of repositories into the lake.

Reads   sources: folders, git repositories, archives, tables, a manifest of many
Writes  ingest/contents, then ingest/repositories, ingest/files, ingest/rejects, bookkeeping/fingerprints

Sources that did not change are skipped. The others are listed (names and sizes), cut into units of bounded size, and read by as many
tasks as there are units for, which put texts aside in staging; then keys are compared with the lake's, and new texts are written where
they stay. No text passes through the JVM. The rows of a source replace those that were read from it before (docs/decisions/0001). The
order of the commits is what makes a killed run safe: a source's fingerprint goes first and comes last, and repositories are counted from
what files were there before while they still are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.ingest.entries import count, file_rows, has_repeats, refused, reject_rows, to_read_again, unseen, without_repeats
from jobs.ingest.fingerprints import Known, beginning, changed, known_sources, written
from jobs.ingest.held_rows import held_rows
from jobs.ingest.listing import LISTED, list_sources
from jobs.ingest.moved import refuse_moved
from jobs.ingest.named_sources import Named, called_after_their_place, named_sources
from jobs.ingest.reading import ENTRIES, READ, read_units
from jobs.ingest.repository_rows import repository_rows, touched_repositories
from jobs.ingest.texts import NewTexts, StagedFile, remove_leftovers
from jobs.runtime.job import AddFiles, Job, Snapshot, Write, parameter
from jobs.runtime.local_rows import local_rows
from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from jobs.runtime.texts import task_count
from jobs.sources.source import Source
from jobs.sources.warc_names import is_archive
from schemas.ingest import CONTENTS, FILES, FINGERPRINTS, REJECTS, REPOSITORIES
from schemas.lake import Lake
from udfs import decode, languages

VERSION = 2
TABLES = (CONTENTS, REPOSITORIES, FILES, REJECTS)


@dataclass(frozen=True)
class IngestParams:
    source: tuple[str, ...] = parameter((), "a folder, git repository, archive or table: PATH, NAME=PATH, git:PATH@REF ... (repeatable)")
    manifest: str = parameter("", "JSON Lines naming many sources with their facts")
    allow_none: bool = parameter(False, "where no source is named do nothing, because web archives are all that there is")
    moved: bool = parameter(False, "sources lie elsewhere than before, and are still those that the lake has by their names")
    max_content_bytes: int = parameter(16 << 20, "a larger file is a reject", least=1, most=1 << 30)
    unit_bytes: int = parameter(32 << 20, "what one task reads at a time", least=1)


def transform(tables: Tables, params: IngestParams) -> Iterator[Write]:
    named, known = named_by(params), known_by(tables.lake)
    prints = dict(changed(prints_of(named, known, params), known, tables.is_forced))
    todo = [source for source in named.sources if source.label in prints]
    rejects = named.rejects if named.manifest and named.manifest_label in prints else ()
    yield from beginning(known, prints)
    remove_leftovers(tables.lake, datetime.now(UTC))
    with Staging(tables.lake, tables.run) as staging:
        listed = staging.keep(tables.spark, list_changed(tables, todo, params), "listed")
        read, staged = read_listed(tables, listed, params, staging)
        entries = read.unionByName(refused(tables, listed, rejects), allowMissingColumns=True)
        if has_repeats(entries):
            entries = staging.keep(tables.spark, without_repeats(entries), "entries")
        count(tables, entries)
        texts = NewTexts(tables, entries.where("reason is null").select("content_sha256", "text_task"), staging.folder("texts"), staged)
        yield AddFiles(CONTENTS, texts.write)
        texts.forget_unused()
        yield from rows_of(tables, listed, entries, list(prints), any(source.kind == "table" for source in todo))
        again, places = to_read_again(tables, entries), named.locations()
        yield written(((label, "" if label in again else found, places[label]) for label, found in prints.items()))


def rows_of(tables: Tables, listed: DataFrame, entries: DataFrame, labels: list[str], has_tables: bool) -> Iterator[Write]:
    """What the tables are to have of these sources: what was read, and where they could not be read what the lake holds of them."""
    origins = local_rows(tables.spark, [(label,) for label in labels], "origin string")
    hidden = unseen(entries) if tables.account.rejected else None
    held = held_rows(tables, origins, None if hidden is None or hidden.isEmpty() else hidden)
    files, rejects = held.with_unseen(file_rows(entries)), reject_rows(entries)
    touched = touched_repositories(held, listed, entries).localCheckpoint()
    yield Snapshot(REPOSITORIES, repository_rows(held, listed, entries, touched, files, rejects, has_tables), touched)
    yield Snapshot(FILES, files, origins)
    yield Snapshot(REJECTS, rejects, origins)


def named_by(params: IngestParams) -> Named:
    return named_sources(params.source, params.manifest, params.allow_none)


def known_by(lake: Lake) -> dict[str, Known]:
    return known_sources(lake, TABLES, lambda label: not is_archive(label))


def prints_of(named: Named, known: dict[str, Known], params: IngestParams) -> Iterator[tuple[str, str]]:
    """Raises `UsageError` where a source took the place of another one."""
    if not params.moved:
        refuse_moved(called_after_their_place(named), known, "--source", "ingest.files")
    return named.fingerprints(f"{VERSION} {decode.VERSION} {languages.VERSION} {params.max_content_bytes}")


def is_changed(lake: Lake, params: IngestParams) -> bool:
    known = known_by(lake)
    return next(changed(prints_of(named_by(params), known, params), known), None) is not None


def list_changed(tables: Tables, todo: list[Source], params: IngestParams) -> DataFrame:
    rows = local_rows(tables.spark, [(s.to_json(),) for s in todo], "source string")
    listing = partial(list_sources, lake=tables.lake, unit_bytes=params.unit_bytes, max_content_bytes=params.max_content_bytes)
    return rows.repartition(max(1, min(len(todo), 16 * tables.cores)), "source").mapInArrow(listing, from_arrow_schema(LISTED))


def read_listed(tables: Tables, listed: DataFrame, params: IngestParams, staging: Staging) -> tuple[DataFrame, list[StagedFile]]:
    """Entries of all units in the shape of ENTRIES, and the staged files that their texts are in."""
    units = listed.where("payload is not null").select("source", "payload", "entry_count", "size_bytes")
    count, size = units.agg(F.count("*"), F.coalesce(F.sum("size_bytes"), F.lit(0))).first()  # type: ignore[misc]
    schema = from_arrow_schema(ENTRIES)
    if not count:
        return local_rows(tables.spark, [], schema), []
    folders = {"entry_folder": staging.folder("entries"), "text_folder": staging.folder("texts")}
    reading = partial(read_units, **folders, max_content_bytes=params.max_content_bytes)
    done = units.repartition(min(count, task_count(size, tables.cores))).mapInArrow(reading, from_arrow_schema(READ)).collect()
    entries = staging.read(tables.spark, schema, *(f"entries/{row.entry_file}" for row in done))
    return entries, [StagedFile(row.task, row.text_file, row.text_bytes) for row in done]


JOB = Job(
    "ingest.files",
    "brings files of repositories into the lake",
    reads=(),
    writes=(CONTENTS, FILES, REJECTS, REPOSITORIES, FINGERPRINTS),
    transform=transform,
    params=IngestParams,
    version=VERSION,
    check=named_by,
    is_changed=is_changed,
)
