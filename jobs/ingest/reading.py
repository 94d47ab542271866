"""What a task of the second stage of ingest does: read units, decode, and put texts aside.

Runs in Python workers. Texts go into one staging file a task (Parquet: content_sha256, text), each distinct text of the task once; what
is returned about each entry is narrow: ENTRIES, either a file (`reason` null) or a reject.
"""

import hashlib
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs import sources
from jobs.ingest.listing import UNREADABLE
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
        ("text_bytes", pa.int64()),
        ("language", pa.string()),
        ("text_file", pa.string()),
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
TEXTS = pa.schema([("content_sha256", pa.string()), ("text", pa.string())])
ROW_GROUP_BYTES = 16 << 20
HEAD_BYTES = 4096
ROWS = 4000


class Staging:
    """One Parquet file of distinct texts. Its name is random: a task that is tried again writes another, and only what a finished task
    names is read."""

    def __init__(self, folder: str) -> None:
        self.path = f"{folder}/{uuid.uuid4().hex}.parquet"
        self._filesystem, self._local = filesystem_of(self.path)
        self._writer: pq.ParquetWriter | None = None
        self._seen: set[str] = set()
        self._keys: list[str] = []
        self._texts: list[bytes] = []
        self._held_bytes = 0

    def add(self, key: str, text: bytes) -> None:
        if key in self._seen:
            return
        self._seen.add(key)
        self._keys.append(key)
        self._texts.append(text)
        self._held_bytes += len(text)
        if self._held_bytes >= ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        # from_arrays on binary, then a view as string: the bytes are known to be UTF-8 and are not decoded again.
        texts = pa.array(self._texts, pa.binary()).view(pa.string())
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._local, TEXTS, filesystem=self._filesystem, compression="lz4", use_dictionary=False)
        self._writer.write_table(pa.Table.from_arrays([pa.array(self._keys), texts], schema=TEXTS))
        self._keys, self._texts, self._held_bytes = [], [], 0

    def close(self) -> None:
        if self._keys:
            self._flush()
        if self._writer:
            self._writer.close()


def read_units(batches: Iterable[pa.RecordBatch], staging_folder: str, max_content_bytes: int) -> Iterator[pa.RecordBatch]:
    """batches: columns source (JSON), payload, entry_count, size_bytes. Yields batches of ENTRIES; the texts are in the staging file when
    the last one is out."""
    staging = Staging(staging_folder)
    rows: list[dict[str, Any]] = []
    for batch in batches:
        for unit in batch.to_pylist():
            source = Source.from_json(unit["source"])
            for item in read_unit(Unit(source, unit["payload"], unit["entry_count"], unit["size_bytes"]), max_content_bytes):
                rows.append(reject_row(source.kind, item) if isinstance(item, Reject) else entry_row(source.kind, item, staging))
                if len(rows) == ROWS:
                    yield pa.RecordBatch.from_pylist(rows, schema=ENTRIES)
                    rows = []
    staging.close()
    if rows:
        yield pa.RecordBatch.from_pylist(rows, schema=ENTRIES)


def read_unit(unit: Unit, max_content_bytes: int) -> Iterator[Entry | Reject]:
    """A source that went away between listing and reading costs its unit one reject; what was read before stays."""
    try:
        yield from sources.read_unit(unit, max_content_bytes)
    except SourceError as error:
        yield Reject(unit.source.label, "", UNREADABLE, str(error), unit.size_bytes)


def entry_row(source_kind: str, entry: Entry, staging: Staging) -> dict[str, Any]:
    decoded = decode(entry.raw)
    if isinstance(decoded, Undecodable):
        return reject_row(source_kind, Reject(entry.repository, entry.path, decoded.reason, decoded.detail, len(entry.raw)))
    raw_sha256 = hashlib.sha256(entry.raw).hexdigest()
    key = raw_sha256 if decoded.text is entry.raw else hashlib.sha256(decoded.text).hexdigest()
    staging.add(key, decoded.text)
    facts = entry.facts or Facts()
    return {
        "repository": entry.repository,
        "path": entry.path,
        "content_sha256": key,
        "raw_sha256": raw_sha256,
        "git_blob_id": entry.git_blob_id,
        "encoding": decoded.encoding,
        "size_bytes": len(entry.raw),
        "text_bytes": len(decoded.text),
        "language": language_of(entry.path, decoded.text[:HEAD_BYTES]),
        "text_file": staging.path,
        "source_kind": source_kind,
        "stars": facts.stars,
        "forks": facts.forks,
        "commits": facts.commits,
        "maintained_days": facts.maintained_days,
        "licence": facts.licence,
    }


def reject_row(source_kind: str, reject: Reject) -> dict[str, Any]:
    row = {"repository": reject.source, "path": reject.locator, "reason": reject.reason, "detail": reject.detail}
    return {**row, "size_bytes": reject.size_bytes, "source_kind": source_kind}
