"""The bare work that ingest is measured against: SHA-256 and a PyArrow Parquet write, nothing else."""

import hashlib
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.parquet as pq

SCHEMA = pa.schema([("sha256", pa.string()), ("path", pa.string()), ("text", pa.binary())])
ROW_GROUP_BYTES = 16 << 20


def write_parquet(out: str, files: Iterable[tuple[str, bytes]]) -> None:
    """Path, SHA-256 and bytes of every file into one Parquet file, in row groups of bounded size."""
    rows: list[tuple[str, str, bytes]] = []
    held = 0
    with pq.ParquetWriter(out, SCHEMA, compression="zstd", compression_level=1) as writer:
        for path, raw in files:
            rows.append((hashlib.sha256(raw).hexdigest(), path, raw))
            held += len(raw)
            if held >= ROW_GROUP_BYTES:
                writer.write_table(_table(rows))
                rows, held = [], 0
        if rows:
            writer.write_table(_table(rows))


def _table(rows: list[tuple[str, str, bytes]]) -> pa.Table:
    return pa.Table.from_arrays([pa.array(column) for column in zip(*rows, strict=True)], schema=SCHEMA)
