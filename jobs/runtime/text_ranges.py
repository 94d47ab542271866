"""Reading all texts of a table: tasks are told which bytes of which files are theirs, and read the row groups that lie there.

Where every text is wanted no key has to be looked up, so none passes through Spark. A range is some bytes of a file; a row group belongs
to the range in which its middle lies, as Parquet's readers on Hadoop have it, so that no footer is read to cut files.
"""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame

from jobs.runtime.tables import Tables
from jobs.runtime.texts import KEY, TEXT, bounded
from schemas.delta_files import DataFile, data_files
from schemas.lake import filesystem_of
from schemas.table import Table

RANGE = pa.schema([("task", pa.int32()), ("file", pa.string()), ("start_byte", pa.int64()), ("end_byte", pa.int64())])
MOST_BYTES, LEAST_BYTES = 16 << 20, 1 << 20  # of a task, compressed


def ranges_of(tables: Tables, table: Table) -> DataFrame | None:
    """Rows of RANGE for all of a table without partitions, each task's in a partition of its own. None where it has no rows."""
    files = data_files(tables.lake, table, tables.lake.version(table))
    size = sum(file.size_bytes for file in files)
    found = ranges(tables.lake.path(table.name), files, min(MOST_BYTES, max(LEAST_BYTES, size // (4 * tables.cores))))
    if not found.num_rows:
        return None
    return tables.spark.createDataFrame(found).repartitionById(found.column("task")[-1].as_py() + 1, "task")


def ranges(folder: str, files: Iterable[DataFile], task_bytes: int) -> pa.Table:
    """Rows of RANGE: of large files several tasks read a part each, small ones are read by one task together."""
    rows, held, task = [], 0, 0
    for file in files:
        for start in range(0, file.size_bytes, task_bytes):
            end = min(start + task_bytes, file.size_bytes)
            if held and held + end - start > task_bytes:
                held, task = 0, task + 1
            rows.append({"task": task, "file": f"{folder}/{file.name}", "start_byte": start, "end_byte": end})
            held += end - start
    return pa.Table.from_pylist(rows, schema=RANGE)


def texts_of_ranges(batches: Iterable[pa.RecordBatch], wanted: pa.Array | None = None) -> Iterator[pa.RecordBatch]:
    """Batches of content_sha256 and text, of about BATCH_BYTES of text at most, of batches of RANGE. `wanted`: of these keys alone."""
    for found in (row for batch in batches for row in batch.to_pylist()):
        filesystem, path = filesystem_of(found["file"])
        with pq.ParquetFile(path, filesystem=filesystem) as file:
            groups = groups_within(file.metadata, found["start_byte"], found["end_byte"])
            for group, is_wanted in _wanted_of(file, groups, wanted):
                for part in file.read_row_group(group, [KEY, TEXT], use_threads=False).combine_chunks().to_batches():
                    yield from bounded(part if is_wanted is None else part.filter(is_wanted))


def _wanted_of(file: pq.ParquetFile, groups: list[int], wanted: pa.Array | None) -> Iterator[tuple[int, pa.Array | None]]:
    """The row groups that hold wanted keys, and which of their rows do; all rows where all keys are wanted."""
    if wanted is None or not groups:
        yield from ((group, None) for group in groups)
        return
    is_wanted = pc.is_in(file.read_row_groups(groups, [KEY], use_threads=False).column(KEY), value_set=wanted).combine_chunks()
    start = 0
    for group in groups:
        rows = is_wanted.slice(start, file.metadata.row_group(group).num_rows)
        start += len(rows)
        if rows.true_count:
            yield group, rows


def groups_within(metadata: pq.FileMetaData, start_byte: int, end_byte: int) -> list[int]:
    """The row groups whose middle lies in a range of the file's bytes."""
    return [group for group in range(metadata.num_row_groups) if start_byte <= _middle(metadata.row_group(group)) < end_byte]


def _middle(group: pq.RowGroupMetaData) -> int:
    columns = [group.column(place) for place in range(group.num_columns)]
    first = min(min(c.data_page_offset, c.dictionary_page_offset or c.data_page_offset) for c in columns)
    return first + sum(c.total_compressed_size for c in columns) // 2
