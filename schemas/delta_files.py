"""Writing tables without Spark: Parquet files that lie in a table's folder, and the commits of delta-rs that name them."""

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Field, Schema, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, RemoveAction

from schemas.lake import Lake, filesystem_of, storage_options
from schemas.table import ContractError, Table

ROW_GROUP = 50_000  # rows; Spark gives a task whole groups
INSERT_ATTEMPTS = 20  # where other commits come first
# Not Delta's minValues: delta-rs takes columns that they do not name for null, and finds no rows where one asks for these.
BOUNDS = ("codemill_least", "codemill_most")


class OvertakenError(Exception):
    """Another commit came first; what was to be committed was made for an older version."""


@dataclass(frozen=True)
class DataFile:
    """A Parquet file in the folder of a table, by its name there. `partition` has the values of the table's partition columns.

    `bounds`: least and greatest value of columns without nulls, by which workers pass it over (text or whole numbers).
    """

    name: str
    row_count: int
    size_bytes: int
    partition: dict[str, str] = field(default_factory=dict)
    bounds: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    @property
    def statistics(self) -> str:
        """As the log has them; readers of Delta pass over what is ours."""
        found: dict[str, Any] = {"numRecords": self.row_count}
        if self.bounds:
            found |= {name: {column: pair[place] for column, pair in self.bounds.items()} for place, name in enumerate(BOUNDS)}
        return json.dumps(found)


def append(lake: Lake, table: Table, rows: pa.Table) -> None:
    """Appends rows to a table that delta-rs writes."""
    assert table.writer == "delta-rs", f"{table.name} is written by {table.writer}"
    make(lake, table)  # of two runs that append to a table which is not there, one would be refused
    write_deltalake(lake.path(table.name), rows.cast(table.arrow_schema), mode="append", storage_options=storage_options())


def replace_rows(lake: Lake, table: Table, rows: pa.Table, where: pc.Expression) -> None:
    """Puts rows in the place of those for which `where` holds, in one commit: for tables of which one process can hold all rows, since all
    are written. The table is made where it is not there; else there is no commit where nothing would change.

    Raises `ContractError` where a row is not one of the table's, `OvertakenError` where another commit comes first.
    """
    table.check_rows(rows)
    make(lake, table)
    at = DeltaTable(lake.path(table.name), storage_options=storage_options())
    files = data_files(lake, table, at.version())
    filesystem, root = filesystem_of(lake.path(table.name))
    held = [pq.read_table(f"{root}/{file.name}", filesystem=filesystem).select(table.names) for file in files]
    there = pa.concat_tables([table.arrow_schema.empty_table(), *(found.cast(table.arrow_schema) for found in held)])
    was, order = there.filter(where), [(name, "ascending") for name in table.key]
    if was.sort_by(order).equals(rows.sort_by(order)):
        return
    gone = was.select(table.key).join(rows.select(table.key), table.key, join_type="left anti").num_rows
    add_rows(lake, table, pa.concat_tables([there.filter(~where), rows]), at, tuple(files), (rows.num_rows, gone))


def add_rows(
    lake: Lake, table: Table, rows: pa.Table, at: DeltaTable, replaced: tuple[DataFile, ...] = (), changed: tuple[int, int] | None = None
) -> None:
    """Adds rows in a file of their own, on top of the version that was read. Whether it holds their keys is the caller's to know.
    `replaced` are files of that version in whose place it comes. `changed` are the rows that the commit tells as new and as removed, where
    these are not all of both.

    Raises `OvertakenError`, and leaves no file, where the table has another version by now. Where that is not certain the file stays:
    a commit that is still under way may name it.
    """
    if not rows.num_rows:
        _commit_files(lake, table, at, [], replaced, changed)
        return
    filesystem, root = filesystem_of(lake.path(table.name))
    name = f"part-{secrets.token_hex(16)}.parquet"
    pq.write_table(rows, f"{root}/{name}", ROW_GROUP, filesystem=filesystem, compression="zstd")
    size = filesystem.get_file_info(f"{root}/{name}").size
    bounds = {key: tuple(pc.min_max(rows.column(key)).as_py().values()) for key in table.key}
    try:
        _commit_files(lake, table, at, [DataFile(name, rows.num_rows, size, bounds=bounds)], replaced, changed)
    except OvertakenError:
        if (lake.version(table) or 0) > at.version():
            filesystem.delete_file(f"{root}/{name}")
        raise


def make(lake: Lake, table: Table) -> None:
    """Makes a table that delta-rs writes, without rows; nothing where it is there."""
    schema = Schema.from_arrow(table.arrow_schema)
    fields = [
        Field(f.name, f.type, nullable=f.nullable, metadata={"comment": c.meaning})
        for f, c in zip(schema.fields, table.columns, strict=True)
    ]
    configuration: dict[str, str | None] = {"delta.dataSkippingStatsColumns": ",".join(table.key)}
    try:
        DeltaTable.create(
            lake.path(table.name),
            Schema(fields),
            "ignore",
            list(table.partitions),
            description=table.meaning,
            configuration=configuration,
            storage_options=storage_options(),
            commit_properties=CommitProperties(max_commit_retries=0),  # else it is made a second time on top of another run's
        )
    except DeltaError:
        if lake.version(table) is None:  # else another run made it
            raise


def add_files(
    lake: Lake,
    table: Table,
    files: list[DataFile],
    version: int,
    replaced: tuple[DataFile, ...] = (),
    changed: tuple[int, int] | None = None,
) -> None:
    """Commits files that lie in the folder of a table, on top of `version`, in place of those `replaced`; `changed` as in `add_rows`.

    Raises `OvertakenError` where the table has another version by now. Contents are the caller's promise: no check is run.
    """
    at = DeltaTable(lake.path(table.name), version=version, storage_options=storage_options())
    _commit_files(lake, table, at, files, replaced, changed)


def _commit_files(
    lake: Lake,
    table: Table,
    at: DeltaTable,
    files: list[DataFile],
    replaced: tuple[DataFile, ...] = (),
    changed: tuple[int, int] | None = None,
) -> None:
    version, now = at.version(), int(time.time() * 1000)
    actions: list[AddAction | RemoveAction] = [AddAction(f.name, f.size_bytes, f.partition, now, True, f.statistics) for f in files]
    actions += [RemoveAction(f.name, True, now, f.size_bytes, dict(f.partition)) for f in replaced]
    try:
        added, removed = changed or (sum(f.row_count for f in files), sum(f.row_count for f in replaced))
        metrics = {"numOutputRows": str(added), "numDeletedRows": str(removed)}  # as Spark says it, for the table's history
        properties = CommitProperties({"operationMetrics": metrics}, max_commit_retries=0)
        at.create_write_transaction(actions, "append", at.schema(), list(table.partitions), commit_properties=properties)
    except CommitFailedError as error:
        if _is_committed(lake, table, version + 1, files):
            return
        raise OvertakenError(f"{lake.path(table.name)} was at version {version}: {error}") from error


def _is_committed(lake: Lake, table: Table, version: int, files: list[DataFile]) -> bool:
    """Whether a commit that failed is there all the same: a store may keep it and lose its answer."""
    newest = lake.version(table)
    if not files or newest is None or newest < version:
        return False
    return files[0].name.rpartition("/")[2] in lake.file_names(table, version)


def data_files(lake: Lake, table: Table, version: int | None, **partition: str) -> list[DataFile]:
    """Files of a version (None: the table is not there) that hold these values of partition columns, in the order of all of them.

    Raises `ContractError` where the table is not partitioned as it is declared.
    """
    if version is None:
        return []
    found = DeltaTable(lake.path(table.name), version=version, storage_options=storage_options())
    if found.metadata().partition_columns != list(table.partitions):
        columns = ", ".join(found.metadata().partition_columns) or "nothing"
        raise ContractError(
            f"{lake.path(table.name)} is partitioned by {columns}; promised was {', '.join(table.partitions)}.\n"
            "An earlier version of codemill wrote it. Remove this folder and run again: the job that writes the table makes it anew."
        )
    actions = pa.table(found.get_add_actions(flatten=False)).to_pylist()
    files = [
        DataFile(a["path"], a["num_records"], a["size_bytes"], {name: str(a["partition"][name]) for name in table.partitions})
        for a in actions
    ]
    wanted = [file for file in files if partition.items() <= file.partition.items()]
    return sorted(wanted, key=lambda file: (*(_in_order(file.partition[name]) for name in table.partitions), file.name))


def _in_order(value: str) -> tuple[int, str]:
    """Numbers by size."""
    return (int(value) if value.isdecimal() else 0, value)
