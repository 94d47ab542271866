"""A small folder of shards without a lake: code of the standard library, in two kinds and two splits."""

import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from udfs.manifest import LanguageCounts, Manifest, Split
from udfs.packing import PACKED, pack
from udfs.shards import write_manifest, write_shard
from udfs.tokenizer import Tokenizer, encode, load, train

LIBRARY = Path(sysconfig.get_paths()["stdlib"])
TEXTS = {
    "train": [path.read_text() for name in ("email", "asyncio") for path in sorted((LIBRARY / name).glob("*.py"))],
    "held_out": [path.read_text() for path in sorted((LIBRARY / "json").glob("*.py"))],
}
WINDOW = 100
VOCABULARY = 512
SCHEMA = pa.schema([pa.field("sequence", pa.string(), False), *[field for field in PACKED if field.name != "position"]])


def write_split(folder: str, split: str, texts: list[str], tokenizer: Tokenizer, window: int = WINDOW) -> Split:
    """Every third document is said to be a commit, the others files."""

    def documents() -> Iterator[pa.RecordBatch]:
        tokens, offsets = encode(tokenizer, pa.array(texts, pa.string()))
        lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(tokens))
        names = pa.array([f"document-{row}" for row in range(len(lists))])
        kinds = pa.array(["commit" if row % 3 == 2 else "file" for row in range(len(lists))])
        whole = pa.array([0] * len(lists), pa.int64())
        yield pa.RecordBatch.from_pydict({"kind": kinds, "candidate": names, "token_offset": whole, "tokens": lists})

    def rows() -> Iterator[pa.RecordBatch]:
        for batch in pack(documents(), window, tokenizer.token_bytes):
            names = pa.array([f"demo/{split}/0/{position}" for position in batch.column("position").to_pylist()])
            yield pa.RecordBatch.from_arrays([names, *batch.columns[1:]], schema=SCHEMA)

    shard = write_shard(folder, f"{split}-00000.parquet", rows(), SCHEMA)
    return Split((shard,), {"Python": LanguageCounts(len(texts), shard.tokens, shard.text_bytes)})


def write_shards(folder: Path, window: int = WINDOW) -> Path:
    tokenizer = load(train(iter(TEXTS["train"]), VOCABULARY))
    splits = {split: write_split(str(folder), split, texts, tokenizer, window) for split, texts in TEXTS.items()}
    manifest = Manifest("demo", "p" * 64, window, tokenizer.vocabulary_size, tokenizer.end_token, tokenizer.sha256, splits)
    write_manifest(str(folder), manifest, tokenizer.tokenizer_json)
    return folder
