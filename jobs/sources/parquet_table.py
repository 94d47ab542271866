"""Reads Parquet, cut by row groups and read in batches that are bounded in bytes.

What a batch takes is foreseen from the file's own account of its sizes. A text column with a dictionary is kept as one, so that a small
file whose rows all point to one long text does not unfold in memory. A single value larger than memory cannot be refused before it is read.
"""

from collections.abc import Iterator
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.sources.source import Entry, Reject
from jobs.sources.table_rows import Piece, RowReader
from jobs.sources.units import ENTRY_COST_BYTES

_BATCH_BYTES = 8 << 20
_MAX_BATCH_ROWS = 1024
_BUFFER_BYTES = 1 << 20
_PARQUET_ERRORS = (pa.ArrowException, OSError, ValueError)


def list_pieces(file: IO[bytes], rows: RowReader, budget_bytes: int) -> Iterator[Piece | Reject]:
    try:
        table = pq.ParquetFile(file)
        schema, metadata = table.schema_arrow, table.metadata
    except _PARQUET_ERRORS as error:
        yield rows.broken_file("corrupt", f"no Parquet file: {error}"[:300])
        return
    rows.check_columns(schema.names)
    _check_text_type(schema, rows)
    groups: list[int] = []
    first = row = size = 0
    for index in range(metadata.num_row_groups):
        count, group_size = metadata.row_group(index).num_rows, _group_size(metadata.row_group(index), rows)
        if groups and size + group_size + (row + count - first) * ENTRY_COST_BYTES > budget_bytes:
            yield Piece({"groups": groups, "row": first}, row - first, size)
            groups, first, size = [], row, 0
        groups.append(index)
        row += count
        size += group_size
    if row > first:
        yield Piece({"groups": groups, "row": first}, row - first, size)


def read_piece(file: IO[bytes], rows: RowReader, place: dict[str, Any]) -> Iterator[Entry | Reject]:
    metadata = pq.read_metadata(file)
    number = place["row"]
    for index in place["groups"]:
        group = metadata.row_group(index)
        end, why = number + group.num_rows, "the row group holds fewer rows than it says"
        try:
            for batch in _batches(file, group, index, rows):
                for entry in _entries(batch, number, rows):
                    yield entry
                    number += 1
        except _PARQUET_ERRORS as error:
            why = str(error)[:300]
        if number < end:
            yield rows.reject(rows.range_locator(number, end), "corrupt", f"{end - number} rows cannot be read: {why}")
        number = end


def _check_text_type(schema: pa.Schema, rows: RowReader) -> None:
    theirs = rows.columns["text"]
    kind = schema.field(theirs).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    names = ("string", "large_string", "string_view", "binary", "large_binary", "binary_view")
    if str(kind) not in names:
        raise rows.wrong_column(theirs, kind)


def _group_size(group: pq.RowGroupMetaData, rows: RowReader) -> int:
    """Unpacked bytes of the mapped columns, as the file accounts for them."""
    wanted = set(rows.columns.values())
    chunks = (group.column(i) for i in range(group.num_columns))
    return sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema.split(".")[0] in wanted)


def _batches(file: IO[bytes], group: pq.RowGroupMetaData, index: int, rows: RowReader) -> Iterator[pa.RecordBatch]:
    text = rows.columns["text"]
    chunks = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    as_dictionary = [text] if chunks[text].has_dictionary_page else None
    table = pq.ParquetFile(file, read_dictionary=as_dictionary, pre_buffer=False, buffer_size=_BUFFER_BYTES)
    mean = max(_group_size(group, rows) // max(group.num_rows, 1), 1)
    size = min(max(_BATCH_BYTES // mean, 1), _MAX_BATCH_ROWS)
    columns = sorted(set(rows.columns.values()))
    yield from table.iter_batches(batch_size=size, row_groups=[index], columns=columns, use_threads=False)


def _entries(batch: pa.RecordBatch, first: int, rows: RowReader) -> Iterator[Entry | Reject]:
    names = [ours for ours in rows.columns if ours != "text"]
    others = [batch.column(rows.columns[ours]).to_pylist() for ours in names]
    texts = _texts(batch.column(rows.columns["text"]), rows.max_content_bytes)
    for index, text in enumerate(texts):
        values: dict[str, Any] = {ours: column[index] for ours, column in zip(names, others, strict=True)}
        yield rows.entry(first + index, {**values, "text": text})


def _texts(column: pa.Array, max_bytes: int) -> Iterator[bytes | int | None]:
    """Bytes of each value; of one that is too large only its size."""
    is_dictionary = pa.types.is_dictionary(column.type)
    values = (column.dictionary if is_dictionary else column).cast(pa.large_binary())
    places = column.indices.to_pylist() if is_dictionary else range(len(column))
    sizes = pc.binary_length(values).to_pylist()
    for place in places:
        size = None if place is None else sizes[place]
        yield size if size is None or size > max_bytes else values[place].as_py()
