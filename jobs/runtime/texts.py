"""Reading texts where they lie: a function is applied to the texts of given keys, and no text is shuffled.

Keys are located first (which file, which block of it), shuffled by that place, and each task then reads from its blocks the row groups
that hold wanted keys. What moves between machines is tens of bytes a row, whatever the size of the texts.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from schemas.lake import filesystem_of

KEY, TEXT, FILE, BLOCK, SIZE = "content_sha256", "text", "text_file", "text_block", "size_bytes"
BATCH_BYTES = 10 << 20
TASK_BYTES = 48 << 20

TextFunction = Callable[[pa.RecordBatch], pa.RecordBatch]


def located(contents: DataFrame) -> DataFrame:
    """Key, size and place of every content: columns content_sha256, size_bytes, text_file, text_block."""
    return contents.select(KEY, SIZE, F.col("_metadata.file_path").alias(FILE), F.col("_metadata.file_block_start").alias(BLOCK))


def task_count(size_bytes: int, cores: int) -> int:
    """Enough tasks that each reads about TASK_BYTES, and that all cores have several to even out."""
    return max(1, min(4 * cores, size_bytes >> 20), -(-size_bytes // TASK_BYTES))


def map_texts(wanted: DataFrame, function: TextFunction, schema: StructType | str, tasks: int) -> DataFrame:
    """Applies `function` to batches of `wanted`'s rows with their text.

    wanted: has columns content_sha256, text_file, text_block, and any others; a key may stand in several rows. `function` gets
    record batches of wanted's columns (without the place) and `text`, at most about BATCH_BYTES of text each (one longer text
    alone), and returns a record batch of `schema`. It runs in Python workers and is pickled.
    """

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in texts_where_they_lie(batches):
            yield function(batch)

    return placed(wanted, tasks).mapInArrow(run, schema)


def placed(wanted: DataFrame, tasks: int) -> DataFrame:
    """Rows shuffled and sorted by where their texts lie."""
    others = [c for c in wanted.columns if c not in (FILE, BLOCK)]
    return wanted.select(FILE, BLOCK, *others).repartition(tasks, FILE, BLOCK).sortWithinPartitions(FILE, BLOCK, KEY)


def texts_where_they_lie(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows of a task, those of one file and block together, with their texts: batches without the place and with `text`."""
    for rows in blocks(batches):
        yield from with_texts(rows)


def bounded(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The batch in slices of about BATCH_BYTES of text, a longer text alone."""
    sizes = pc.binary_length(batch.column("text")).to_pylist()
    start = held = 0
    for row, size in enumerate(sizes):
        if held and held + size > BATCH_BYTES:
            yield batch.slice(start, row - start)
            start, held = row, 0
        held += size
    if start < batch.num_rows:
        yield batch.slice(start)


def blocks(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Regroups sorted batches into one table per (file, block)."""
    held: list[pa.RecordBatch] = []
    place: tuple[str, int] | None = None
    for batch in batches:
        for piece in runs(batch):
            found = (piece.column(FILE)[0].as_py(), piece.column(BLOCK)[0].as_py())
            if held and found != place:
                yield pa.Table.from_batches(held)
                held = []
            place = found
            held.append(piece)
    if held:
        yield pa.Table.from_batches(held)


def runs(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Slices of a sorted batch in which file and block are constant."""
    if batch.num_rows == 0:
        return
    file = np.asarray(pc.dictionary_encode(batch.column(FILE)).indices)
    block = np.asarray(batch.column(BLOCK))
    edges = np.flatnonzero((file[1:] != file[:-1]) | (block[1:] != block[:-1])) + 1
    for start, end in zip([0, *edges.tolist()], [*edges.tolist(), batch.num_rows], strict=True):
        yield batch.slice(start, end - start)


def with_texts(rows: pa.Table) -> Iterator[pa.RecordBatch]:
    """Rows of one file with their texts. Raises KeyError if a key is not in the file: the table changed under the job."""
    filesystem, path = filesystem_of(rows.column(FILE)[0].as_py())
    rows = rows.drop_columns([FILE, BLOCK]).combine_chunks()
    found = 0
    with pq.ParquetFile(path, filesystem=filesystem) as file:
        for group in range(file.num_row_groups):
            keys = file.read_row_group(group, columns=[KEY], use_threads=False).column(KEY).combine_chunks()
            position = pc.index_in(rows.column(KEY), value_set=keys)
            hits = rows.filter(pc.is_valid(position))
            if hits.num_rows == 0:
                continue
            found += hits.num_rows
            texts = file.read_row_group(group, columns=[TEXT], use_threads=False).column(TEXT)
            yield from _bounded(hits, texts.combine_chunks(), pc.drop_null(position))
    if found != rows.num_rows:
        raise KeyError(f"{rows.num_rows - found} of {rows.num_rows} contents are not in {path}")


def _bounded(rows: pa.Table, texts: pa.Array, position: pa.ChunkedArray) -> Iterator[pa.RecordBatch]:
    """Joins rows and texts by position, in batches of at most about BATCH_BYTES."""
    order = np.asarray(position)
    ends = np.cumsum(np.asarray(pc.binary_length(texts)).astype(np.int64)[order])
    start = 0
    is_in_order = bool((order == np.arange(len(order))).all())
    while start < len(order):
        base = ends[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(ends, base + BATCH_BYTES, side="right")))
        # A slice costs nothing where all texts of a row group are wanted in its order; else they are copied.
        found = texts.slice(start, end - start) if is_in_order else texts.take(pa.array(order[start:end]))
        yield rows.slice(start, end - start).append_column(TEXT, found).combine_chunks().to_batches()[0]
        start = end
