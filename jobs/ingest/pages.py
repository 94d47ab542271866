"""Brings pages of web archives into the lake.

Reads   web archives: files, folders, lists, S3
Writes  ingest/contents, then ingest/pages, ingest/rejects, bookkeeping/fingerprints

Archives that did not change are skipped. The others are cut into ranges, which tasks read: each response becomes a page, whose text is put
aside in staging, or a reject; then new texts are written where they stay, as ingest.files does it. The pages of an archive are replaced
when it, or what makes text of pages, has changed. An archive's fingerprint goes first and comes last, so that a killed run is read again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import pyarrow.compute as pc
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.ingest.entries import count
from jobs.ingest.fingerprints import Known, beginning, changed, known_sources, written
from jobs.ingest.listing import UNREADABLE
from jobs.ingest.moved import refuse_moved
from jobs.ingest.page_reading import PAGE_ENTRIES, Limits, read_archives, reject
from jobs.ingest.reading import READ
from jobs.ingest.texts import NewTexts, StagedFile, remove_leftovers
from jobs.runtime.job import AddFiles, Job, Snapshot, Write, parameter, short_hash
from jobs.runtime.local_rows import local_rows
from jobs.runtime.setup_kernels import compile_kernels
from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from jobs.runtime.texts import task_count
from jobs.sources.source import SourceError
from jobs.sources.warc import ranges
from jobs.sources.warc_names import PREFIX, Archive, fingerprint, is_archive, parse_archives
from schemas.ingest import CONTENTS, FINGERPRINTS, PAGES, REJECTS
from schemas.lake import Lake
from udfs import page_text
from udfs.isolated import IsolationLimits

VERSION = 4


@dataclass(frozen=True)
class PagesParams:
    archive: tuple[str, ...] = parameter((), "a .warc, .warc.gz or .warc.zst: PATH, NAME=PATH, s3://..., a folder, @LIST (repeatable)")
    moved: bool = parameter(False, "archives lie elsewhere than before, and are still those that the lake has by their names")
    max_html_bytes: int = parameter(64 << 20, "a larger body is a reject", least=1, most=1 << 30)
    max_content_bytes: int = parameter(16 << 20, "a page with more text is a reject", least=1, most=1 << 30)
    deadline_s: float = parameter(30.0, "processor time for one page; one that takes more is a reject", least=0.1)
    memory_bytes: int = parameter(1 << 30, "for one page, beside its body; one that takes more is a reject (on Linux)", least=1 << 28)
    range_bytes: int = parameter(64 << 20, "of an archive, as it lies, that one task reads at a time", least=1 << 10)


def transform(tables: Tables, params: PagesParams) -> Iterator[Write]:
    known = known_by(tables.lake)
    prints = changed_archives(known, named_archives(params, known, tables.lake), params, tables.is_forced)
    if not prints:
        return
    if tables.is_local:  # where tasks find what is compiled here
        compile_kernels(tables.say)
    yield from beginning(known, [archive.name for archive in prints])
    remove_leftovers(tables.lake, datetime.now(UTC))
    with Staging(tables.lake, tables.run) as staging:
        read, staged = read_changed(tables, list(prints), params, staging)
        names = local_rows(tables.spark, [(archive.name,) for archive in prints], "archive string")
        entries = staging.keep(tables.spark, without_repeats(tables, read, names), "entries")
        pages = entries.where("reason is null")
        unread = [row.archive for row in entries.where(F.col("reason") == UNREADABLE).select("archive").distinct().collect()]
        count(tables, entries, "html_bytes")
        texts = NewTexts(tables, pages.select("content_sha256", "text_task"), staging.folder("texts"), staged)
        yield AddFiles(CONTENTS, texts.write)
        texts.forget_unused()
        # An archive that could not be read to its end loses nothing that the lake holds of it, and is tried again by the next run.
        whole = names.where(~F.col("archive").isin(unread))
        held = tables[PAGES].join(names.join(whole, "archive", "left_anti"), "archive", "left_semi").select("record")
        yield Snapshot(PAGES, pages.select(*PAGES.names).join(held, "record", "left_anti"), whole)
        yield Snapshot(REJECTS, reject_rows(entries), names.withColumnRenamed("archive", "origin"))
        yield written(((archive.name, "" if archive.name in unread else found, archive.address) for archive, found in prints.items()))


def known_by(lake: Lake) -> dict[str, Known]:
    return known_sources(lake, (CONTENTS, PAGES, REJECTS), is_archive)


def named_archives(params: PagesParams, known: dict[str, Known], lake: Lake) -> list[Archive]:
    """Raises `UsageError` where an archive took the place of another one, of which the lake has pages."""
    found = parse_archives(params.archive)
    if not params.moved:
        others = [one for one in found if not one.is_named and one.name in known and known[one.name].location != one.address]
        others = [one for one in others if lake.has_rows(PAGES, pc.field("archive") == one.name)]
        called = [(one.name, one.name.removeprefix(PREFIX), one.address) for one in others]
        refuse_moved(called, known, "--archive", "ingest.pages")
    return found


def changed_archives(known: dict[str, Known], archives: list[Archive], params: PagesParams, is_forced: bool = False) -> dict[Archive, str]:
    """Fingerprints of the archives that are not in the lake as they are now."""
    rules = f"{VERSION} {page_text.VERSION} {params.max_html_bytes} {params.max_content_bytes} {params.deadline_s} {params.memory_bytes}"
    prints = ((archive.name, short_hash(rules, archive.address, fingerprint_or_none(archive))) for archive in archives)
    todo = dict(changed(prints, known, is_forced))
    return {archive: todo[archive.name] for archive in archives if archive.name in todo}


def fingerprint_or_none(archive: Archive) -> str:
    """Of an archive that is not there it is empty; the reading then says why, in a row."""
    try:
        return fingerprint(archive)
    except SourceError:
        return ""


def idle(lake: Lake, params: PagesParams) -> str | None:
    return None if params.archive else "no web archive was named (--archive)"


def is_changed(lake: Lake, params: PagesParams) -> bool:
    known = known_by(lake)
    return bool(changed_archives(known, named_archives(params, known, lake), params))


def read_changed(tables: Tables, archives: list[Archive], params: PagesParams, staging: Staging) -> tuple[DataFrame, list[StagedFile]]:
    """Entries of all archives in the shape of PAGE_ENTRIES, and the staged files that their texts are in."""
    schema = from_arrow_schema(PAGE_ENTRIES)
    units, rejects = [], []
    for archive in archives:
        try:
            units += [
                (archive.name, archive.address, part.start, part.end, part.is_all) for part in ranges(archive.address, params.range_bytes)
            ]
        except SourceError as error:
            rejects.append(tuple(reject(archive, "", UNREADABLE, str(error), None).get(name) for name in PAGE_ENTRIES.names))
    refused = local_rows(tables.spark, rejects, schema)
    if not units:
        return refused, []
    entry_folder, text_folder = staging.folder("entries"), staging.folder("texts")
    limits = Limits(params.max_html_bytes, params.max_content_bytes, IsolationLimits(params.deadline_s, params.memory_bytes))
    reading = partial(read_archives, entry_folder=entry_folder, text_folder=text_folder, limits=limits)
    rows = local_rows(tables.spark, units, "name string, address string, start bigint, end bigint, is_all boolean")
    tasks = min(len(units), task_count(sum(unit[3] - unit[2] for unit in units), tables.cores))
    done = rows.repartition(tasks).mapInArrow(reading, from_arrow_schema(READ)).collect()
    entries = staging.read(tables.spark, schema, *(f"entries/{row.entry_file}" for row in done))
    return entries.unionByName(refused), [StagedFile(row.task, row.text_file, row.text_bytes) for row in done]


def without_repeats(tables: Tables, entries: DataFrame, changed_archives: DataFrame) -> DataFrame:
    """Of records with one id the first archive's stays, and one that the lake has from another archive; the others become rejects."""
    held = tables[PAGES].join(changed_archives, "archive", "left_anti").select("record", F.lit(True).alias("is_held"))
    same = Window.partitionBy("archive", "locator").orderBy(
        F.col("reason").isNotNull(), "offset_bytes", "url", "content_sha256", "reason", "detail"
    )
    # Rejects have no record: each is then alone, or all of them would be one task's.
    name = F.coalesce("record", F.concat("archive", F.lit(" "), "locator"))
    by_record = Window.partitionBy(name).orderBy("archive", "offset_bytes", "url", "content_sha256")
    rows = entries.join(held, "record", "left").withColumn("place", F.row_number().over(same))
    rows = rows.withColumn("rank", F.when(F.col("record").isNotNull(), F.row_number().over(by_record)).otherwise(1))
    is_repeat = F.col("reason").isNull() & ((F.col("rank") > 1) | F.coalesce("is_held", F.lit(False)))
    said = {
        "locator": F.when(F.col("place") > 1, F.concat("locator", F.lit("#"), "place")).otherwise(F.col("locator")),
        "reason": F.when(is_repeat, "duplicate_record").otherwise(F.col("reason")),
        "detail": F.when(is_repeat, F.concat(F.lit("another record has the id "), "record")).otherwise(F.col("detail")),
    }
    return rows.select(*(said.get(name, F.col(name)).alias(name) for name in PAGE_ENTRIES.names))


def reject_rows(entries: DataFrame) -> DataFrame:
    rejected = entries.where("reason is not null")
    detail = F.coalesce("detail", F.lit("")).alias("detail")
    return rejected.select(
        F.col("archive").alias("source"),
        "locator",
        "reason",
        detail,
        F.col("html_bytes").alias("size_bytes"),
        F.col("archive").alias("origin"),
    )


JOB = Job(
    "ingest.pages",
    "brings pages of web archives into the lake",
    reads=(),
    writes=(CONTENTS, PAGES, REJECTS, FINGERPRINTS),
    transform=transform,
    params=PagesParams,
    version=VERSION,
    check=lambda params: parse_archives(params.archive),
    is_changed=is_changed,
    idle=idle,
)
