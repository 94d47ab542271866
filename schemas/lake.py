"""Where tables lie, and reading them without Spark.

A lake is a folder or an object-store address. A table lies at `LAKE/<phase>/<table>`. Jobs without Spark (what-if, explain, report,
probe, scoring) read through Arrow here; `schemas.delta_files` writes without Spark.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from schemas.table import Table

MARKER = "codemill.json"
FORMAT = 4
STREAM_BYTES = 4 << 20  # that are read of a column at once
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

    def file_names(self, table: Table, version: int | None = None) -> list[str]:
        """Names, without their folders, of the files that a version (None: the newest) is made of; none where the table is not there.

        Raises `ContractError` where it is another table than the one declared.
        """
        try:
            found = DeltaTable(self.path(table.name), version=version, storage_options=storage_options())
        except TableNotFoundError:
            return []
        table.check_schema(pa.schema(found.schema().to_arrow()), self.path(table.name))
        return sorted(uri.rpartition("/")[2] for uri in found.file_uris())

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
