"""Tokens of kept documents: those of new documents are made from their texts, all others are taken from the lake's sequences.

Tokenizing is the slowest work on text in this pipeline, so a document is tokenized once, however often its group is packed again, and in
however many mixtures it is.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.mix.group_files import read_group
from jobs.mix.kept_documents import map_documents
from jobs.runtime.job import short_hash
from jobs.runtime.tables import Tables
from schemas.delta_files import data_files
from schemas.mix import SEQUENCES
from udfs import fim
from udfs import tokenizer as byte_level_bpe
from udfs.tokenizer import Tokenizer, load

# A run of one document's tokens.
RUNS = pa.schema(
    [
        ("kind", pa.string()),
        ("candidate", pa.string()),
        ("text_hash", pa.string()),
        ("is_fim", pa.bool_()),
        ("split", pa.string()),
        ("lot", pa.int32()),  # the part of the recipe that its document belongs to
        ("language", pa.string()),
        ("token_offset", pa.int64()),  # of the run inside its document
        ("tokens", pa.binary()),  # numbers of `token_type`: Spark moves bytes as they lie, but lists element by element
    ]
)
# What tells whether tokens of an earlier run are those that are wanted now.
KEY = ["kind", "candidate", "text_hash", "is_fim"]
PLACED = ("split", "lot", "language")
_OF_PIECES = [field for field in RUNS if field.name not in PLACED]
_UNPLACED = pa.schema([*_OF_PIECES, ("source", pa.string())])  # the mixture in whose sequences a run was found


def tokens_version(tokenizer_sha256: str) -> str:
    """Where it is the same, the same text has the same tokens."""
    return short_hash("tokens", str(byte_level_bpe.VERSION), str(fim.VERSION), byte_level_bpe.library_versions(), tokenizer_sha256)


def token_type(vocabulary_size: int) -> np.dtype:
    """How tokens travel: two bytes each where they fit."""
    return np.dtype("<u2" if vocabulary_size <= 1 << 16 else "<i4")


def token_runs(tables: Tables, documents: DataFrame, mixture: str, tokenizer_json: str, kind: np.dtype, version: str) -> DataFrame:
    """Rows of RUNS that together are all `documents`, with tokens of the type `kind`. The account is told what was tokenized.

    `documents` are those of `kept_documents`, persisted, with `lot`, and `is_fim`: whether the document is to be filled in the middle.
    Where it has no room its run says false.
    """
    # One version, or a write that is tried again would find documents in the table that it brings itself.
    table_version = tables.lake.version(SEQUENCES)
    packed = tables[SEQUENCES] if table_version is None else tables.at(SEQUENCES, table_version)
    found = documents.join(sources(packed.where(F.col("tokens_version") == version), mixture), KEY, "left").persist()
    new, known = found.where("source is null").drop("source"), found.where("source is not null")
    tables.account.read_bytes = new.agg(F.coalesce(F.sum("size_bytes"), F.lit(0))).first()[0]  # type: ignore[index]
    tokenized = map_documents(tables, new, Tokenize(tokenizer_json, kind), from_arrow_schema(RUNS))
    mixtures = sorted(row.source for row in known.select("source").distinct().collect())
    files = [
        (one, tables.lake.path(f"{SEQUENCES.name}/{file.name}"))
        for one in mixtures
        for file in data_files(tables.lake, SEQUENCES, table_version, mixture=one)
    ]
    if not files:
        return tokenized
    addresses = tables.spark.createDataFrame(files, "mixture string, file string").repartition(len(files))
    unpacked = addresses.mapInArrow(Unpack(version, kind), from_arrow_schema(_UNPLACED))
    kept = unpacked.join(known.select(*KEY, "source", *PLACED), [*KEY, "source"])
    return tokenized.unionByName(kept.select(*RUNS.names))


def sources(packed: DataFrame, mixture: str) -> DataFrame:
    """KEY and `source`, the mixture whose sequences give a document's tokens: this one where it has them, else the first by name."""
    pieces = packed.select("mixture", F.explode("pieces").alias("piece")).where("piece.token_offset = 0 and piece.epoch = 0")
    order = F.struct(F.col("mixture") != mixture, "mixture").alias("order")
    found = pieces.select(*(f"piece.{name}" for name in KEY), order).groupBy(*KEY).agg(F.min("order").alias("order"))
    return found.select(*KEY, F.col("order.mixture").alias("source"))


@dataclass
class Tokenize:
    """Texts to rows of RUNS, in a Python worker. Pickled as its JSON; the tokenizer is loaded once a worker."""

    tokenizer_json: str
    kind: np.dtype

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        wanted = np.asarray(batch.column("is_fim").to_numpy(zero_copy_only=False), dtype=bool)
        tokens, offsets, is_fim = fim.encode_documents(loaded(self.tokenizer_json), batch.column("candidate"), batch.column("text"), wanted)
        columns = {name: batch.column(name) for name in ("kind", "candidate", "text_hash", *PLACED)} | {"is_fim": pa.array(is_fim)}
        columns |= {"token_offset": pa.array(np.zeros(batch.num_rows, np.int64)), "tokens": as_bytes(tokens, offsets, self.kind)}
        return pa.RecordBatch.from_arrays([columns[name] for name in RUNS.names], schema=RUNS)


@dataclass
class Unpack:
    """Files of packed sequences to the runs that they were made of: the pieces of a sequence follow each other without gap."""

    tokens_version: str
    kind: np.dtype

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for row in (row for batch in batches for row in batch.to_pylist()):
            for sequences in read_group(row["file"], ["tokens", "pieces", "tokens_version"]):
                wanted = sequences.filter(pc.equal(sequences.column("tokens_version"), self.tokens_version))
                yield self.runs(wanted, row["mixture"])

    def runs(self, sequences: pa.RecordBatch, mixture: str) -> pa.RecordBatch:
        """Each document once, however often it is repeated."""
        pieces = pa.RecordBatch.from_struct_array(sequences.column("pieces").flatten())
        ends = np.concatenate([[0], np.cumsum(np.asarray(pieces.column("token_count")))])
        tokens = as_bytes(np.asarray(sequences.column("tokens").flatten()), ends, self.kind)
        columns = {field.name: pieces.column(field.name) for field in _OF_PIECES if field.name != "tokens"}
        columns |= {"tokens": tokens, "source": pa.repeat(mixture, len(pieces))}
        found = pa.RecordBatch.from_arrays([columns[name] for name in _UNPLACED.names], schema=_UNPLACED)
        return found.filter(pc.equal(pieces.column("epoch"), 0))


def as_bytes(tokens: np.ndarray, offsets: np.ndarray, kind: np.dtype) -> pa.Array:
    """Runs of tokens as binary values."""
    ends = pa.py_buffer((offsets * kind.itemsize).astype(np.int32))
    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, [None, ends, pa.py_buffer(tokens.astype(kind, copy=False))])


def with_lists(batch: pa.RecordBatch, kind: np.dtype) -> pa.RecordBatch:
    """The batch with its tokens as lists: the inverse of `as_bytes`."""
    column = batch.column("tokens")
    ends = np.concatenate([[0], np.cumsum(np.asarray(pc.binary_length(column), dtype=np.int64))])
    flat = np.frombuffer(column.buffers()[2] or b"", kind)
    start = np.frombuffer(column.buffers()[1], np.int32)[column.offset] // kind.itemsize
    counts = (ends // kind.itemsize).astype(np.int32)
    tokens = flat[start : start + counts[-1]].astype(np.int32, copy=False)
    lists = pa.ListArray.from_arrays(pa.array(counts), pa.array(tokens, pa.int32()))
    return batch.set_column(batch.schema.get_field_index("tokens"), "tokens", lists)


_TOKENIZERS: dict[str, Tokenizer] = {}


def loaded(tokenizer_json: str) -> Tokenizer:
    """One load a worker. Spark keeps the cores busy with tasks, so the library gets no threads of its own."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if tokenizer_json not in _TOKENIZERS:
        _TOKENIZERS[tokenizer_json] = load(tokenizer_json)
    return _TOKENIZERS[tokenizer_json]
