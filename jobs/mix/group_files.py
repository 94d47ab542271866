"""Files of mix/sequences, one per split and hash group, written and read by tasks with Arrow.

Sequences do not pass through the JVM: of 22 s in which 65 million known tokens were packed again, reading them there took 5 and writing
them 13.
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs
from pyspark.sql import Row

from schemas.delta_files import DataFile
from schemas.lake import filesystem_of
from schemas.mix import SEQUENCES
from udfs import piece_counts
from udfs.shards import ROW_GROUP_ROWS, STATISTICS, row_groups

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
    filesystem, root = filesystem_of(folder)
    filesystem.create_dir(root, recursive=True)
    name = f"{uuid.uuid4().hex}.parquet"
    try:
        row_count, size_bytes = _write(filesystem, f"{root}/{name}", rows)
    except BaseException:
        filesystem.delete_file(f"{root}/{name}")
        raise
    row = {"split": split, "hash_group": group, "name": name, "row_count": row_count, "size_bytes": size_bytes}
    return pa.RecordBatch.from_pylist([row], schema=WRITTEN)


def _write(filesystem: fs.FileSystem, path: str, rows: Iterable[pa.RecordBatch]) -> tuple[int, int]:
    """Rows and bytes of the file."""
    row_count = 0
    with (
        filesystem.open_output_stream(path) as sink,
        pq.ParquetWriter(
            sink, IN_FILES, compression="zstd", compression_level=1, use_dictionary=False, write_statistics=list(STATISTICS)
        ) as writer,
    ):
        for group in row_groups(rows, IN_FILES):
            writer.write_table(group, row_group_size=ROW_GROUP_ROWS)
            row_count += group.num_rows
        writer.close()
        return row_count, sink.tell()


def data_file(mixture: str, row: Row) -> DataFile:
    """The file of a row of WRITTEN."""
    return DataFile(row.name, row.row_count, row.size_bytes, {"mixture": mixture, "split": row.split, "hash_group": str(row.hash_group)})


def read_group(address: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """A file's rows in order, one row group at a time."""
    filesystem, path = filesystem_of(address)
    with pq.ParquetFile(path, filesystem=filesystem) as file:
        for number in range(file.num_row_groups):
            yield from file.read_row_group(number, list(columns), use_threads=False).combine_chunks().to_batches()
