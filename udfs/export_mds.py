"""MosaicML Streaming's shards: `train/00000.00000.mds` and on, and one `train/index.json`, which `StreamingDataset` opens.

A sample is one of our sequences:

    sequence     str                its name, which `codemill trace` takes
    tokens       ndarray uint16 or int32
    lengths      ndarray int32      of the documents' pieces inside, in order: for masks and positions that start anew
    text_bytes   int                UTF-8 bytes that the tokens stand for

A file is u32 count, u32 offset of each sample and of the end, the columns as JSON, then the samples. We write it ourselves: the package's
`MDSWriter` needs torch, torchvision and transformers below 5 in every Spark task (docs/decisions/0019).
"""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from udfs.export_documents import DocumentStream
from udfs.exports import ExportFile, ShardExport, Target, token_type, write_bytes
from udfs.manifest import ShardError

FORMAT = "mds"
INDEX_NAME = "index.json"
STREAMING_VERSION = 2
# What the package's own writer takes by default: a reader downloads a file at a time, and its offsets are 32 bits.
MAX_FILE_BYTES = 1 << 26


def dtype(vocabulary_size: int) -> str:
    return token_type(vocabulary_size, (1 << 16) + 1, "int32")


def columns(dtype: str) -> dict[str, list[Any]]:
    """In the order of their names, as readers expect. A size of null means that each sample says its own."""
    encodings = {"lengths": "ndarray:int32", "sequence": "str", "text_bytes": "int", "tokens": f"ndarray:{dtype}"}
    sizes = {"text_bytes": 8}
    return {
        "column_encodings": list(encodings.values()),
        "column_names": list(encodings),
        "column_sizes": [sizes.get(name) for name in encodings],
    }


def configuration(dtype: str) -> dict[str, Any]:
    common = {"compression": None, "format": "mds", "hashes": ["sha256"], "size_limit": MAX_FILE_BYTES, "version": STREAMING_VERSION}
    return columns(dtype) | common


def write(target: Target, documents: DocumentStream) -> list[ExportFile]:
    """Writes a shard's files, each when its samples are together: memory is one file and one batch."""
    files: list[ExportFile] = []
    waiting: list[bytes] = []
    config = json.dumps(configuration(target.dtype), sort_keys=True).encode()
    size = fixed = 8 + len(config)
    for sample in _samples(documents, target.dtype):
        if waiting and size + len(sample) + 4 > MAX_FILE_BYTES:
            files.append(_written(target, len(files), waiting, config))
            waiting, size = [], fixed
        waiting.append(sample)
        size += len(sample) + 4
    if waiting:
        files.append(_written(target, len(files), waiting, config))
    return files


def describe(target: Target, shards: tuple[ShardExport, ...]) -> list[ExportFile]:
    """Writes the split's index, without which no reader opens it."""
    config = configuration(target.dtype)
    entries = [
        config
        | {
            "raw_data": {"basename": file.file.rpartition("/")[2], "bytes": file.size_bytes, "hashes": {"sha256": file.sha256}},
            "samples": file.rows,
            "zip_data": None,
        }
        for shard in shards
        for file in shard.files
    ]
    data = json.dumps({"shards": entries, "version": STREAMING_VERSION}, sort_keys=True)
    return [write_bytes(target.folder, f"{target.split}/{INDEX_NAME}", data.encode())]


def _samples(documents: DocumentStream, dtype: str) -> Iterator[bytes]:
    for rows in documents:
        tokens = rows.tokens.astype(np.dtype(dtype).newbyteorder("<"))
        bounds = _bounds(rows.batch.column("tokens"))
        pieces = rows.batch.column("pieces")
        lengths = np.asarray(pieces.flatten().field("token_count")).astype("<i4")
        piece_bounds = _bounds(pieces)
        names, sizes = rows.batch.column("sequence").to_pylist(), rows.batch.column("text_bytes").to_pylist()
        for row, (name, text_bytes) in enumerate(zip(names, sizes, strict=True)):
            piece_lengths = _array(lengths[piece_bounds[row] : piece_bounds[row + 1]])
            own = [piece_lengths, name.encode(), _array(tokens[bounds[row] : bounds[row + 1]])]
            sizes_of = np.array([len(part) for part in own], "<u4").tobytes()
            yield b"".join([sizes_of, own[0], own[1], np.array(text_bytes, "<i8").tobytes(), own[2]])


def _bounds(lists: pa.ListArray) -> np.ndarray:
    """Where each row starts and ends in the flattened values."""
    offsets = np.asarray(lists.offsets)
    return offsets - offsets[0]


def _array(values: np.ndarray) -> bytes:
    """An ndarray of one dimension whose type the column knows: dimensions and width of the shape in a byte, the shape, the values."""
    width = next(code for code in range(4) if len(values) < 1 << (8 << code))
    return bytes([(1 << 2) | width]) + len(values).to_bytes(1 << width, "little") + values.tobytes()


def _written(target: Target, number: int, samples: list[bytes], config: bytes) -> ExportFile:
    sizes = np.array([0, *map(len, samples)], np.int64)
    offsets = np.cumsum(sizes) + 4 + 4 * len(sizes) + len(config)
    if offsets[-1] >= 1 << 32:
        raise ShardError(f"a sequence of {target.path('')} takes {sizes.max()} bytes; an MDS file holds 4 GiB")
    head = np.array(len(samples), "<u4").tobytes() + offsets.astype("<u4").tobytes() + config
    file = write_bytes(target.folder, target.path(f".{number:05d}.mds"), b"".join([head, *samples]))
    return ExportFile(file.file, file.sha256, file.size_bytes, len(samples))
