"""The loader beside a bare read of the same shards, and beside torch's DataLoader over their rows.

`python -m benchmarks.loader [--shards FOLDER] [--tokens N] [--window N] [--batch-size N]`. Tokens a second of processor time, of all
threads of one process: windows in drawn order with documents and kinds, ready for a model. The bare read decodes the same columns and does
nothing with them. The DataLoader gives the same windows as tensors, row groups shuffled and rows not, without documents. Without --shards
it makes some: documents of 2,500 tokens on average, packed to 8,192.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch.utils.data import DataLoader, IterableDataset

from benchmarks.measure import interleaved, report, result
from schemas.mix import SHARD_ROW
from training.loader import Batches, Source
from training.pools import IGNORED
from udfs.manifest import Manifest, Split
from udfs.packing import pack
from udfs.shards import read_manifest, write_shard
from udfs.token_values import as_binary, token_type, with_lists

SEQUENCE, VOCABULARY, MEAN_TOKENS = 8192, 32_000, 2_500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", metavar="FOLDER", help="default: made for the benchmark")
    parser.add_argument("--tokens", type=int, default=32 << 20, help="of the shards that are made")
    parser.add_argument("--window", type=int, default=SEQUENCE)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        manifest = read_manifest(arguments.shards) if arguments.shards else made(folder, arguments.tokens)
        source = Source(arguments.shards or folder, manifest, "train", arguments.window, 0)
        measured(source, arguments.batch_size, arguments.rounds)


def measured(source: Source, batch_size: int, rounds: int) -> None:
    tokens = source.manifest.splits["train"].totals["tokens"]
    steps = tokens // (source.context * batch_size)
    files = [f"{source.folder}/{shard.file}" for shard in source.manifest.splits["train"].shards]
    given: dict[str, int] = {}

    def ours() -> None:
        given["ours"] = sum(int((batch.targets != IGNORED).sum()) for batch in islice(Batches(source, batch_size), steps))

    def bare() -> None:
        given["bare"] = sum(len(table.column("tokens").combine_chunks().flatten()) for table in row_groups(files, ["tokens", "pieces"]))

    def loader() -> None:
        batches = DataLoader(Rows(files, source.context), batch_size=batch_size)
        given["loader"] = sum(int((targets != IGNORED).sum()) for _, targets in batches)

    least = interleaved({"ours": ours, "bare": bare, "loader": loader}, rounds, time.process_time)
    speeds = {name: given[name] / seconds / 1e6 for name, seconds in least.items()}
    said = f"{tokens / 1e6:.0f} million tokens, windows of {source.context:,}, {batch_size} a step, one process"
    best = ("torch DataLoader over the rows", speeds["loader"])
    report(result("loader", "million tokens/s", speeds["ours"], best, ("bare Parquet read", speeds["bare"]), said))


def row_groups(files: list[str], columns: list[str]) -> Iterator[pa.Table]:
    for file in files:
        parquet = pq.ParquetFile(file)
        for number in np.random.default_rng(0).permutation(parquet.num_row_groups):
            yield parquet.read_row_group(int(number), columns=columns)


class Rows(IterableDataset):  # type: ignore[misc]
    """Windows of each row's tokens as pairs of tensors; the last window of a row is padded."""

    def __init__(self, files: list[str], context: int) -> None:
        self.files, self.context = files, context

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for table in row_groups(self.files, ["tokens"]):
            for row in table.column("tokens"):
                tokens = torch.from_numpy(row.values.to_numpy().astype(np.int64))
                before = torch.cat([torch.zeros(1, dtype=torch.int64), tokens[:-1]])
                for start in range(0, len(tokens), self.context):
                    missing = max(0, start + self.context - len(tokens))
                    inputs, targets = (part[start : start + self.context] for part in (before, tokens))
                    yield torch.nn.functional.pad(inputs, (0, missing)), torch.nn.functional.pad(targets, (0, missing), value=IGNORED)


def made(folder: str, tokens: int) -> Manifest:
    """Eight shards of skewed random tokens in documents of random lengths."""
    shards = tuple(write_shard(folder, f"train-{n:05d}.parquet", packed(n, tokens // 8), SHARD_ROW) for n in range(8))
    return Manifest("benchmark", "", SEQUENCE, VOCABULARY, "<|endoftext|>", "", {"train": Split(shards, {})})


def packed(number: int, tokens: int) -> Iterator[pa.RecordBatch]:
    random = np.random.default_rng(number)
    lengths = 1 + random.exponential(MEAN_TOKENS, tokens // MEAN_TOKENS).astype(np.int64)
    ids = (random.random(int(lengths.sum())) ** 3 * VOCABULARY).astype(np.int32)
    values = as_binary(ids.astype(token_type(VOCABULARY)), np.concatenate([[0], np.cumsum(lengths)]))
    names = pa.array([f"{number}-{row}" for row in range(len(lengths))])
    columns = {
        "kind": pa.repeat("file", len(lengths)),
        "candidate": names,
        "is_fim": pa.repeat(False, len(lengths)),
        "epoch": pa.repeat(pa.scalar(0, pa.int32()), len(lengths)),
        "text_hash": pa.repeat("0" * 16, len(lengths)),
        "language": pa.repeat("Python", len(lengths)),
        "token_offset": pa.repeat(pa.scalar(0, pa.int64()), len(lengths)),
        "tokens": values,
    }
    for batch in pack([pa.RecordBatch.from_pydict(columns)], SEQUENCE, np.full(VOCABULARY, 3)):
        sequences = pa.array([f"benchmark/train/{number}/{position}" for position in batch.column("position").to_pylist()])
        yield with_lists(batch).append_column("sequence", sequences)


if __name__ == "__main__":
    main()
