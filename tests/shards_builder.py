"""A small folder of shards without a lake: code of the standard library, in two kinds and two splits."""

import sysconfig
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pyarrow as pa

from schemas.mix import SHARD_ROW
from tests.token_rows import values
from udfs.manifest import LanguageCounts, Manifest, Split
from udfs.packing import pack
from udfs.shards import write_manifest, write_shard
from udfs.token_values import with_lists
from udfs.tokenizer import FIM_MIDDLE, FIM_PREFIX, FIM_SUFFIX, Tokenizer, encode, load, train

LIBRARY = Path(sysconfig.get_paths()["stdlib"])
TEXTS = {
    "train": [path.read_text() for name in ("email", "asyncio") for path in sorted((LIBRARY / name).glob("*.py"))],
    "held_out": [path.read_text() for path in sorted((LIBRARY / "json").glob("*.py"))],
}
WINDOW = 100
VOCABULARY = 512


def write_split(folder: str, split: str, texts: list[str], tokenizer: Tokenizer, window: int = WINDOW) -> Split:
    """Every third document is said to be a commit, the others files; every second of training is filled in the middle."""
    marks = [tokenizer.model.token_to_id(name) for name in (FIM_SUFFIX, FIM_PREFIX, FIM_MIDDLE)]

    def documents() -> Iterator[pa.RecordBatch]:
        tokens, offsets = encode(tokenizer, pa.array(texts, pa.string()))
        rows = [
            filled(tokens[start:end].tolist(), marks) if is_filled(split, row) else tokens[start:end].tolist()
            for row, (start, end) in enumerate(pairwise(offsets))
        ]
        yield pa.RecordBatch.from_pydict(
            {
                "kind": pa.array(["commit" if row % 3 == 2 else "file" for row in range(len(rows))]),
                "candidate": pa.array([f"document-{row}" for row in range(len(rows))]),
                "is_fim": pa.array([is_filled(split, row) for row in range(len(rows))]),
                "epoch": pa.array([0] * len(rows), pa.int32()),
                "text_hash": pa.array(["0" * 16] * len(rows)),
                "language": pa.array(["Python"] * len(rows)),
                "token_offset": pa.array([0] * len(rows), pa.int64()),
                "tokens": values(rows),
            }
        )

    def rows() -> Iterator[pa.RecordBatch]:
        for batch in pack(documents(), window, tokenizer.token_bytes):
            names = pa.array([f"demo/{split}/0/{position}" for position in batch.column("position").to_pylist()])
            yield with_lists(batch).append_column("sequence", names)

    shard = write_shard(folder, f"{split}-00000.parquet", rows(), SHARD_ROW)
    return Split((shard,), {"Python": LanguageCounts(len(texts), shard.tokens, shard.text_bytes)})


def is_filled(split: str, row: int) -> bool:
    return split == "train" and row % 2 == 1


def filled(tokens: list[int], marks: list[int]) -> list[int]:
    """Suffix, prefix, middle of a document cut at a quarter and at half of its tokens; its end token stays the last."""
    quarter, half = len(tokens) // 4, len(tokens) // 2
    return [marks[0], *tokens[half:-1], marks[1], *tokens[:quarter], marks[2], *tokens[quarter:half], tokens[-1]]


def write_shards(folder: Path, window: int = WINDOW) -> Path:
    tokenizer = load(train(iter(TEXTS["train"]), VOCABULARY))
    splits = {split: write_split(str(folder), split, texts, tokenizer, window) for split, texts in TEXTS.items()}
    manifest = Manifest("demo", "p" * 64, window, tokenizer.vocabulary_size, tokenizer.end_token, tokenizer.sha256, splits)
    write_manifest(str(folder), manifest, tokenizer.tokenizer_json)
    return folder
