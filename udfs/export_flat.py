"""Flat files of token ids for a memory map, as nanoGPT reads them: `train/00000.bin` for each shard and one `train/header.json`.

    numpy.memmap("train/00000.bin", dtype=header["dtype"], mode="r")

A file has no header of its own: byte 0 is the first token. The tokens are those of the shard's sequences in order, uint16 or uint32,
little-endian; documents end with the end token that the header names. A window that is cut anywhere is good training text.
"""

import json

import numpy as np

from udfs.export_documents import DocumentStream
from udfs.exports import ExportFile, ShardExport, Target, token_type, write_bytes
from udfs.shards import new_file, open_folder

FORMAT = "flat"
HEADER_NAME = "header.json"


def dtype(vocabulary_size: int) -> str:
    return token_type(vocabulary_size, (1 << 16) + 1, "uint32")


def write(target: Target, documents: DocumentStream) -> list[ExportFile]:
    """Writes a shard's file."""
    filesystem, root = open_folder(target.folder)
    filesystem.create_dir(f"{root}/{target.split}", recursive=True)
    with new_file(filesystem, f"{root}/{target.path('.bin')}") as data:
        for rows in documents:
            data.write(rows.tokens.astype(np.dtype(target.dtype).newbyteorder("<")).tobytes())
    size = documents.tokens * np.dtype(target.dtype).itemsize
    return [ExportFile(target.path(".bin"), data.sha256, size, documents.rows)]


def describe(target: Target, shards: tuple[ShardExport, ...]) -> list[ExportFile]:
    """Writes the split's header."""
    header = {
        "dtype": target.dtype,
        "byte_order": "little",
        "end_id": target.end_id,
        "vocabulary_size": target.vocabulary_size,
        "token_count": sum(shard.tokens for shard in shards),
        "files": [
            {"file": file.file.rpartition("/")[2], "token_count": shard.tokens, "document_count": shard.documents, "sha256": file.sha256}
            for shard in shards
            for file in shard.files
        ],
    }
    data = json.dumps(header, indent=2, sort_keys=True) + "\n"
    return [write_bytes(target.folder, f"{target.split}/{HEADER_NAME}", data.encode())]
