"""A folder of exported shards: what all formats share.

    FOLDER/manifest.json       written last: a folder without it is not finished
           tokenizer.json
           data_card.md, data_card.json, croissant.json
           train/, held_out/   files of the format; a split without sequences has no folder

The formats are `udfs.export_megatron`, `udfs.export_mds` and `udfs.export_flat`. Each file is made of one Parquet shard, so a shard is
what a task exports, and the same shard gives the same bytes.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from pyarrow import fs

from udfs.manifest import ShardError
from udfs.shards import MANIFEST_NAME, TOKENIZER_NAME, new_file, open_folder, resized, sha256_of

FORMAT_VERSION = 1
SPLITS = ("train", "held_out")
# The data card may be written again, by a newer version of codemill too, so the manifest does not hold its hash.
CARD_NAMES = ("data_card.md", "data_card.json", "croissant.json")


@dataclass(frozen=True)
class ExportFile:
    """A file by its path in the folder. `rows` are the sequences in it; 0 for a file that only describes others."""

    file: str
    sha256: str
    size_bytes: int
    rows: int = 0


@dataclass(frozen=True)
class ShardExport:
    """What became of one shard. Its files hold its rows in order. `documents` are counted where they start; see `udfs.export_documents`."""

    shard: str
    rows: int
    tokens: int
    documents: int
    cut_documents: int
    files: tuple[ExportFile, ...]


@dataclass(frozen=True)
class SplitExport:
    """`files` are those that describe the whole split."""

    shards: tuple[ShardExport, ...]
    files: tuple[ExportFile, ...] = ()

    def all_files(self) -> Iterator[ExportFile]:
        for shard in self.shards:
            yield from shard.files
        yield from self.files


@dataclass(frozen=True)
class Target:
    """Where a shard goes: `folder` is the export's, `name` the start of its files' names, `dtype` NumPy's name of a token's type."""

    folder: str
    split: str
    name: str
    dtype: str
    end_id: int
    vocabulary_size: int

    def of(self, split: str, name: str = "") -> "Target":
        return replace(self, split=split, name=name)

    def path(self, ending: str) -> str:
        return f"{self.split}/{self.name}{ending}"


@dataclass(frozen=True)
class Export:
    """The manifest. `shards_sha256` is the hash of the manifest of the shards that were exported: another one means other shards."""

    format: str
    mixture: str
    policy_hash: str
    window: int
    vocabulary_size: int
    end_token: str
    end_id: int
    dtype: str
    tokenizer_sha256: str
    shards_sha256: str
    splits: dict[str, SplitExport]
    format_version: int = FORMAT_VERSION

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Export":
        """Raises `ShardError` where the text is no manifest of this version."""
        try:
            record = json.loads(text)
            if record["format_version"] != FORMAT_VERSION:
                raise ShardError(f"the manifest has format {record['format_version']}; this version of codemill reads {FORMAT_VERSION}")
            splits = {name: _split_of(split) for name, split in record.pop("splits").items()}
            return cls(splits=splits, **record)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ShardError(f"this is not a manifest of an export: {type(error).__name__}: {error}") from error


def _split_of(record: dict[str, Any]) -> SplitExport:
    return SplitExport(tuple(map(shard_export_of, record["shards"])), _files_of(record["files"]))


def shard_export_of(record: dict[str, Any]) -> ShardExport:
    return ShardExport(**record | {"files": _files_of(record["files"])})


def _files_of(records: list[dict[str, Any]]) -> tuple[ExportFile, ...]:
    return tuple(ExportFile(**record) for record in records)


def write_bytes(folder: str, file: str, data: bytes) -> ExportFile:
    """Writes a small file whole."""
    filesystem, root = open_folder(folder)
    filesystem.create_dir(f"{root}/{file}".rpartition("/")[0], recursive=True)
    with new_file(filesystem, f"{root}/{file}") as sink:
        sink.write(data)
    return ExportFile(file, sink.sha256, len(data))


def begin(folder: str) -> None:
    """Empties the folder, the manifest first: what is left of a killed export never looks whole."""
    filesystem, root = open_folder(folder)
    if filesystem.get_file_info(f"{root}/{MANIFEST_NAME}").type == fs.FileType.File:
        filesystem.delete_file(f"{root}/{MANIFEST_NAME}")
    filesystem.delete_dir_contents(root, missing_dir_ok=True)
    filesystem.create_dir(root, recursive=True)


def finish(folder: str, export: Export, tokenizer_json: str) -> None:
    """Writes tokenizer and manifest, which makes the folder whole."""
    write_bytes(folder, TOKENIZER_NAME, tokenizer_json.encode())
    write_bytes(folder, MANIFEST_NAME, export.to_json().encode())


def read_export(folder: str) -> Export:
    filesystem, root = open_folder(folder)
    try:
        return Export.from_json(filesystem.open_input_file(f"{root}/{MANIFEST_NAME}").readall().decode())
    except FileNotFoundError as error:
        raise ShardError(f"{folder} has no {MANIFEST_NAME}: it is no export, or its writing was not finished") from error


def is_export(folder: str) -> bool:
    """Whether the manifest there is of an export, and not of Parquet shards. Raises `ShardError` where there is none."""
    filesystem, root = open_folder(folder)
    try:
        return b'"shards_sha256"' in filesystem.open_input_file(f"{root}/{MANIFEST_NAME}").readall()
    except FileNotFoundError as error:
        raise ShardError(f"{folder} has no {MANIFEST_NAME}: neither shards nor an export, or its writing was not finished") from error


def export_damage(folder: str, export: Export) -> list[str]:
    """As `udfs.shards.damage`."""
    promised = {file.file: file.size_bytes for split in export.splits.values() for file in split.all_files()}
    return resized(folder, promised | {TOKENIZER_NAME: None})


def verify_export(folder: str) -> Export:
    """Reads every file and returns the manifest; raises `ShardError` with every file that is missing, altered or not listed."""
    export = read_export(folder)
    filesystem, root = open_folder(folder)
    promised = {file.file: file.sha256 for split in export.splits.values() for file in split.all_files()}
    promised[TOKENIZER_NAME] = export.tokenizer_sha256
    infos = filesystem.get_file_info(fs.FileSelector(root, recursive=True))
    found = {info.path.removeprefix(f"{root}/") for info in infos if info.type == fs.FileType.File}
    found -= {MANIFEST_NAME, *CARD_NAMES}
    faults = [f"{file} is missing" for file in sorted(set(promised) - found)]
    for file in sorted(set(promised) & found):
        actual = sha256_of(filesystem, f"{root}/{file}")
        if actual != promised[file]:
            faults.append(f"{file} is altered: its SHA-256 is {actual}, the manifest says {promised[file]}")
    faults += [f"{file} is not listed" for file in sorted(found - set(promised))]
    if faults:
        raise ShardError(f"{folder} is not what its {MANIFEST_NAME} says:\n  " + "\n  ".join(faults))
    return export


def token_type(vocabulary_size: int, small_below: int, large: str) -> str:
    """`uint16` for a vocabulary of less than `small_below` ids, else `large`. A format's reader says both."""
    found = "uint16" if vocabulary_size < small_below else large
    assert vocabulary_size - 1 <= np.iinfo(found).max, vocabulary_size
    return found
