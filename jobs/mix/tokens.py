"""Tokens of kept documents: those of new documents are made from their texts, all others are taken from the lake's sequences.

Tokenizing is the slowest work on text in this pipeline, so a document is tokenized once, however often its group is packed again, and in
however many mixtures it is.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.mix.kept_documents import map_documents
from jobs.mix.known_tokens import Files, Unpack, known_documents, known_runs
from jobs.mix.runs import KEY, PLACED, RUNS, Then
from jobs.runtime.job import short_hash
from jobs.runtime.tables import Tables
from schemas.mix import SEQUENCES
from udfs import fim
from udfs import tokenizer as byte_level_bpe
from udfs.token_values import as_binary
from udfs.tokenizer import Tokenizer, load


def tokens_version(tokenizer_sha256: str) -> str:
    """Where it is the same, the same text has the same tokens."""
    return short_hash("tokens", str(byte_level_bpe.VERSION), str(fim.VERSION), byte_level_bpe.library_versions(), tokenizer_sha256)


def token_runs(
    tables: Tables, documents: DataFrame, mixture: str, tokenizer_json: str, kind: np.dtype, version: str, then: Then
) -> DataFrame:
    """What `then` makes of rows of RUNS that together are all `documents`, with tokens of the type `kind`. It gets them in the task that
    has them: Spark is not given tokens as rows. The account is told what was tokenized.

    `documents` are those of `kept_documents`, persisted, with `lot`, and `is_fim`: whether the document is to be filled in the middle.
    Where it has no room its run says false.
    """
    # One version, or a write that is tried again would find documents in the table that it brings itself.
    files = Files.of(tables, tables.lake.version(SEQUENCES))
    new, known = documents, None
    if files.rows:
        found = documents.join(known_documents(tables, files, mixture, version), KEY, "left").persist()
        new, known = found.where("file is null").drop("file"), found.where("file is not null")
    sizes = (F.col("size_bytes"), F.when(F.col("content_sha256").isNotNull(), F.col("size_bytes")))
    tables.account.read_bytes, in_contents = new.agg(*(F.coalesce(F.sum(one), F.lit(0)) for one in sizes)).first()  # type: ignore[misc]
    tokenize, unpack, schema = Tokenize(tokenizer_json, kind), Unpack(version), from_arrow_schema(then.schema)
    new = new.drop("is_checked", "size_bytes")  # what no task reads
    tokenized = map_documents(tables, new, in_contents, lambda batches: then(tokenize(batches)), schema)
    if known is None:
        return tokenized
    return tokenized.unionByName(known_runs(known, files).mapInArrow(lambda batches: then(unpack(batches)), schema))


@dataclass
class Tokenize:
    """Texts to rows of RUNS, in a Python worker. Pickled as its JSON; the tokenizer is loaded once a worker."""

    tokenizer_json: str
    kind: np.dtype

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return map(self.runs, batches)

    def runs(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        wanted = np.asarray(batch.column("is_fim").to_numpy(zero_copy_only=False), dtype=bool)
        tokens, offsets, is_fim = fim.encode_documents(loaded(self.tokenizer_json), batch.column("candidate"), batch.column("text"), wanted)
        columns = {name: batch.column(name) for name in ("kind", "candidate", "text_hash", *PLACED)} | {"is_fim": pa.array(is_fim)}
        columns |= {
            "token_offset": pa.array(np.zeros(batch.num_rows, np.int64)),
            "tokens": as_binary(tokens.astype(self.kind, copy=False), offsets),
        }
        return pa.RecordBatch.from_arrays([columns[name] for name in RUNS.names], schema=RUNS)


_TOKENIZERS: dict[str, Tokenizer] = {}


def loaded(tokenizer_json: str) -> Tokenizer:
    """One load a worker. Spark keeps the cores busy with tasks, so the library gets no threads of its own."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if tokenizer_json not in _TOKENIZERS:
        _TOKENIZERS[tokenizer_json] = load(tokenizer_json)
    return _TOKENIZERS[tokenizer_json]
