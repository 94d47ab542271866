"""Tokens of kept documents: those of new documents are made from their texts, all others are taken from the lake's sequences.

Tokenizing is the slowest work on text in this pipeline, so a document is tokenized once, however often its group is packed again, and in
however many mixtures it is.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

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
from udfs.token_values import as_binary, ids_of
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
        ("tokens", pa.binary()),  # numbers of `udfs.token_values.token_type`
    ]
)
# What tells whether tokens of an earlier run are those that are wanted now.
KEY = ["kind", "candidate", "text_hash", "is_fim"]
PLACED = ("split", "lot", "language")
# Where the tokens of a known document lie: all in one group of one mixture, which is one file.
SOURCE = ["source", "source_split", "source_group"]


class Then(Protocol):
    """What is done with rows of RUNS in the task that has them; rows of `schema` come of it."""

    schema: pa.Schema

    def __call__(self, batches: Iterable[pa.RecordBatch], /) -> Iterator[pa.RecordBatch]: ...


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
    table_version = tables.lake.version(SEQUENCES)
    new, known = (documents, None) if table_version is None else new_and_known(tables, documents, mixture, version, table_version)
    sizes = (F.col("size_bytes"), F.when(F.col("content_sha256").isNotNull(), F.col("size_bytes")))
    tables.account.read_bytes, in_contents = new.agg(*(F.coalesce(F.sum(one), F.lit(0)) for one in sizes)).first()  # type: ignore[misc]
    tokenize, unpack, schema = Tokenize(tokenizer_json, kind), Unpack(version), from_arrow_schema(then.schema)
    new = new.drop("is_checked", "size_bytes")  # what no task reads
    tokenized = map_documents(tables, new, in_contents, lambda batches: then(tokenize(batches)), schema)
    if known is None:
        return tokenized
    mixtures = sorted(row.source for row in known.select("source").distinct().collect())
    files = [
        (one, file.partition["split"], int(file.partition["hash_group"]), tables.lake.path(f"{SEQUENCES.name}/{file.name}"))
        for one in mixtures
        for file in data_files(tables.lake, SEQUENCES, table_version, mixture=one)
    ]
    if not files:
        return tokenized
    addresses = tables.spark.createDataFrame(files, "source string, source_split string, source_group int, file string")
    wanted = known.select(*KEY, *PLACED, *SOURCE).join(F.broadcast(addresses), SOURCE).drop(*SOURCE)
    wanted = wanted.repartition(len(files), "file").sortWithinPartitions("file")
    return tokenized.unionByName(wanted.mapInArrow(lambda batches: then(unpack(batches)), schema))


def new_and_known(tables: Tables, documents: DataFrame, mixture: str, version: str, table_version: int) -> tuple[DataFrame, DataFrame]:
    """Documents that are to be tokenized, and with SOURCE those whose tokens are in the sequences."""
    packed = tables.at(SEQUENCES, table_version).where(F.col("tokens_version") == version)
    found = documents.join(sources(packed, mixture), KEY, "left").persist()
    return found.where("source is null").drop(*SOURCE), found.where("source is not null")


def sources(packed: DataFrame, mixture: str) -> DataFrame:
    """KEY and SOURCE: the mixture whose sequences give a document's tokens, which is this one where it has them, else the first by name."""
    pieces = packed.select("mixture", "split", "hash_group", F.explode("pieces").alias("piece"))
    pieces = pieces.where("piece.token_offset = 0 and piece.epoch = 0")
    order = F.struct(F.col("mixture") != mixture, "mixture", "split", "hash_group").alias("order")
    found = pieces.select(*(f"piece.{name}" for name in KEY), order).groupBy(*KEY).agg(F.min("order").alias("order"))
    where = ("mixture", "split", "hash_group")
    return found.select(*KEY, *(F.col(f"order.{name}").alias(source) for name, source in zip(where, SOURCE, strict=True)))


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


@dataclass
class Unpack:
    """Known documents, with the file of packed sequences in which each lies, to their runs: pieces follow each other without gap."""

    tokens_version: str

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        # Rows of all documents of a task, without any token.
        rows = list(batches)
        if not rows:
            return
        wanted = pa.Table.from_batches(rows)
        for file in wanted.column("file").unique().to_pylist():
            documents = wanted.filter(pc.equal(wanted.column("file"), file)).combine_chunks()
            for sequences in read_group(file, ["tokens", "token_width_bytes", "pieces", "tokens_version"]):
                found = sequences.filter(pc.equal(sequences.column("tokens_version"), self.tokens_version))
                yield self.runs(found, documents)

    def runs(self, sequences: pa.RecordBatch, documents: pa.Table) -> pa.RecordBatch:
        """Those of the documents, each once, however often it is repeated."""
        pieces = pa.RecordBatch.from_struct_array(sequences.column("pieces").flatten())
        ends = np.concatenate([[0], np.cumsum(np.asarray(pieces.column("token_count")))])
        tokens = as_binary(ids_of(sequences), ends)
        position = pc.index_in(_key(pieces), value_set=_key(documents).combine_chunks())
        is_wanted = pc.and_(pc.is_valid(position), pc.equal(pieces.column("epoch"), 0))
        found = pieces.append_column("tokens", tokens).append_column("row", position).filter(is_wanted)
        columns = {name: found.column(name) for name in (*KEY, "token_offset", "tokens")}
        columns |= {name: documents.column(name).combine_chunks().take(found.column("row")) for name in PLACED}
        return pa.RecordBatch.from_arrays([columns[name] for name in RUNS.names], schema=RUNS)


def _key(rows: pa.RecordBatch | pa.Table) -> pa.Array | pa.ChunkedArray:
    """KEY as one text; no column but the last can hold a line end."""
    columns = [rows.column(name).cast(pa.string()) for name in ("kind", "text_hash", "is_fim", "candidate")]
    return pc.binary_join_element_wise(*columns, "\n")


_TOKENIZERS: dict[str, Tokenizer] = {}


def loaded(tokenizer_json: str) -> Tokenizer:
    """One load a worker. Spark keeps the cores busy with tasks, so the library gets no threads of its own."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if tokenizer_json not in _TOKENIZERS:
        _TOKENIZERS[tokenizer_json] = load(tokenizer_json)
    return _TOKENIZERS[tokenizer_json]
