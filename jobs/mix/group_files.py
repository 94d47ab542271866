"""Files of mix/sequences, one per split and hash group, written and read by tasks with Arrow.

Lists of tokens do not pass through the JVM, which copies them element by element: of 22 s in which 65 million known tokens were packed
again, reading their lists took 5 and writing them 13.
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import Row

from schemas.delta_files import DataFile
from schemas.lake import filesystem_of
from schemas.mix import SEQUENCES
from udfs import piece_counts
from udfs.shards import write_shard

IN_FILES = pa.schema([field for field in SEQUENCES.arrow_schema if field.name not in SEQUENCES.partitions])
# A file; and, as the last row of each task, without a file, what the task counted in all that it wrote.
WRITTEN = pa.schema(
    [
        ("split", pa.string()),
        ("hash_group", pa.int32()),
        ("name", pa.string()),
        ("row_count", pa.int64()),
        ("size_bytes", pa.int64()),
        ("counts", pa.list_(pa.struct(list(piece_counts.SCHEMA)))),
    ]
)


def write_group(folder: str, split: str, group: int, rows: Iterable[pa.RecordBatch]) -> pa.RecordBatch:
    """Writes a group's sequences, in order, as a file that nobody sees until a commit names it. Returns its row of WRITTEN."""
    filesystem, path = filesystem_of(folder)
    written = write_shard(path, f"{uuid.uuid4().hex}.parquet", rows, IN_FILES, filesystem)
    return pa.RecordBatch.from_pylist(
        [{"split": split, "hash_group": group, "name": written.file, "row_count": written.rows, "size_bytes": written.size_bytes}],
        schema=WRITTEN,
    )


def data_file(mixture: str, row: Row) -> DataFile:
    """The file of a row of WRITTEN."""
    return DataFile(row.name, row.row_count, row.size_bytes, {"mixture": mixture, "split": row.split, "hash_group": str(row.hash_group)})


def read_group(address: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """A file's rows in order, one row group at a time."""
    filesystem, path = filesystem_of(address)
    with pq.ParquetFile(path, filesystem=filesystem) as file:
        for number in range(file.num_row_groups):
            yield from file.read_row_group(number, list(columns), use_threads=False).combine_chunks().to_batches()
