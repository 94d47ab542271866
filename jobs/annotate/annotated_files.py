"""A row annotator whose rows are written by the tasks that compute them: neither texts nor what is found of them pass through the JVM.

For a table that delta-rs writes, keyed by content and version. Where it holds nothing of a version yet, each task reads the blocks of
texts that Spark gives it and no key is shuffled.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.runtime.job import AddFiles, Write
from jobs.runtime.table_files import remove, remove_leftovers
from jobs.runtime.tables import Tables
from jobs.runtime.texts import KEY, SIZE, placed, task_count, texts_where_they_lie
from schemas.lake import DataFile, filesystem_of
from schemas.table import Table

COMMITTED = pa.schema([("name", pa.string()), ("row_count", pa.int64()), ("size_bytes", pa.int64())])
ROW_GROUP_BYTES = 16 << 20

Facts = Callable[[pa.RecordBatch], pa.RecordBatch]


def annotate_into_files(tables: Tables, contents: DataFrame, table: Table, version: str, facts: Facts) -> Iterator[Write]:
    """Adds the rows of `table` for the contents that have none of this version yet.

    contents: `located`. `facts` is given batches that have the column `text`, and returns the columns after key and version, row by row.
    It is pickled: a module's function or a partial of one.
    """
    remove_leftovers(tables.lake, table, datetime.now(UTC))
    files = AnnotatedFiles(tables, contents, table, version, facts)
    yield AddFiles(table, files.write)
    files.forget_unused()


@dataclass
class AnnotatedFiles:
    """Rows of a table on their way into it."""

    tables: Tables
    contents: DataFrame
    table: Table
    version: str
    facts: Facts
    written: list[DataFile] = field(default_factory=list)

    def write(self, table_version: int) -> list[DataFile]:
        """Computes and writes what this version of the table lacks; gives the files, which a commit has to name."""
        wanted, is_whole = self.contents, True
        if self.tables.lake.file_names(self.table, table_version):
            known = self.tables.at(self.table, table_version).where(F.col("version") == self.version).select(KEY)
            is_whole = known.isEmpty()
            wanted = wanted if is_whole else wanted.join(known, KEY, "left_anti").persist()
        rows, size = wanted.agg(F.count("*"), F.coalesce(F.sum(SIZE), F.lit(0))).first()  # type: ignore[misc]
        self.tables.account.read_rows, self.tables.account.read_bytes = rows, size
        if rows == 0:
            return []
        if not is_whole:
            wanted = placed(wanted, task_count(size, self.tables.cores))
        writing = partial(
            write_facts,
            facts=self.facts,
            version=self.version,
            schema=self.table.arrow_schema,
            folder=self.tables.lake.path(self.table.name),
        )
        found = wanted.mapInArrow(writing, from_arrow_schema(COMMITTED)).collect()
        written = [DataFile(row.name, row.row_count, row.size_bytes) for row in found]
        self.written += written
        return written

    def forget_unused(self) -> None:
        """After the commit: removes files of an attempt that another run overtook."""
        used = self.tables.lake.file_names(self.table)
        remove(self.tables.lake, self.table, [file.name for file in self.written if file.name not in used])


def write_facts(batches: Iterable[pa.RecordBatch], facts: Facts, version: str, schema: pa.Schema, folder: str) -> Iterator[pa.RecordBatch]:
    """batches: contents with their places. Writes one file with the facts of their texts; yields its row of COMMITTED, or nothing."""
    name = f"{uuid.uuid4().hex}.parquet"
    filesystem, path = filesystem_of(folder)
    writer: pq.ParquetWriter | None = None
    held: list[pa.RecordBatch] = []
    row_count = 0
    for batch in texts_where_they_lie(batches):
        found = facts(batch)
        columns = {KEY: batch.column(KEY), "version": pa.repeat(version, batch.num_rows)}
        columns |= {name: found.column(name) for name in found.schema.names}
        held.append(pa.RecordBatch.from_arrays([columns[name].cast(schema.field(name).type) for name in schema.names], schema=schema))
        row_count += batch.num_rows
        if sum(one.nbytes for one in held) >= ROW_GROUP_BYTES:
            writer = _flushed(held, writer, f"{path}/{name}", filesystem)
            held = []
    if held:
        writer = _flushed(held, writer, f"{path}/{name}", filesystem)
    if writer is not None:
        writer.close()
        row = {"name": name, "row_count": row_count, "size_bytes": filesystem.get_file_info(f"{path}/{name}").size}
        yield pa.RecordBatch.from_pylist([row], schema=COMMITTED)


def _flushed(held: list[pa.RecordBatch], writer: pq.ParquetWriter | None, path: str, filesystem: pa.fs.FileSystem) -> pq.ParquetWriter:
    rows = pa.Table.from_batches(held)
    if writer is None:
        writer = pq.ParquetWriter(
            path,
            rows.schema,
            filesystem=filesystem,
            compression="zstd",
            compression_level=1,
            use_dictionary=["version"],
            write_statistics=[KEY, "version"],
        )
    writer.write_table(rows, row_group_size=rows.num_rows)
    return writer
