"""Sequences and exports for tests: packed token by token, as slowly and plainly as can be."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from udfs.export_formats import FORMATS, export_shard
from udfs.exports import Export, SplitExport, Target, begin, finish
from udfs.packing import PIECE

END = 0
SCHEMA = pa.schema(
    [
        pa.field("sequence", pa.string(), False),
        pa.field("tokens", pa.list_(pa.int32()), False),
        pa.field("pieces", pa.list_(PIECE), False),
        pa.field("text_bytes", pa.int64(), False),
    ]
)
TOKENIZER_JSON = '{"a tokenizer": true}'
Row = dict[str, Any]
# Documents of ids from 1 on; the end token is added. Most vocabularies lie at the limits of the types.
vocabularies = st.sampled_from([300, 65_499, 65_500, 65_536, 65_537, 200_000])


@st.composite
def packed(draw: st.DrawFn) -> tuple[int, list[list[int]], list[Row], int]:
    """A vocabulary, documents, the sequences that plain concatenation makes of them, and how many rows a batch has."""
    vocabulary = draw(vocabularies)
    tokens = st.lists(st.one_of(st.integers(1, vocabulary - 1), st.just(vocabulary - 1)), max_size=30)
    documents = [[*found, END] for found in draw(st.lists(tokens, min_size=1, max_size=12))]
    return vocabulary, documents, sequences_of(documents, draw(st.integers(1, 25))), draw(st.integers(1, 9))


def sequences_of(documents: list[list[int]], window: int) -> list[Row]:
    """Token by token: as slow and as plain as it can be."""
    stream = [(document, place, token) for document, tokens in enumerate(documents) for place, token in enumerate(tokens)]
    rows = []
    for position, start in enumerate(range(0, len(stream), window)):
        part = stream[start : start + window]
        pieces = []
        for document in sorted({document for document, _, _ in part}):
            places = [place for other, place, _ in part if other == document]
            pieces.append(piece(document, places[0], len(places)))
        rows.append(
            {"sequence": f"m/train/0/{position}", "tokens": [token for _, _, token in part], "pieces": pieces, "text_bytes": position}
        )
    return rows


def piece(document: int, offset: int, count: int) -> Row:
    found = {"kind": "file", "candidate": f"c{document}", "token_offset": offset, "token_count": count, "text_bytes": count}
    return {field.name: found.get(field.name) for field in PIECE} | found


def batches(rows: list[Row], size: int = 1000) -> Iterator[pa.RecordBatch]:
    yield from pa.Table.from_pylist(rows, SCHEMA).to_batches(max_chunksize=size)


def export(format: str, folder: Path, vocabulary: int, shards: list[list[Row]], batch_rows: int = 1000) -> Export:
    """A whole export of a split `train` of these shards, and of an empty one."""
    begin(str(folder))
    target = Target(str(folder), "train", "", FORMATS[format].dtype(vocabulary), END, vocabulary)
    done = tuple(
        export_shard(format, target.of("train", f"{number:05d}"), f"train-{number:05d}.parquet", batches(rows, batch_rows))
        for number, rows in enumerate(shards)
    )
    describe = FORMATS[format].describe
    splits = {"train": SplitExport(done, tuple(describe(target, done)) if describe else ()), "held_out": SplitExport(())}
    tokenizer_sha256 = hashlib.sha256(TOKENIZER_JSON.encode()).hexdigest()
    found = Export(format, "m", "p", 25, vocabulary, "<|endoftext|>", END, target.dtype, tokenizer_sha256, "s", splits)
    finish(str(folder), found, TOKENIZER_JSON)
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
