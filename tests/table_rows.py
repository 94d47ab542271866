"""Rows into a lake's table as if a job had written them, by delta-rs: Spark needs seconds for a handful of rows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import pyarrow as pa
from deltalake import write_deltalake

from schemas.lake import Lake
from schemas.table import Table

_EMPTY = {pa.string(): "", pa.int64(): 0, pa.int32(): 0, pa.float64(): 0.0, pa.bool_(): False, pa.list_(pa.string()): []}


def put_rows(
    lake: Lake, table: Table, rows: Iterable[Mapping[str, Any] | Sequence[Any]], mode: Literal["overwrite", "append"] = "overwrite"
) -> None:
    """Rows by name of the column, null where there is none, or in the order of the columns. The table is made where it is not there."""
    named = [row if isinstance(row, Mapping) else dict(zip(table.names, row, strict=True)) for row in rows]
    made = pa.Table.from_pylist(named, schema=table.arrow_schema)
    write_deltalake(lake.path(table.name), made, mode=mode, partition_by=list(table.partitions) or None)


def empty_row(table: Table) -> dict[str, Any]:
    """A row that says nothing: null where it may be, else the empty text or list, nought or false."""
    return {column.name: None if column.is_nullable else _EMPTY.get(column.type) for column in table.columns}
