"""A row annotator whose rows are written by the tasks that compute them: neither texts nor what is found of them pass through the JVM.

For a table that delta-rs writes, keyed by content and version. Where it holds nothing of a version yet, tasks are told which parts of
which files to read, and no key passes through Spark.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.runtime.job import AddFiles, Write
from jobs.runtime.table_files import remove, remove_leftovers
from jobs.runtime.tables import Tables
from jobs.runtime.text_ranges import ranges_of, texts_of_ranges
from jobs.runtime.texts import KEY, SIZE, located, placed, task_count, texts_where_they_lie
from schemas.delta_files import DataFile
from schemas.lake import filesystem_of
from schemas.table import Table

COMMITTED = pa.schema([("name", pa.string()), ("row_count", pa.int64()), ("size_bytes", pa.int64()), ("text_bytes", pa.int64())])
ROW_GROUP_BYTES = 16 << 20

Facts = Callable[[pa.RecordBatch], pa.RecordBatch]
Texts = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]


def annotate_into_files(tables: Tables, contents: Table, table: Table, version: str, facts: Facts) -> Iterator[Write]:
    """Adds the rows of `table` for the contents that have none of this version yet.

    `facts` is given batches that have the column `text`, and returns the columns after key and version, row by row.
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
    contents: Table
    table: Table
    version: str
    facts: Facts
    written: list[DataFile] = field(default_factory=list)

    def write(self, table_version: int) -> list[DataFile]:
        """Computes and writes what this version of the table lacks; gives the files, which a commit has to name."""
        known = None
        if self.tables.lake.file_names(self.table, table_version):
            known = self.tables.at(self.table, table_version).where(F.col("version") == self.version).select(KEY)
        found = self._of_all() if known is None or known.isEmpty() else self._of_missing(known)
        self.tables.account.read_rows = sum(row.row_count for row in found)
        self.tables.account.read_bytes = sum(row.text_bytes for row in found)
        written = [DataFile(row.name, row.row_count, row.size_bytes) for row in found]
        self.written += written
        return written

    def _of_all(self) -> list[Row]:
        """Rows of COMMITTED of all contents."""
        ranges = ranges_of(self.tables, self.contents)
        return self._rows(ranges, texts_of_ranges) if ranges is not None else []

    def _of_missing(self, known: DataFrame) -> list[Row]:
        """Rows of COMMITTED of the contents that are not known."""
        wanted = located(self.tables[self.contents]).join(known, KEY, "left_anti").persist()
        rows, size = wanted.agg(F.count("*"), F.coalesce(F.sum(SIZE), F.lit(0))).first()  # type: ignore[misc]
        return self._rows(placed(wanted, task_count(size, self.tables.cores)), texts_where_they_lie) if rows else []

    def _rows(self, places: DataFrame, texts: Texts) -> list[Row]:
        folder = self.tables.lake.path(self.table.name)
        writing = partial(write_facts, texts=texts, facts=self.facts, version=self.version, schema=self.table.arrow_schema, folder=folder)
        return places.mapInArrow(writing, from_arrow_schema(COMMITTED)).collect()

    def forget_unused(self) -> None:
        """After the commit: removes files of an attempt that another run overtook."""
        used = set(self.tables.lake.file_names(self.table))
        remove(self.tables.lake, self.table, [file.name for file in self.written if file.name not in used])


def write_facts(
    batches: Iterable[pa.RecordBatch], texts: Texts, facts: Facts, version: str, schema: pa.Schema, folder: str
) -> Iterator[pa.RecordBatch]:
    """batches: places, as `texts` takes them. Writes one file with the facts of their texts; yields its row of COMMITTED, or nothing."""
    name = f"{uuid.uuid4().hex}.parquet"
    filesystem, path = filesystem_of(folder)
    writer: pq.ParquetWriter | None = None
    held: list[pa.RecordBatch] = []
    row_count = text_bytes = 0
    for batch in texts(batches):
        found = facts(batch)
        columns = {KEY: batch.column(KEY), "version": pa.repeat(version, batch.num_rows)}
        columns |= {name: found.column(name) for name in found.schema.names}
        held.append(pa.RecordBatch.from_arrays([columns[name].cast(schema.field(name).type) for name in schema.names], schema=schema))
        row_count += batch.num_rows
        text_bytes += pc.sum(pc.binary_length(batch.column("text"))).as_py()
        if sum(one.nbytes for one in held) >= ROW_GROUP_BYTES:
            writer = _flushed(held, writer, f"{path}/{name}", filesystem)
            held = []
    if held:
        writer = _flushed(held, writer, f"{path}/{name}", filesystem)
    if writer is not None:
        writer.close()
        row = {"name": name, "row_count": row_count, "size_bytes": filesystem.get_file_info(f"{path}/{name}").size}
        row["text_bytes"] = text_bytes
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
