"""Exporting a shard: from Parquet to a format's files and hashes, beside the writer of the format's own package.

    python -m benchmarks.exports [--tokens N] [--format megatron|mds]

Both write the same documents or sequences, in one process; the package's writer is given them in memory, and makes no check and, for
Megatron, no hash. The limit is the shard read, and its tokens written as they are.
"""

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.measure import interleaved, report, result
from jobs.mix.group_files import read_group
from schemas.mix import SHARD_ROW
from udfs.export_formats import FORMATS, export_shard
from udfs.exports import Target
from udfs.packing import pack
from udfs.shards import write_shard
from udfs.token_values import as_binary, token_type, with_lists

ROOT = Path(__file__).parents[1]
VOCABULARY, WINDOW, END = 32_768, 8_192, 0
PEER = {"megatron": "megatron-core's IndexedDatasetBuilder", "mds": "mosaicml-streaming's MDSWriter"}
MEAN_DOCUMENT = 1_000
BATCH_DOCUMENTS = 1_000


def made_shard(folder: Path, tokens: int) -> Path:
    """Documents of random ids and lengths, packed as the pipeline packs them."""
    random = np.random.default_rng(7)
    lengths = random.geometric(1 / MEAN_DOCUMENT, tokens // MEAN_DOCUMENT)

    def documents() -> "list[pa.RecordBatch]":
        batches = []
        for first in range(0, len(lengths), BATCH_DOCUMENTS):
            part = lengths[first : first + BATCH_DOCUMENTS]
            ids = random.integers(1, VOCABULARY, int(part.sum()), np.int32)
            ids[np.cumsum(part) - 1] = END
            tokens = as_binary(ids.astype(token_type(VOCABULARY)), np.concatenate([[0], np.cumsum(part)]))
            names = pa.array([f"{first + place:064x}" for place in range(len(part))])
            kinds, offsets = pa.array(["file"] * len(part)), pa.array(np.zeros(len(part), np.int64))
            columns = {"kind": kinds, "candidate": names, "token_offset": offsets, "tokens": tokens}
            columns |= {"is_fim": pa.repeat(False, len(part)), "epoch": pa.repeat(pa.scalar(0, pa.int32()), len(part))}
            columns |= {"text_hash": pa.repeat("0" * 16, len(part)), "language": pa.repeat("Python", len(part))}
            batches.append(pa.RecordBatch.from_pydict(columns))
        return batches

    named = (batch.append_column("sequence", names_of(batch)) for batch in pack(documents(), WINDOW, np.full(VOCABULARY, 4)))
    write_shard(str(folder), "train-00000.parquet", map(with_lists, named), SHARD_ROW)
    return folder / "train-00000.parquet"


def names_of(batch: pa.RecordBatch) -> pa.Array:
    return pa.array([f"m/train/00000/{position:06d}" for position in batch.column("position").to_pylist()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=50_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--format", default="megatron", choices=sorted(PEER))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        measure(Path(name), given.format, given.tokens, given.rounds)


def measure(folder: Path, format: str, tokens: int, rounds: int) -> None:
    shard = made_shard(folder, tokens)
    target = Target(str(folder / format), "train", "00000", FORMATS[format].dtype(VOCABULARY), END, VOCABULARY)
    peers: list[float] = []

    def ours() -> None:
        export_shard(format, target, shard.name, read_group(str(shard), SHARD_ROW.names))

    def bare() -> None:
        with (folder / "bare.bin").open("wb") as out:
            for batch in read_group(str(shard), ["tokens"]):
                out.write(batch.column("tokens").flatten().to_numpy().astype(np.uint16).tobytes())

    def peer() -> None:
        with tempfile.TemporaryDirectory(dir=folder) as out:
            parts = [ROOT / ".venv-readers" / "bin" / "python", ROOT / "tests" / "readers" / "writer.py", format, shard, out]
            command = [str(part) for part in parts]
            peers.append(float(subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout))

    least = interleaved({"codemill": ours, "bare": bare, "peer": peer}, rounds, time.process_time)
    million = tokens / 1e6
    speeds = {name: million / seconds for name, seconds in least.items()}
    given = f"{million:,.0f} million tokens in sequences of {WINDOW:,}, format {format}"
    alternative = (f"{PEER[format]}, reading not counted", million / min(peers))
    report(
        result("exports", "million tokens/s", speeds["codemill"], alternative, ("Parquet read and tokens written", speeds["bare"]), given)
    )


if __name__ == "__main__":
    main()
