"""What a task of the second stage of ingest does: read units, decode, and write what it read.

Runs in Python workers. Texts go into a staged file, each distinct text of the task once; what is known of each entry goes into a file of
ENTRIES, either a file (`reason` null) or a reject. Spark is told the names of the two, and nothing else.
"""

import hashlib
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark import TaskContext

from jobs import sources
from jobs.ingest.listing import UNREADABLE
from jobs.ingest.staged_texts import StagedTexts
from jobs.sources.source import Entry, Facts, Reject, Source, SourceError, Unit
from schemas.lake import filesystem_of
from udfs.decode import Undecodable, decode
from udfs.languages import language_of

ENTRIES = pa.schema(
    [
        ("repository", pa.string()),  # of a reject: its source
        ("path", pa.string()),  # of a reject: its locator
        ("content_sha256", pa.string()),
        ("raw_sha256", pa.string()),
        ("git_blob_id", pa.string()),
        ("encoding", pa.string()),
        ("size_bytes", pa.int64()),
        ("language", pa.string()),
        ("text_task", pa.int32()),  # number of the task that put the text aside
        ("origin", pa.string()),  # label of the source: one table holds many repositories
        ("source_kind", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("stars", pa.int64()),
        ("forks", pa.int64()),
        ("commits", pa.int64()),
        ("maintained_days", pa.int64()),
        ("licence", pa.string()),
    ]
)
READ = pa.schema([("task", pa.int32()), ("entry_file", pa.string()), ("text_file", pa.string()), ("text_bytes", pa.int64())])
HEAD_BYTES = 4096
ROWS = 20_000

Row = tuple[Any, ...]


class EntryFile:
    """One Parquet file under a random name, of rows in the order of `schema`. Without rows it is written all the same, and is empty."""

    def __init__(self, folder: str, schema: pa.Schema = ENTRIES) -> None:
        self._schema = schema
        self.name = f"{uuid.uuid4().hex}.parquet"
        filesystem, path = filesystem_of(folder)
        # Not LZ4: of what Arrow's library writes, that of Java takes some for malformed ("last 5 bytes must be literals").
        self._writer = pq.ParquetWriter(f"{path}/{self.name}", schema, filesystem=filesystem, compression="zstd", compression_level=1)
        self._rows: list[Row] = []

    def add(self, row: Row) -> None:
        self._rows.append(row)
        if len(self._rows) == ROWS:
            self._flush()

    def _flush(self) -> None:
        columns = zip(*self._rows, strict=True)
        arrays = [pa.array(c, f.type) for c, f in zip(columns, self._schema, strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._rows = []

    def close(self) -> None:
        if self._rows:
            self._flush()
        self._writer.close()


def read_units(batches: Iterable[pa.RecordBatch], entry_folder: str, text_folder: str, max_content_bytes: int) -> Iterator[pa.RecordBatch]:
    """batches: columns source (JSON), payload, entry_count, size_bytes. Yields one batch of READ, of one row."""
    texts, entries, task = StagedTexts(text_folder), EntryFile(entry_folder), task_number()
    for batch in batches:
        for unit in batch.to_pylist():
            source = Source.from_json(unit["source"])
            for item in read_unit(Unit(source, unit["payload"], unit["entry_count"], unit["size_bytes"]), max_content_bytes):
                entries.add(reject_row(source, item) if isinstance(item, Reject) else entry_row(source, item, texts, task))
    entries.close()
    texts.close()
    row = {"task": task, "entry_file": entries.name, "text_file": texts.name, "text_bytes": texts.size_bytes}
    yield pa.RecordBatch.from_pylist([row], schema=READ)


def task_number() -> int:
    """Of the partition that this task computes; the same when it is tried again."""
    context = TaskContext.get()
    return context.partitionId() if context else 0


def read_unit(unit: Unit, max_content_bytes: int) -> Iterator[Entry | Reject]:
    """A source that went away between listing and reading costs its unit one reject; what was read before stays."""
    try:
        yield from sources.read_unit(unit, max_content_bytes)
    except SourceError as error:
        yield Reject(unit.source.label, "", UNREADABLE, str(error), unit.size_bytes)


def entry_row(source: Source, entry: Entry, texts: StagedTexts, task: int) -> Row:
    """A row of ENTRIES; the text goes to `texts`."""
    decoded = decode(entry.raw)
    if isinstance(decoded, Undecodable):
        return reject_row(source, Reject(entry.repository, entry.path, decoded.reason, decoded.detail, len(entry.raw)))
    raw_sha256 = hashlib.sha256(entry.raw).hexdigest()
    key = raw_sha256 if decoded.text is entry.raw else hashlib.sha256(decoded.text).hexdigest()
    texts.add(key, decoded.text)
    language = language_of(entry.path, decoded.text[:HEAD_BYTES])
    facts = entry.facts or Facts()
    return (
        entry.repository, entry.path, key, raw_sha256, entry.git_blob_id, decoded.encoding, len(entry.raw), language, task,
        source.label, source.kind, None, None, facts.stars, facts.forks, facts.commits, facts.maintained_days, facts.licence,
    )  # fmt: skip


def reject_row(source: Source, reject: Reject) -> Row:
    nothing = (None,) * 5
    return (
        reject.source, reject.locator, None, None, None, None, reject.size_bytes, None, None,
        source.label, source.kind, reject.reason, reject.detail, *nothing,
    )  # fmt: skip
