"""Where tables lie, and reading them without Spark.

A lake is a folder or an object-store address. A table lies at `LAKE/<phase>/<table>`. Jobs without Spark (what-if, explain, report,
probe, scoring) read through Arrow here; the ledger is written here, because all of them write it.
"""

import json
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Field, Schema, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from schemas.table import ContractError, Table

MARKER = "codemill.json"
INSERT_ATTEMPTS = 20  # where other commits come first
FORMAT = 3
STREAM_BYTES = 4 << 20  # that are read of a column at once
# Not Delta's minValues: delta-rs takes columns that they do not name for null, and finds no rows where one asks for these.
BOUNDS = ("codemill_least", "codemill_most")
# What lies in a lake and is no table, nor in the folder of one.
BUNDLES = "ingest/bundles"
SHARDS = "mix/shards"
EXPORTS = "mix/exports"
ORACLES = "score/oracles"  # VERSION.json: what labels of that version were asked with
PENDING_SCORES = "score/pending"  # VERSION/*.json: scores that wait for a commit (gpu_scoring/pending.py)
SCORERS = "score/scorers"  # VERSION.json: what the folder of a scorer says of itself
PROBE = "train/probe"
PROBE_METRICS = f"{PROBE}/metrics.json"


class LakeError(Exception):
    """The lake cannot be used as it is."""


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


@dataclass(frozen=True)
class Lake:
    """`root` is an absolute local path or a URL (`s3://bucket/prefix`), without a trailing slash."""

    root: str

    @staticmethod
    def at(address: str) -> "Lake":
        if is_remote(address):
            return Lake(address.rstrip("/").replace("s3a://", "s3://", 1))
        return Lake(str(Path(address).expanduser().absolute()))

    @property
    def is_local(self) -> bool:
        return not is_remote(self.root)

    def path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def spark_path(self, name: str) -> str:
        return self.path(name).replace("s3://", "s3a://", 1)

    def filesystem(self) -> tuple[pyarrow.fs.FileSystem, str]:
        """The Arrow file system of the lake and the lake's root on it."""
        return filesystem_of(self.root)

    def create(self) -> None:
        """Makes the lake if it is not there. Raises `LakeError` if something else is, or if it cannot be made or reached."""
        try:
            self._create()
        except OSError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: OSError) -> LakeError:
        return LakeError(
            f"the lake {self.root} cannot be made or reached: {error}.\n"
            "Expected a folder that can be written to, or s3://BUCKET/PREFIX in a bucket that is there, with AWS_* variables."
        )

    def _create(self) -> None:
        filesystem, root = self.filesystem()
        marker = filesystem.get_file_info(f"{root}/{MARKER}")
        if marker.type == pyarrow.fs.FileType.File and marker.size:
            return self.check_format()
        found = [i.base_name for i in filesystem.get_file_info(pyarrow.fs.FileSelector(root, allow_not_found=True))]
        others = sorted(set(found) - {MARKER})  # an empty mark is what a run leaves that was killed while it wrote it
        if others:
            listed = ", ".join(others[:5]) + (" ..." if len(others) > 5 else "")
            raise LakeError(
                f"{self.root} is not a codemill lake: it holds {listed} and no {MARKER}.\n"
                "Name an empty or a new folder with --lake; nothing was written."
            )
        filesystem.create_dir(root, recursive=True)
        with filesystem.open_output_stream(f"{root}/{MARKER}") as out:
            out.write(json.dumps({"codemill_lake": FORMAT}).encode())

    def is_there(self) -> bool:
        """Whether there is something that calls itself a lake. Raises `LakeError` where the place cannot be reached."""
        filesystem, root = self.filesystem()
        try:
            return bool(filesystem.get_file_info(f"{root}/{MARKER}").type == pyarrow.fs.FileType.File)
        except OSError as error:
            raise self._unreachable(error) from error

    def check_format(self) -> None:
        """Raises `LakeError` unless this is a lake of the format that this version reads."""
        try:
            self._check_format()
        except OSError as error:
            raise self._unreachable(error) from error

    def _check_format(self) -> None:
        if not self.is_there():
            raise LakeError(
                f"there is no codemill lake at {self.root} (no {MARKER} in it). `codemill run --lake {self.root} --source PATH` makes one."
            )
        filesystem, root = self.filesystem()
        with filesystem.open_input_stream(f"{root}/{MARKER}") as stream:
            content = stream.read()
        try:
            found = json.loads(content)["codemill_lake"]
        except (ValueError, KeyError, TypeError):
            raise LakeError(f"{self.root}/{MARKER} is not the mark of a codemill lake: {content[:80]!r}") from None
        if found != FORMAT:
            raise LakeError(
                f"{self.root} is a lake of format {found}; this version of codemill reads format {FORMAT}.\n"
                "Name a new folder with --lake: `codemill run` makes the lake anew from its sources."
            )

    def version(self, table: Table) -> int | None:
        """The newest version of a table, null where it is not there."""
        try:
            return DeltaTable(self.path(table.name), storage_options=storage_options()).version()
        except TableNotFoundError:
            return None

    def history(self, table: Table, limit: int) -> list[dict[str, Any]]:
        """What the newest commits of a table say of themselves, newest first."""
        return DeltaTable(self.path(table.name), storage_options=storage_options()).history(limit)

    def scan(self, table: Table, columns: list[str] | None = None, where: object = None) -> Iterator[pa.RecordBatch]:
        """Streams a table's batches; nothing where the table is not there. `where` is a pyarrow.compute expression."""
        dataset = self._dataset(table)
        if dataset is not None:
            yield from dataset.to_batches(columns=columns, filter=where)

    def stream(self, table: Table, columns: list[str], where: object, rows: int) -> Iterator[pa.RecordBatch]:
        """Batches of so many rows at most of the row groups in which some row may be one of `where`; also other rows.

        It holds some pages of each column, however large a row group is. `scan` reads up to a gigabyte ahead of who asks.
        """
        dataset = self._dataset(table)
        for fragment in dataset.get_fragments(where) if dataset is not None else ():
            groups = [group.id for part in fragment.split_by_row_group(where, schema=dataset.schema) for group in part.row_groups]
            if groups:
                with fragment.filesystem.open_input_file(fragment.path) as source:
                    file = pq.ParquetFile(source, pre_buffer=False, buffer_size=STREAM_BYTES)
                    yield from file.iter_batches(rows, groups, columns, use_threads=False)

    def _dataset(self, table: Table) -> Any:
        """None where the table is not there."""
        try:
            found = DeltaTable(self.path(table.name), storage_options=storage_options())
        except TableNotFoundError:
            return None
        table.check_schema(pa.schema(found.schema().to_arrow()), self.path(table.name))
        # Arrow's own file system: that of delta-rs calls Python from Arrow's threads, also while the interpreter ends, which then crashes
        # or hangs where a reader stopped before the end.
        filesystem, root = filesystem_of(self.path(table.name))
        return found.to_pyarrow_dataset(filesystem=pyarrow.fs.SubTreeFileSystem(root, filesystem))

    def read(self, table: Table, columns: list[str] | None = None, where: object = None) -> pa.Table:
        """A whole table in memory: for narrow tables, or with a filter. Empty where the table is not there."""
        schema = table.arrow_schema if columns is None else pa.schema([table.arrow_schema.field(c) for c in columns])
        batches = list(self.scan(table, columns, where))
        return pa.Table.from_batches(batches) if batches else schema.empty_table()

    def has_rows(self, table: Table, where: object = None) -> bool:
        """Whether there is one; looks no further than the first."""
        return any(batch.num_rows for batch in self.scan(table, list(table.key), where))

    def read_json(self, name: str) -> Any:
        """A JSON file of the lake; None where there is none."""
        filesystem, root = self.filesystem()
        if filesystem.get_file_info(f"{root}/{name}").type != pyarrow.fs.FileType.File:
            return None
        with filesystem.open_input_stream(f"{root}/{name}") as stream:
            return json.loads(stream.read())

    def write_json(self, name: str, value: Any) -> None:
        filesystem, root = self.filesystem()
        filesystem.create_dir(f"{root}/{name}".rpartition("/")[0], recursive=True)
        with filesystem.open_output_stream(f"{root}/{name}") as stream:
            stream.write((json.dumps(value, indent=2, sort_keys=True) + "\n").encode())

    def append(self, table: Table, rows: pa.Table) -> None:
        """Appends rows to a table that delta-rs writes."""
        assert table.writer == "delta-rs", f"{table.name} is written by {table.writer}"
        self.make(table)  # of two runs that append to a table which is not there, one would be refused
        write_deltalake(self.path(table.name), rows.cast(table.arrow_schema), mode="append", storage_options=storage_options())

    def add_rows(self, table: Table, rows: pa.Table, at: DeltaTable, replaced: tuple[DataFile, ...] = ()) -> None:
        """Adds rows in a file of their own, on top of the version that was read. Whether it holds their keys is the caller's to know.
        `replaced` are files of that version in whose place it comes.

        Raises `OvertakenError`, and leaves no file, where the table has another version by now. Where that is not certain the file stays:
        a commit that is still under way may name it.
        """
        filesystem, root = filesystem_of(self.path(table.name))
        name = f"part-{secrets.token_hex(16)}.parquet"
        pq.write_table(rows, f"{root}/{name}", filesystem=filesystem, compression="zstd")
        size = filesystem.get_file_info(f"{root}/{name}").size
        bounds = {key: tuple(pc.min_max(rows.column(key)).as_py().values()) for key in table.key}
        try:
            self._commit_files(table, at, [DataFile(name, rows.num_rows, size, bounds=bounds)], replaced)
        except OvertakenError:
            if (self.version(table) or 0) > at.version():
                filesystem.delete_file(f"{root}/{name}")
            raise

    def make(self, table: Table) -> None:
        """Makes a table that delta-rs writes, without rows; nothing where it is there."""
        schema = Schema.from_arrow(table.arrow_schema)
        fields = [
            Field(f.name, f.type, nullable=f.nullable, metadata={"comment": c.meaning})
            for f, c in zip(schema.fields, table.columns, strict=True)
        ]
        configuration: dict[str, str | None] = {"delta.dataSkippingStatsColumns": ",".join(table.key)}
        try:
            DeltaTable.create(
                self.path(table.name),
                Schema(fields),
                "ignore",
                list(table.partitions),
                description=table.meaning,
                configuration=configuration,
                storage_options=storage_options(),
                commit_properties=CommitProperties(max_commit_retries=0),  # else it is made a second time on top of another run's
            )
        except DeltaError:
            if self.version(table) is None:  # else another run made it
                raise

    def add_files(self, table: Table, files: list[DataFile], version: int, replaced: tuple[DataFile, ...] = ()) -> None:
        """Commits files that lie in the folder of a table that delta-rs writes, on top of `version`, in place of those `replaced`.

        Raises `OvertakenError` where the table has another version by now. Contents are the caller's promise: no check is run.
        """
        at = DeltaTable(self.path(table.name), version=version, storage_options=storage_options())
        self._commit_files(table, at, files, replaced)

    def _commit_files(self, table: Table, at: DeltaTable, files: list[DataFile], replaced: tuple[DataFile, ...] = ()) -> None:
        assert table.writer == "delta-rs", f"{table.name} is written by {table.writer}"
        version, now = at.version(), int(time.time() * 1000)
        actions: list[AddAction | RemoveAction] = [AddAction(f.name, f.size_bytes, f.partition, now, True, f.statistics) for f in files]
        actions += [RemoveAction(f.name, True, now, f.size_bytes, dict(f.partition)) for f in replaced]
        try:
            counts = {"numOutputRows": files, "numDeletedRows": replaced}  # as Spark says it, for the table's history
            metrics = {name: str(sum(f.row_count for f in counted)) for name, counted in counts.items()}
            properties = CommitProperties({"operationMetrics": metrics}, max_commit_retries=0)
            at.create_write_transaction(actions, "append", at.schema(), list(table.partitions), commit_properties=properties)
        except CommitFailedError as error:
            if self._is_committed(table, version + 1, files):
                return
            raise OvertakenError(f"{self.path(table.name)} was at version {version}: {error}") from error

    def _is_committed(self, table: Table, version: int, files: list[DataFile]) -> bool:
        """Whether a commit that failed is there all the same: a store may keep it and lose its answer."""
        newest = self.version(table)
        if not files or newest is None or newest < version:
            return False
        return files[0].name.rpartition("/")[2] in self.file_names(table, version)

    def file_names(self, table: Table, version: int | None = None) -> set[str]:
        """Names of the files that a version (None: the newest) of a table without partitions is made of."""
        try:
            found = DeltaTable(self.path(table.name), version=version, storage_options=storage_options())
        except TableNotFoundError:
            return set()
        return {uri.rpartition("/")[2] for uri in found.file_uris()}

    def data_files(self, table: Table, version: int | None, **partition: str) -> list[DataFile]:
        """Files of a version (None: the table is not there) that hold these values of partition columns, in the order of all of them.

        Raises `ContractError` where the table is not partitioned as it is declared.
        """
        if version is None:
            return []
        found = DeltaTable(self.path(table.name), version=version, storage_options=storage_options())
        if found.metadata().partition_columns != list(table.partitions):
            columns = ", ".join(found.metadata().partition_columns) or "nothing"
            raise ContractError(
                f"{self.path(table.name)} is partitioned by {columns}; promised was {', '.join(table.partitions)}.\n"
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


def is_remote(address: str) -> bool:
    return "://" in address


def filesystem_of(address: str) -> tuple[pyarrow.fs.FileSystem, str]:
    """Arrow file system and path of a local path, `file:` URL or `s3://`/`s3a://` address."""
    url = urlparse(address)
    if url.scheme in ("s3", "s3a"):
        return _s3(), f"{url.netloc}{unquote(url.path)}"
    if url.scheme == "file":
        return pyarrow.fs.LocalFileSystem(), unquote(url.path)
    return pyarrow.fs.LocalFileSystem(), address


def _s3() -> pyarrow.fs.FileSystem:
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return pyarrow.fs.S3FileSystem(endpoint_override=endpoint, region=os.environ.get("AWS_REGION"))


def storage_options() -> dict[str, str]:
    """What delta-rs needs beyond the AWS_* environment: leave to use plain HTTP where the endpoint is plain HTTP."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    return {"AWS_ALLOW_HTTP": "true"} if endpoint.startswith("http://") else {}
