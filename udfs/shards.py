"""The folder that a trainer reads: Parquet shards, `tokenizer.json`, and a manifest that names them all by hash.

    LAKE/mix/shards/manifest.json      written last: a folder without it is not finished
                    tokenizer.json
                    train-00000.parquet, held_out-00000.parquet, ...     columns sequence, tokens, pieces, text_bytes

Nothing else is needed to train: neither the lake nor Spark.
"""

import hashlib
import io
import os
import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import fs

from udfs.manifest import Manifest, Shard, ShardError

MANIFEST_NAME = "manifest.json"
TOKENIZER_NAME = "tokenizer.json"
# A row group is what a trainer reads and shuffles at once: 128 sequences of 8,192 tokens are 4 MiB.
ROW_GROUP_ROWS = 128
STATISTICS = ("sequence", "position", "text_bytes", "tokens_version")  # columns that have them, where a file has these
_READ_BYTES = 1 << 20
_SHARD_NAME = re.compile(r"(train|held_out)-\d+\.parquet(\.[0-9a-f]{32}\.tmp)?")


def write_shard(
    folder: str, file: str, batches: Iterable[pa.RecordBatch], schema: pa.Schema, filesystem: fs.FileSystem | None = None
) -> Shard:
    """Writes the rows as `folder/file` and says what it wrote. Same rows and schema give the same bytes, however they are batched.

    `folder` is a path or a URI that Arrow knows, or a path in `filesystem`. Columns that `schema` does not name are left out.
    """
    filesystem, root = open_folder(folder, filesystem)
    filesystem.create_dir(root, recursive=True)
    schema = _without_null_tokens(schema)
    rows = tokens = text_bytes = 0
    with (
        new_file(filesystem, f"{root}/{file}") as sink,
        # Plain pages under zstd take 2.0 bytes a token of code with 8,192 ids, dictionary pages 2.7, delta pages 3.4.
        # Of tokens no statistics: they take a tenth of the time, and nobody asks for the least token of a page.
        pq.ParquetWriter(
            pa.PythonFile(sink, mode="w"), schema, compression="zstd", use_dictionary=False, write_statistics=list(STATISTICS)
        ) as writer,
    ):
        for group in row_groups(batches, schema):
            writer.write_table(group, row_group_size=ROW_GROUP_ROWS)
            rows += group.num_rows
            tokens += pc.sum(pc.list_value_length(group.column("tokens")), min_count=0).as_py()
            text_bytes += pc.sum(group.column("text_bytes"), min_count=0).as_py()
    return Shard(file, sink.sha256, rows, tokens, text_bytes, sink.size_bytes)


def write_manifest(folder: str, manifest: Manifest, tokenizer_json: str, filesystem: fs.FileSystem | None = None) -> None:
    """Writes tokenizer and manifest, which makes the folder whole; then removes shards of earlier exports and leftovers of killed ones.

    The caller is the folder's only writer: a shard still being written by another would be removed too.
    """
    filesystem, root = open_folder(folder, filesystem)
    filesystem.create_dir(root, recursive=True)
    for name, text in ((TOKENIZER_NAME, tokenizer_json), (MANIFEST_NAME, manifest.to_json())):
        with new_file(filesystem, f"{root}/{name}") as sink:
            sink.write(text.encode())
    listed = {shard.file for split in manifest.splits.values() for shard in split.shards}
    for info in filesystem.get_file_info(fs.FileSelector(root)):
        if _SHARD_NAME.fullmatch(info.base_name) and info.base_name not in listed:
            filesystem.delete_file(info.path)


def read_manifest(folder: str, filesystem: fs.FileSystem | None = None) -> Manifest:
    filesystem, root = open_folder(folder, filesystem)
    try:
        return Manifest.from_json(filesystem.open_input_file(f"{root}/{MANIFEST_NAME}").readall().decode())
    except FileNotFoundError as error:
        raise ShardError(f"{folder} has no {MANIFEST_NAME}: it is no folder of shards, or its writing was not finished") from error


def damage(folder: str, manifest: Manifest, filesystem: fs.FileSystem | None = None) -> list[str]:
    """What a listing tells of files that are missing or cut off. None is read: `verify` does, and finds what has its old size too."""
    promised = {shard.file: shard.size_bytes for split in manifest.splits.values() for shard in split.shards}
    return resized(folder, promised | {TOKENIZER_NAME: None}, filesystem)


def resized(folder: str, promised: dict[str, int | None], filesystem: fs.FileSystem | None = None) -> list[str]:
    """Of files by their paths in the folder, and their sizes where these are known: those that are missing or of another size."""
    filesystem, root = open_folder(folder, filesystem)
    infos = filesystem.get_file_info(fs.FileSelector(root, allow_not_found=True, recursive=True))
    found = {info.path.removeprefix(f"{root}/"): info.size for info in infos if info.type == fs.FileType.File}
    faults = [f"{file} is missing" for file in sorted(set(promised) - set(found))]
    for file, size in sorted((file, size) for file, size in promised.items() if size is not None and file in found):
        if found[file] != size:
            faults.append(f"{file} is altered: it has {found[file]:,} bytes, the manifest says {size:,}")
    return faults


def verify(folder: str, filesystem: fs.FileSystem | None = None) -> Manifest:
    """Reads every file and returns the manifest; raises `ShardError` with every file that is missing, altered or not listed."""
    manifest = read_manifest(folder, filesystem)
    filesystem, root = open_folder(folder, filesystem)
    promised = {shard.file: shard.sha256 for split in manifest.splits.values() for shard in split.shards}
    promised[TOKENIZER_NAME] = manifest.tokenizer_sha256
    found = {info.base_name for info in filesystem.get_file_info(fs.FileSelector(root)) if info.type == fs.FileType.File}
    faults = [f"{file} is missing" for file in sorted(set(promised) - found)]
    for file in sorted(set(promised) & found):
        actual = sha256_of(filesystem, f"{root}/{file}")
        if actual != promised[file]:
            faults.append(f"{file} is altered: its SHA-256 is {actual}, the manifest says {promised[file]}")
    faults += [f"{file} is not listed" for file in sorted(found - set(promised)) if file.endswith(".parquet")]
    if faults:
        raise ShardError(f"{folder} is not what its {MANIFEST_NAME} says:\n  " + "\n  ".join(faults))
    return manifest


class _HashedFile(io.RawIOBase):
    """A file that is written once, front to back, and hashed on the way."""

    def __init__(self, stream: pa.NativeFile) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._digest.update(data)
        self._stream.write(data)
        self.size_bytes += len(data)
        return len(data)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


@contextmanager
def new_file(filesystem: fs.FileSystem, path: str) -> Iterator[_HashedFile]:
    """A local file gets its name when it is whole; object stores show a file only then anyway."""
    is_local = isinstance(filesystem, fs.LocalFileSystem)
    written = f"{path}.{uuid.uuid4().hex}.tmp" if is_local else path
    try:
        with filesystem.open_output_stream(written) as stream:
            yield _HashedFile(stream)
    except BaseException:
        filesystem.delete_file(written)
        raise
    if is_local:
        filesystem.move(written, path)


def _without_null_tokens(schema: pa.Schema) -> pa.Schema:
    """Lists whose items are never null are written in a fifth less time."""
    item = pa.field("element", schema.field("tokens").type.value_type, False)
    return schema.set(schema.get_field_index("tokens"), schema.field("tokens").with_type(pa.list_(item)))


def row_groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows in tables of `ROW_GROUP_ROWS`, the last one smaller; at least one table, which may be empty."""
    waiting = schema.empty_table()
    for batch in batches:
        waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch]).select(schema.names).cast(schema)])
        while waiting.num_rows > ROW_GROUP_ROWS:
            yield waiting.slice(0, ROW_GROUP_ROWS)
            waiting = waiting.slice(ROW_GROUP_ROWS)
    yield waiting


def open_folder(folder: str, filesystem: fs.FileSystem | None = None) -> tuple[fs.FileSystem, str]:
    """The filesystem of a path, of a URI that Arrow knows, or the given one; and the folder's path in it."""
    if filesystem is not None:
        return filesystem, folder.rstrip("/")
    if "://" in folder:
        found, root = fs.FileSystem.from_uri(folder.rstrip("/"))
        return found, root
    return fs.LocalFileSystem(), os.path.abspath(folder)


def sha256_of(filesystem: fs.FileSystem, path: str) -> str:
    digest = hashlib.sha256()
    with filesystem.open_input_stream(path) as stream:
        while block := stream.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()
