"""Streams windows of tokens out of a shard folder, in an order that depends on the shards and a seed alone.

A window holds `context` targets; the input at each place is the token before it, and at the start of a sequence the end-of-document
token, so every token of a sequence is a target exactly once. Targets across document boundaries count and attention sees across them:
documents are only separated by the end token. The shards' `pieces` hold the boundaries for trainers that mask there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from udfs.draws import uniform
from udfs.manifest import Manifest
from udfs.shards import ROW_GROUP_ROWS, open_folder

IGNORED = -100  # a target that torch's cross entropy leaves out
_POOL_TOKENS = 8 << 20  # read and shuffled together, one row group at least: neighbours in a shard come from few repositories


@dataclass(frozen=True)
class Windows:
    """`inputs` and `targets`: int64, [windows, context]; padding has the target `IGNORED`."""

    inputs: np.ndarray
    targets: np.ndarray


def training_batches(
    folder: str, manifest: Manifest, context: int, batch_size: int, end_id: int, seed: int, first_step: int = 0
) -> Iterator[Windows]:
    """Endless: after the last window comes another epoch in another order. `first_step` skips what earlier steps have seen."""
    windows = islice(_training_windows(folder, manifest, context, end_id, seed), first_step * batch_size, None)
    while batch := list(islice(windows, batch_size)):
        yield Windows(np.stack([inputs for inputs, _ in batch]), np.stack([targets for _, targets in batch]))


def sequences(folder: str, manifest: Manifest, split: str, seed: str) -> Iterator[pa.Table]:
    """The split's sequences (tokens, text_bytes), one table per row group, row groups and rows ordered by draws with `seed`."""
    filesystem, root = open_folder(folder)
    files = [pq.ParquetFile(filesystem.open_input_file(f"{root}/{shard.file}")) for shard in manifest.splits[split].shards]
    groups = [(file, index) for file, parquet in enumerate(files) for index in range(parquet.num_row_groups)]
    for chosen in _order([f"{file}/{index}" for file, index in groups], seed):
        file, index = groups[chosen]
        table = files[file].read_row_group(index, columns=["tokens", "text_bytes"])
        yield table.take(pa.array(_order([f"{file}/{index}/{row}" for row in range(table.num_rows)], seed)))


def windows_of(table: pa.Table, context: int, end_id: int) -> Windows:
    """All tokens of these sequences as windows, in order. The last window of a sequence is padded."""
    inputs, targets = [], []
    for sequence in table.column("tokens"):
        tokens = sequence.values.to_numpy()
        rows = -(-len(tokens) // context)
        padded_inputs = np.full(rows * context, end_id, dtype=np.int64)
        padded_targets = np.full(rows * context, IGNORED, dtype=np.int64)
        padded_inputs[1 : len(tokens)] = tokens[:-1]
        padded_targets[: len(tokens)] = tokens
        inputs.append(padded_inputs.reshape(rows, context))
        targets.append(padded_targets.reshape(rows, context))
    none = np.zeros((0, context), dtype=np.int64)
    return Windows(np.concatenate([none, *inputs]), np.concatenate([none, *targets]))


def _training_windows(folder: str, manifest: Manifest, context: int, end_id: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    row_groups = max(1, _POOL_TOKENS // (ROW_GROUP_ROWS * manifest.window))
    for epoch in count():
        tables = sequences(folder, manifest, "train", f"{seed}.{epoch}")
        for pool in count():
            read = list(islice(tables, row_groups))
            if not read:
                break
            windows = windows_of(pa.concat_tables(read), context, end_id)
            for row in _order([f"{pool}/{row}" for row in range(len(windows.inputs))], f"{seed}.{epoch}"):
                yield windows.inputs[row], windows.targets[row]


def _order(ids: list[str], seed: str) -> np.ndarray:
    return np.argsort(uniform(pa.array(ids, pa.string()), seed), kind="stable")
