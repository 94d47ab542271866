"""Brings files of repositories into the lake.

Reads   sources: folders, git repositories, archives, tables, a manifest of many
Writes  ingest/contents, then ingest/repositories, ingest/files, ingest/rejects, bookkeeping/fingerprints

Sources that did not change are skipped. The others are listed (names and sizes), cut into units of bounded size, and read by as many
tasks as there are units for, which put texts aside in staging; then keys are compared with the lake's, and new texts are written where
they stay. No text passes through the JVM. The rows of a source replace those that were read from it before (docs/decisions/0001). The
order of the commits is what makes a killed run safe: a source's fingerprint goes first and comes last, and repositories are counted from
what files were there before while they still are.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.ingest import entries_in_memory as in_memory
from jobs.ingest import rows_in_memory
from jobs.ingest.entries import count, file_rows, has_repeats, refused, reject_rows, to_read_again, unseen, without_repeats
from jobs.ingest.entries_in_memory import row_count
from jobs.ingest.fingerprints import Known, beginning, changed, known_sources, written
from jobs.ingest.held_rows import held_rows
from jobs.ingest.listing import FOUND, LISTED, list_into_file
from jobs.ingest.moved import refuse_moved
from jobs.ingest.named_sources import Named, called_after_their_place, named_sources
from jobs.ingest.reading import ENTRIES, READ, read_units
from jobs.ingest.repository_rows import repository_rows, touched_repositories
from jobs.ingest.texts import NewTexts, StagedFile, remove_leftovers
from jobs.ingest.texts_in_memory import FewNewTexts
from jobs.runtime.job import AddFiles, Job, Snapshot, SnapshotRows, Write, parameter
from jobs.runtime.local_rows import local_rows
from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from jobs.runtime.texts import task_count
from jobs.sources.source import Reject, Source
from jobs.sources.warc_names import is_archive
from schemas.delta_files import data_files
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
    most_rows_in_memory: int = parameter(
        500_000, "more files and rejects than that, read and in the lake, are compared by Spark and not in the driver", least=0
    )


def transform(tables: Tables, params: IngestParams) -> Iterator[Write]:
    named, known = named_by(params), known_by(tables.lake)
    prints = dict(changed(prints_of(named, known, params), known, tables.is_forced))
    todo = [source for source in named.sources if source.label in prints]
    rejects = named.rejects if named.manifest and named.manifest_label in prints else ()
    yield from beginning(known, prints)
    remove_leftovers(tables.lake, datetime.now(UTC))
    with Staging(tables.lake, tables.run) as staging:
        listed = list_changed(tables, todo, params, staging)
        read = read_listed(tables, listed, params, staging)
        is_few = held_count(tables.lake) + row_count(map(staging.address, read.names)) <= params.most_rows_in_memory
        found = Found(listed, read, rejects, list(prints), any(source.kind == "table" for source in todo))
        again = yield from (by_driver if is_few else by_spark)(tables, found, staging)
        places = named.locations()
        yield written(((label, "" if label in again else state, places[label]) for label, state in prints.items()))


def held_count(lake: Lake) -> int:
    """Rows that the lake has of what is compared with entries."""
    return sum(file.row_count for table in (FILES, REJECTS) for file in data_files(lake, table, lake.version(table)))


class Listed(NamedTuple):
    """Files of LISTED in staging, and what their units are together."""

    names: list[str]
    unit_count: int
    size_bytes: int


class Read(NamedTuple):
    """Files of ENTRIES in staging, and of their texts."""

    names: list[str]
    staged: list[StagedFile]


class Found(NamedTuple):
    """What came of the sources, named by `labels`; `rejects` of the manifest. `has_tables`: one of the sources is a table."""

    listed: Listed
    read: Read
    rejects: Sequence[Reject]
    labels: list[str]
    has_tables: bool


def by_driver(tables: Tables, found: Found, staging: Staging) -> Generator[Write, None, set[str]]:
    """The tables' rows, and labels of sources that are to be read again: of as many entries as the driver can hold."""
    listed = in_memory.read_listed(map(staging.address, found.listed.names))
    entries = in_memory.read_rows(map(staging.address, found.read.names), ENTRIES)
    entries = in_memory.without_repeats(pa.concat_tables([entries, in_memory.refused(listed, found.rejects)]))
    in_memory.count(tables.account, entries)
    keys = in_memory.read_files(entries).select(["content_sha256", "text_task"])
    texts = FewNewTexts(tables, keys, staging.folder("texts"), staging.folder("keys"), found.read.staged)
    yield AddFiles(CONTENTS, texts.write)
    texts.forget_unused()
    rows = rows_in_memory.rows_of(tables.lake, listed, entries, found.labels)
    yield SnapshotRows(REPOSITORIES, rows.repositories, "repository", rows.touched)
    yield SnapshotRows(FILES, rows.files, "origin", pa.array(found.labels, pa.string()))
    yield SnapshotRows(REJECTS, rows.rejects, "origin", pa.array(found.labels, pa.string()))
    return in_memory.to_read_again(entries)


def by_spark(tables: Tables, found: Found, staging: Staging) -> Generator[Write, None, set[str]]:
    """The same, of any number."""
    listed, entries = (
        staging.read(tables.spark, from_arrow_schema(schema), *names) if names else local_rows(tables.spark, [], from_arrow_schema(schema))
        for schema, names in ((LISTED, found.listed.names), (ENTRIES, found.read.names))
    )
    entries = entries.unionByName(refused(tables, listed, found.rejects), allowMissingColumns=True)
    if has_repeats(entries):
        entries = staging.keep(tables.spark, without_repeats(entries), "entries-once")
    count(tables, entries)
    keys = entries.where("reason is null").select("content_sha256", "text_task")
    texts = NewTexts(tables, keys, staging.folder("texts"), found.read.staged)
    yield AddFiles(CONTENTS, texts.write)
    texts.forget_unused()
    yield from rows_of(tables, listed, entries, found.labels, found.has_tables)
    return to_read_again(tables, entries)


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


def list_changed(tables: Tables, todo: list[Source], params: IngestParams, staging: Staging) -> Listed:
    rows = local_rows(tables.spark, [(s.to_json(),) for s in todo], "source string")
    listing = partial(
        list_into_file,
        folder=staging.folder("listed"),
        lake=tables.lake,
        unit_bytes=params.unit_bytes,
        max_content_bytes=params.max_content_bytes,
    )
    if len(todo) > tables.cores:  # few rows are a task each as they are
        rows = rows.repartition(min(len(todo), 16 * tables.cores), "source")
    done = rows.mapInArrow(listing, from_arrow_schema(FOUND)).collect() if todo else []
    return Listed([f"listed/{row.file}" for row in done], sum(row.unit_count for row in done), sum(row.size_bytes for row in done))


def read_listed(tables: Tables, listed: Listed, params: IngestParams, staging: Staging) -> Read:
    if not listed.unit_count:
        return Read([], [])
    units = staging.read(tables.spark, from_arrow_schema(LISTED), *listed.names).where("payload is not null")
    folders = {"entry_folder": staging.folder("entries"), "text_folder": staging.folder("texts")}
    reading = partial(read_units, **folders, max_content_bytes=params.max_content_bytes)
    tasks = min(listed.unit_count, task_count(listed.size_bytes, tables.cores))
    wanted = units.select("source", "payload", "entry_count", "size_bytes").repartition(tasks)
    done = wanted.mapInArrow(reading, from_arrow_schema(READ)).collect()
    return Read([f"entries/{row.entry_file}" for row in done], [StagedFile(row.task, row.text_file, row.text_bytes) for row in done])


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
