"""A few changes to a table, written by one task, with all rows of a small table that they are merged into: Delta's MERGE plans and runs a
dozen of Spark's jobs for them (docs/decisions/0024)."""

import uuid
from collections.abc import Iterable, Iterator
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from schemas.delta_files import DataFile
from schemas.lake import filesystem_of
from schemas.table import Table

# Of the files of a table, and of the changes to it: what one task reads, joins and writes in about a second.
SMALL_BYTES, FEW_CHANGES = 32 << 20, 100_000
WRITTEN = "name string, row_count long, size_bytes long"


def is_small(files: list[DataFile], changes: int) -> bool:
    return sum(file.size_bytes for file in files) <= SMALL_BYTES and changes <= FEW_CHANGES


def written_anew(table: Table, folder: str, held: DataFrame | None, changes: DataFrame) -> DataFile:
    """A new file in the table's folder, which no commit names yet: rows `held` of the table, with `changes` in the place of those that have
    their keys and without those of them that say `is_gone`. Raises where a row breaks a check of the table, as Delta does."""
    rows = changes.where("not is_gone").select(*table.names).where(holds(table))
    if held is not None:
        changed = F.broadcast(changes.select(*table.key))
        rows = rows.unionByName(held.join(changed, list(table.key), "left_anti").select(*table.names))
    row = rows.coalesce(1).mapInArrow(partial(_write, folder=folder, schema=table.arrow_schema), WRITTEN).collect()[0]
    return DataFile(row.name, row.row_count, row.size_bytes)


def holds(table: Table) -> Column:
    """True of a row; raises where it breaks a check, or has a null where the table has none."""
    checks = [(check.name, F.expr(check.condition)) for check in table.checks]
    checks += [(f"{c.name}_is_there", F.col(c.name).isNotNull()) for c in table.columns if not c.is_nullable]
    found = F.lit(True)
    for name, condition in reversed(checks):
        found = F.when(condition, found).otherwise(F.raise_error(F.lit(f"a row of {table.name} breaks the check {name}")).cast("boolean"))
    return found


def _write(batches: Iterable[pa.RecordBatch], folder: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    filesystem, path = filesystem_of(folder)
    name, count = f"part-{uuid.uuid4().hex}.parquet", 0
    with pq.ParquetWriter(f"{path}/{name}", schema, filesystem=filesystem, compression="zstd", compression_level=1) as writer:
        for batch in batches:
            writer.write_table(pa.Table.from_batches([batch]).cast(schema))
            count += batch.num_rows
    size = filesystem.get_file_info(f"{path}/{name}").size
    yield pa.RecordBatch.from_pydict({"name": [name], "row_count": [count], "size_bytes": [size]})
