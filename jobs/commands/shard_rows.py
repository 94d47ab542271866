"""A sequence as it lies in a folder of shards: what a trainer read, whatever has been mixed since."""

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.runtime.errors import CodemillError
from udfs.manifest import Manifest, ShardError
from udfs.shards import open_folder, read_manifest

COLUMNS = ["sequence", "pieces", "text_bytes"]


def sequence_in_shards(folder: str, sequence: str) -> tuple[Manifest, dict[str, Any]]:
    """The manifest and the sequence's row. Reads the row groups whose least and greatest name have it between them.

    Raises `CodemillError` where the folder is none of shards, or lacks the sequence or a file.
    """
    try:
        manifest = read_manifest(folder)
    except ShardError as error:
        raise CodemillError(str(error)) from error
    filesystem, root = open_folder(folder)
    for file in (shard.file for split in manifest.splits.values() for shard in split.shards):
        try:
            with pq.ParquetFile(f"{root}/{file}", filesystem=filesystem) as shard:
                found = next((row for number in range(shard.num_row_groups) for row in _rows(shard, number, sequence)), None)
        except (OSError, pa.ArrowInvalid) as error:
            raise CodemillError(f"{folder}/{file} cannot be read: {error}. `codemill verify {folder}` says what is missing") from error
        if found is not None:
            return manifest, found
    raise CodemillError(f"the shards in {folder} have no sequence {sequence!r}; they are of the mixture {manifest.mixture!r}")


def _rows(shard: pq.ParquetFile, number: int, sequence: str) -> list[dict[str, Any]]:
    group = shard.metadata.row_group(number)
    names = next(column for place in range(group.num_columns) if (column := group.column(place)).path_in_schema == "sequence").statistics
    if names is not None and names.has_min_max and not names.min <= sequence <= names.max:
        return []
    rows = shard.read_row_group(number, COLUMNS)
    place = rows.column("sequence").to_pylist()
    return rows.slice(place.index(sequence), 1).to_pylist() if sequence in place else []
