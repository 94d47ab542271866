"""Files of tables that tasks write with Arrow and delta-rs commits: what is added to a table, a few changes to it, or a small table whose
rows of one value are replaced. Delta's own append, MERGE and overwrite plan and run up to a dozen of Spark's jobs (docs/decisions/0024)."""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from schemas.delta_files import DataFile
from schemas.lake import filesystem_of
from schemas.table import Table

# Of the files of a table, and of the changes to it: what one task reads, joins and writes in about a second.
SMALL_BYTES, FEW_CHANGES = 32 << 20, 100_000
ROW_GROUP_BYTES = 16 << 20  # in memory


def is_small(files: list[DataFile], changes: int = 0) -> bool:
    return sum(file.size_bytes for file in files) <= SMALL_BYTES and changes <= FEW_CHANGES


def written(table: Table, folder: str, rows: DataFrame) -> list[DataFile]:
    """Files in the table's folder, which no commit names yet, one of each task that has rows. Raises where a row breaks a check of the
    table, as Delta does."""
    return [file for file, _ in _written(rows.select(*table.names).where(holds(table)), Writer(folder, table.arrow_schema))]


def written_anew(table: Table, folder: str, held: DataFrame | None, changes: DataFrame) -> list[DataFile]:
    """A file, or none, in the table's folder, which no commit names yet: rows `held` of the table, with `changes` in the place of those
    that have their keys and without those of them that say `is_gone`. Raises as `written` does."""
    rows = changes.where("not is_gone").select(*table.names).where(holds(table))
    if held is not None:
        changed = F.broadcast(changes.select(*table.key))
        rows = rows.unionByName(held.join(changed, list(table.key), "left_anti").select(*table.names))
    return [file for file, _ in _written(rows.coalesce(1), Writer(folder, table.arrow_schema))]


@dataclass(frozen=True)
class Beside:
    """Files, and how many of their rows are those that were given."""

    files: list[DataFile]
    own_count: int


def written_beside(table: Table, folder: str, others: DataFrame | None, rows: DataFrame, column: str | None, value: str | None) -> Beside:
    """Files likewise of `rows`, in all of which `column` is to be `value`, and of `others` that stay."""
    rows = rows.select(*table.names).where(
        holds(table, {} if column is None else {f"{column} is {value}": F.col(column).eqNullSafe(F.lit(value))})
    )
    rows = rows if others is None else rows.unionByName(others.select(*table.names))
    found = _written(rows, Writer(folder, table.arrow_schema, column, value))
    return Beside([file for file, _ in found], sum(own for _, own in found))


def holds(table: Table, more: Mapping[str, Column] = MappingProxyType({})) -> Column:
    """True of a row; raises where it breaks a check, one of `more`, or has a null where the table has none."""
    checks = [(check.name, F.expr(check.condition)) for check in table.checks]
    checks += [(f"{c.name}_is_there", F.col(c.name).isNotNull()) for c in table.columns if not c.is_nullable]
    checks += more.items()
    found = F.lit(True)
    for name, condition in reversed(checks):
        found = F.when(condition, found).otherwise(F.raise_error(F.lit(f"a row of {table.name} breaks the check {name}")).cast("boolean"))
    return found


def _written(rows: DataFrame, writer: "Writer") -> list[tuple[DataFile, int]]:
    found = rows.mapInArrow(writer, "name string, row_count long, size_bytes long, own_count long").collect()
    return [(DataFile(row.name, row.row_count, row.size_bytes), row.own_count) for row in found]


@dataclass
class Writer:
    """Rows of a task to one file; none where there are none. `own_count` are those in which `column` is `value`, all where it is None."""

    folder: str
    schema: pa.Schema
    column: str | None = None
    value: str | None = None

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        filesystem, path = filesystem_of(self.folder)
        name, writer, count, own = f"part-{uuid.uuid4().hex}.parquet", None, 0, 0
        for rows in _row_groups(batches):
            if writer is None:
                writer = pq.ParquetWriter(f"{path}/{name}", self.schema, filesystem=filesystem, compression="zstd", compression_level=1)
            writer.write_table(rows.cast(self.schema), row_group_size=rows.num_rows)
            count += rows.num_rows
            own += rows.num_rows if self.column is None else pc.sum(pc.equal(rows.column(self.column), self.value)).as_py() or 0
        if writer is not None:
            writer.close()
            size = filesystem.get_file_info(f"{path}/{name}").size
            yield pa.RecordBatch.from_pydict({"name": [name], "row_count": [count], "size_bytes": [size], "own_count": [own]})


def _row_groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(one.nbytes for one in held) >= ROW_GROUP_BYTES:
            yield pa.Table.from_batches(held)
            held = []
    if any(batch.num_rows for batch in held):
        yield pa.Table.from_batches(held)
