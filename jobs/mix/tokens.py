"""Tokens of kept documents: those of new documents are made from their texts, all others are taken from the mixture's own sequences.

Tokenizing is the slowest work on text in this pipeline, so a document is tokenized once, however often its group is packed again.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tokenizers
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.mix.group_files import read_group
from jobs.runtime.job import short_hash
from jobs.runtime.tables import Tables
from jobs.runtime.texts import map_texts, task_count
from schemas.mix import SEQUENCES
from udfs import tokenizer as byte_level_bpe
from udfs.draws import hash_group, uniform
from udfs.tokenizer import Tokenizer, encode, load

TOKEN_BYTES = 4
# Kinds whose candidate names their text. The same candidate of another kind may have another text by now.
KEYED_BY_CONTENT = ("file",)
# A run of one document's tokens, and where the document stands.
RUNS = pa.schema(
    [
        ("kind", pa.string()),
        ("candidate", pa.string()),
        ("split", pa.string()),
        ("hash_group", pa.int32()),
        ("place", pa.float64()),  # of the document inside its group: a draw by key, then the key
        ("token_offset", pa.int64()),  # of the run inside its document
        ("tokens", pa.binary()),  # int32 in little-endian order: Spark moves bytes as they lie, but lists element by element
    ]
)
_PLACELESS = pa.schema([field for field in RUNS if field.name != "split"])


@dataclass(frozen=True)
class Order:
    """Group and place of every document: functions of its key, so that new data moves no old document."""

    hash_groups: int
    seed: str

    def of(self, candidates: pa.Array) -> dict[str, pa.Array]:
        return {
            "hash_group": pa.array(hash_group(candidates, self.hash_groups, f"{self.seed} group"), pa.int32()),
            "place": pa.array(uniform(candidates, self.seed)),
        }


def tokens_version(tokenizer_sha256: str) -> str:
    """Where it is the same, the same text has the same tokens."""
    return short_hash("tokens", str(byte_level_bpe.VERSION), tokenizers.__version__, tokenizer_sha256)


def token_runs(tables: Tables, documents: DataFrame, mixture: str, tokenizer_json: str, version: str, order: Order) -> DataFrame:
    """Rows of RUNS that together are all `documents` (of `kept_documents`, persisted). The account is told what was tokenized."""
    # One version, or a write that is tried again would find documents in the table that it brings itself.
    table_version = tables.lake.version(SEQUENCES)
    packed = tables[SEQUENCES] if table_version is None else tables.at(SEQUENCES, table_version)
    packed = packed.where((F.col("mixture") == mixture) & (F.col("tokens_version") == version))
    known = packed.select(F.explode("pieces").alias("piece")).where("piece.token_offset = 0").select("piece.kind", "piece.candidate")
    known = known.where(F.col("kind").isin(*KEYED_BY_CONTENT))
    new = documents.join(known, ["kind", "candidate"], "left_anti").persist()
    size = new.agg(F.coalesce(F.sum("size_bytes"), F.lit(0))).first()[0]  # type: ignore[index]
    tables.account.read_bytes = size
    tokenized = map_texts(new, Tokenize(tokenizer_json, order), from_arrow_schema(RUNS), task_count(size, tables.cores))
    files = [(tables.lake.path(f"{SEQUENCES.name}/{f.name}"),) for f in tables.lake.data_files(SEQUENCES, table_version, mixture=mixture)]
    addresses = tables.spark.createDataFrame(files, "file string").repartition(max(1, len(files)))
    kept = addresses.mapInArrow(Unpack(version, order), from_arrow_schema(_PLACELESS))
    kept = kept.where(F.col("kind").isin(*KEYED_BY_CONTENT)).join(documents.select("kind", "candidate", "split"), ["kind", "candidate"])
    return tokenized.unionByName(kept)


@dataclass
class Tokenize:
    """Texts to rows of RUNS, in a Python worker. Pickled as its JSON; the tokenizer is loaded once a worker."""

    tokenizer_json: str
    order: Order

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        tokens, offsets = encode(loaded(self.tokenizer_json), batch.column("text"))
        columns = {name: batch.column(name) for name in ("kind", "candidate", "split")} | self.order.of(batch.column("candidate"))
        columns |= {"token_offset": pa.array(np.zeros(batch.num_rows, np.int64)), "tokens": as_bytes(tokens, offsets)}
        return pa.RecordBatch.from_arrays([columns[name] for name in RUNS.names], schema=RUNS)


@dataclass
class Unpack:
    """Files of packed sequences to the runs that they were made of: the pieces of a sequence follow each other without gap."""

    tokens_version: str
    order: Order

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for file in (file for batch in batches for file in batch.column("file").to_pylist()):
            for sequences in read_group(file, ["tokens", "pieces", "tokens_version"]):
                yield self.runs(sequences.filter(pc.equal(sequences.column("tokens_version"), self.tokens_version)))

    def runs(self, sequences: pa.RecordBatch) -> pa.RecordBatch:
        pieces = sequences.column("pieces").flatten()
        kind, candidate, token_offset, token_count = (pc.struct_field(pieces, index) for index in range(4))
        ends = np.concatenate([[0], np.cumsum(np.asarray(token_count))])
        tokens = np.asarray(sequences.column("tokens").flatten())
        columns = {"kind": kind, "candidate": candidate, "token_offset": token_offset, "tokens": as_bytes(tokens, ends)}
        columns |= self.order.of(candidate)
        return pa.RecordBatch.from_arrays([columns[name] for name in _PLACELESS.names], schema=_PLACELESS)


def as_bytes(tokens: np.ndarray, offsets: np.ndarray) -> pa.Array:
    """Runs of tokens as binary values over the same memory."""
    ends = pa.py_buffer((offsets * TOKEN_BYTES).astype(np.int32))
    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, [None, ends, pa.py_buffer(tokens.astype("<i4", copy=False))])


def with_lists(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with its tokens as lists: the inverse of `as_bytes`."""
    column = batch.column("tokens")
    ends = np.concatenate([[0], np.cumsum(np.asarray(pc.binary_length(column), dtype=np.int64))])
    flat = np.frombuffer(column.buffers()[2] or b"", "<i4")
    start = np.frombuffer(column.buffers()[1], np.int32)[column.offset] // TOKEN_BYTES
    counts = (ends // TOKEN_BYTES).astype(np.int32)
    lists = pa.ListArray.from_arrays(pa.array(counts), pa.array(flat[start : start + counts[-1]], pa.int32()))
    return batch.set_column(batch.schema.get_field_index("tokens"), "tokens", lists)


_TOKENIZERS: dict[str, Tokenizer] = {}


def loaded(tokenizer_json: str) -> Tokenizer:
    """One load a worker. Spark keeps the cores busy with tasks, so the library gets no threads of its own."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if tokenizer_json not in _TOKENIZERS:
        _TOKENIZERS[tokenizer_json] = load(tokenizer_json)
    return _TOKENIZERS[tokenizer_json]
