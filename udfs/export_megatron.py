"""Megatron-LM's indexed dataset: `train/00000.bin` and `train/00000.idx`, one pair for each shard.

    .bin   the tokens of all documents, one after the other, uint16 or int32, little-endian
    .idx   "MMIDIDX\\0\\0", u64 version 1, u8 type of a token, u64 sequences, u64 entries of the list of documents (documents + 1),
           i32 length of each sequence, i64 byte offset of each sequence, i64 index of the sequence that each document starts at

Megatron cuts windows itself, so an item is a document that ends with its end token, as its own preprocessing writes one with
`--append-eod`, and not one of our windows. `--data-path` takes the pairs by their names without ending. A reader holds 20 bytes a document
in memory, and so does this writer.
"""

import struct
from collections.abc import Iterator

import numpy as np

from udfs.export_documents import DocumentStream
from udfs.exports import ExportFile, Target, token_type
from udfs.manifest import ShardError
from udfs.shards import new_file, open_folder

FORMAT = "megatron"
MAGIC = b"MMIDIDX\x00\x00"
INDEX_VERSION = 1
TYPE_CODES = {"int32": 4, "uint16": 8}
_CHUNK = 1 << 16


def dtype(vocabulary_size: int) -> str:
    """The limit is Megatron's own (`DType.optimal_dtype`)."""
    return token_type(vocabulary_size, 65_500, "int32")


def write(target: Target, documents: DocumentStream) -> list[ExportFile]:
    """Writes a shard's pair of files, the index after its data; nothing where there are no rows."""
    filesystem, root = open_folder(target.folder)
    filesystem.create_dir(f"{root}/{target.split}", recursive=True)
    ended: list[np.ndarray] = []
    with new_file(filesystem, f"{root}/{target.path('.bin')}") as data:
        for rows in documents:
            data.write(rows.tokens.astype(np.dtype(target.dtype).newbyteorder("<")).tobytes())
            ended.append(rows.ended)
    lengths = np.concatenate([*ended, [documents.open_tokens]])
    if lengths.max() > np.iinfo(np.int32).max:
        raise ShardError(f"a document of {target.path('.bin')} has {lengths.max()} tokens; the format holds {np.iinfo(np.int32).max}")
    size = 0
    with new_file(filesystem, f"{root}/{target.path('.idx')}") as index:
        for part in _index(lengths, target.dtype):
            size += index.write(part)
    tokens = ExportFile(target.path(".bin"), data.sha256, documents.tokens * np.dtype(target.dtype).itemsize, documents.rows)
    return [tokens, ExportFile(target.path(".idx"), index.sha256, size)]


def _index(lengths: np.ndarray, dtype: str) -> Iterator[bytes]:
    yield MAGIC + struct.pack("<QBQQ", INDEX_VERSION, TYPE_CODES[dtype], len(lengths), len(lengths) + 1)
    yield from _parts(lengths, "<i4")
    yield from _parts((np.cumsum(lengths) - lengths) * np.dtype(dtype).itemsize, "<i8")
    yield from _parts(np.arange(len(lengths) + 1), "<i8")


def _parts(numbers: np.ndarray, dtype: str) -> Iterator[bytes]:
    for start in range(0, len(numbers), _CHUNK):
        yield numbers[start : start + _CHUNK].astype(dtype).tobytes()
