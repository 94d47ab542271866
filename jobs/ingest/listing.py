"""What a task of the first stage of ingest does: list a source, keep its history.

Runs in Python workers, one source a row. Rows of LISTED: a unit to read (`payload` set), a reject (`reason` set), or, once a source
that names one repository, what is known of the repository (`facts` set, JSON).
"""

import dataclasses
import errno
import hashlib
import json
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs import sources
from jobs.runtime.errors import NO_SPACE
from jobs.sources.bundle_files import index_of
from jobs.sources.source import Reject, ShallowHistoryError, Source, SourceError, Unit
from schemas.lake import BUNDLES, Lake, filesystem_of

LISTED = pa.schema(
    [
        ("source", pa.string()),
        ("origin", pa.string()),
        ("payload", pa.binary()),
        ("entry_count", pa.int64()),
        ("size_bytes", pa.int64()),
        ("facts", pa.string()),
        ("history", pa.string()),
        ("locator", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("reject_source", pa.string()),
    ]
)
UNREADABLE = "unreadable"
HISTORY = ".git"  # locator of a history that cannot be kept; git makes no file of this path
MAX_NAME_BYTES = 200  # of a folder; file systems take 255, and a name is put before it while a bundle is written
FOUND = pa.schema([("file", pa.string()), ("unit_count", pa.int64()), ("size_bytes", pa.int64())])  # a file of LISTED, and its units
ROWS = 64  # a listed row holds a unit's payload, some hundred kilobytes


def list_into_file(
    batches: Iterable[pa.RecordBatch], folder: str, lake: Lake, unit_bytes: int, max_content_bytes: int
) -> Iterator[pa.RecordBatch]:
    """What `list_sources` gives, into a Parquet file under a random name; yields its row of FOUND, or nothing where nothing was listed."""
    filesystem, path = filesystem_of(folder)
    name, writer, units, size = f"{uuid.uuid4().hex}.parquet", None, 0, 0
    for batch in list_sources(batches, lake, unit_bytes, max_content_bytes):
        if writer is None:
            writer = pq.ParquetWriter(f"{path}/{name}", LISTED, filesystem=filesystem, compression="zstd", compression_level=1)
        writer.write_batch(batch)
        found = batch.filter(pc.is_valid(batch.column("payload"))).column("size_bytes")
        units, size = units + len(found), size + (pc.sum(found).as_py() or 0)
    if writer is not None:
        writer.close()
        yield pa.RecordBatch.from_pylist([{"file": name, "unit_count": units, "size_bytes": size}], schema=FOUND)


def list_sources(batches: Iterable[pa.RecordBatch], lake: Lake, unit_bytes: int, max_content_bytes: int) -> Iterator[pa.RecordBatch]:
    """batches: column `source`, JSON. Yields batches of LISTED."""
    rows: list[dict[str, Any]] = []
    for batch in batches:
        for text in batch.column("source").to_pylist():
            for row in list_source(text, lake, unit_bytes, max_content_bytes):
                rows.append(row)
                if len(rows) == ROWS:
                    yield pa.RecordBatch.from_pylist(rows, schema=LISTED)
                    rows = []
    if rows:
        yield pa.RecordBatch.from_pylist(rows, schema=LISTED)


def list_source(text: str, lake: Lake, unit_bytes: int, max_content_bytes: int) -> Iterator[dict[str, Any]]:
    source = Source.from_json(text)
    try:
        for item in sources.list_units(source, unit_bytes, max_content_bytes):
            yield unit_row(text, item) if isinstance(item, Unit) else reject_row(source, item)
        if source.repository:
            facts = dataclasses.asdict(sources.facts(source))
            history = None
            try:
                history = keep_history(source, facts["commit"], lake)
            except SourceError as error:  # costs the history alone: the snapshot is read all the same
                if NO_SPACE in str(error):
                    raise OSError(errno.ENOSPC, str(error)) from error
                reason = "shallow" if isinstance(error, ShallowHistoryError) else "corrupt"
                yield reject_row(source, Reject(source.label, HISTORY, reason, str(error)))
            yield {"source": text, "facts": json.dumps(facts), "history": history}
    except SourceError as error:
        yield reject_row(source, Reject(source.label, "", UNREADABLE, str(error)))


def unit_row(text: str, unit: Unit) -> dict[str, Any]:
    return {"source": text, "payload": unit.payload, "entry_count": unit.entry_count, "size_bytes": unit.size_bytes}


def reject_row(source: Source, reject: Reject) -> dict[str, Any]:
    row = {
        "source": source.to_json(),
        "origin": source.label,
        "reject_source": reject.source,
        "locator": reject.locator,
        "reason": reject.reason,
        "detail": reject.detail,
    }
    return {**row, "size_bytes": reject.size_bytes}


def folder_name(repository: str) -> str:
    """A name that every file system takes: a long one ends in its hash."""
    name = repository.replace("/", "_").replace(":", "_")
    raw = name.encode()
    if len(raw) <= MAX_NAME_BYTES:
        return name
    return f"{raw[: MAX_NAME_BYTES - 17].decode(errors='ignore')}-{hashlib.sha256(repository.encode()).hexdigest()[:16]}"


def keep_history(source: Source, commit: str | None, lake: Lake) -> str | None:
    """Puts the bundle of a source's history into the lake and returns its path there; None where there is no history.

    The name holds the commit. One that is there already is made again where it is damaged, or lacks objects that are there by now.
    """
    if commit is None:
        return None
    name = f"{BUNDLES}/{folder_name(source.repository)}/{commit}.bundle"
    filesystem, root = lake.filesystem()
    if lake.is_local:
        return name if sources.keep_history(source, Path(root) / name) else None
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "history.bundle"
        if not sources.keep_history(source, bundle):
            return None
        for place in (index_of(bundle), bundle):  # where the bundle is, its index is too
            with (
                place.open("rb") as local,
                filesystem.open_output_stream(f"{root}/{name.removesuffix(bundle.suffix)}{place.suffix}") as remote,
            ):
                while block := local.read(8 << 20):
                    remote.write(block)
    return name
