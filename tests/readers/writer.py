"""Writes documents or sequences with the writers of their own packages, for the benchmark. Runs in `.venv-readers`.

    python writer.py megatron|mds SHARD.parquet FOLDER

Prints the processor seconds of writing: what is read, and the imports, are not counted.
"""

import sys
import time

import numpy as np
import pyarrow.parquet as pq


def megatron(shard, folder, end_id=0):
    import torch
    from megatron.core.datasets.indexed_dataset import IndexedDatasetBuilder

    tokens = np.concatenate([group.column("tokens").combine_chunks().flatten().to_numpy() for group in groups(shard, ["tokens"])])
    documents = [torch.from_numpy(part) for part in np.split(tokens, np.flatnonzero(tokens == end_id) + 1) if len(part)]
    start = time.process_time()
    builder = IndexedDatasetBuilder(f"{folder}/00000.bin", dtype=np.uint16)
    for document in documents:
        builder.add_document(document, [len(document)])
    builder.finalize(f"{folder}/00000.idx")
    return time.process_time() - start


def mds(shard, folder):
    from streaming import MDSWriter

    columns = {"sequence": "str", "tokens": "ndarray:uint16", "lengths": "ndarray:int32", "text_bytes": "int"}
    rows = [row for group in groups(shard, None) for row in group.to_pylist()]
    samples = [
        {
            "sequence": row["sequence"],
            "tokens": np.array(row["tokens"], np.uint16),
            "lengths": np.array([piece["token_count"] for piece in row["pieces"]], np.int32),
            "text_bytes": row["text_bytes"],
        }
        for row in rows
    ]
    start = time.process_time()
    with MDSWriter(columns=columns, out=f"{folder}/mds", hashes=["sha256"]) as out:
        for sample in samples:
            out.write(sample)
    return time.process_time() - start


def groups(shard, columns):
    with pq.ParquetFile(shard) as file:
        for number in range(file.num_row_groups):
            yield file.read_row_group(number, columns=columns)


if __name__ == "__main__":
    print({"megatron": megatron, "mds": mds}[sys.argv[1]](*sys.argv[2:]))
