"""Tokens that the lake's sequences have already: which documents they are of, and the runs of those that are wanted.

Tasks read the files of sequences with Arrow, and Spark is given keys of documents alone: its reader took longer for the lists of pieces
than tasks take for all of a file.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.mix.group_files import read_group
from jobs.mix.runs import KEY, PLACED, RUNS
from jobs.runtime.local_rows import local_rows
from jobs.runtime.tables import Tables
from jobs.runtime.texts import task_count
from schemas.delta_files import data_files
from schemas.mix import SEQUENCES
from udfs.token_values import as_binary, ids_of

_FIRST = ("kind", "candidate", "text_hash", "is_fim", "token_offset", "epoch")  # of a piece: what tells whose it is, and whether the first
_FOUND = "kind string, candidate string, text_hash string, is_fim boolean, mixture string, file string"


@dataclass(frozen=True)
class Files:
    """Files of sequences of all mixtures, by mixture and address; `tasks` read them."""

    rows: list[tuple[str, str]]
    tasks: int

    @staticmethod
    def of(tables: Tables, version: int | None) -> "Files":
        files = data_files(tables.lake, SEQUENCES, version)
        rows = [(file.partition["mixture"], tables.lake.path(f"{SEQUENCES.name}/{file.name}")) for file in files]
        return Files(rows, min(max(1, len(files)), task_count(sum(file.size_bytes for file in files), tables.cores)))


def known_documents(tables: Tables, files: Files, mixture: str, tokens_version: str) -> DataFrame:
    """KEY of all documents of which there are tokens of the version, and the `file` that they are taken from: one of this mixture where it
    has them, else of the first by name."""
    rows = local_rows(tables.spark, files.rows, "mixture string, file string").repartition(files.tasks, "file")
    found = rows.mapInArrow(Documents(tokens_version), _FOUND)
    order = F.min(F.struct(F.col("mixture") != mixture, "mixture", "file")).alias("order")
    return found.groupBy(*KEY).agg(order).select(*KEY, "order.file")


def known_runs(documents: DataFrame, files: Files) -> DataFrame:
    """What a task of `Unpack` reads: the rows of a file together."""
    return documents.select(*KEY, *PLACED, "file").repartition(files.tasks, "file").sortWithinPartitions("file")


@dataclass
class Documents:
    """Files to the documents of which they hold tokens, each once, in a Python worker."""

    tokens_version: str

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        columns = ["tokens_version", *(f"pieces.list.element.{name}" for name in _FIRST)]
        for row in (row for batch in batches for row in batch.to_pylist()):
            for sequences in read_group(row["file"], columns):
                found = sequences.filter(pc.equal(sequences.column("tokens_version"), self.tokens_version))
                pieces = pa.RecordBatch.from_struct_array(found.column("pieces").flatten())
                is_first = pc.and_(pc.equal(pieces.column("token_offset"), 0), pc.equal(pieces.column("epoch"), 0))
                pieces = pieces.filter(is_first).select(KEY)
                for name in ("mixture", "file"):
                    pieces = pieces.append_column(name, pa.repeat(row[name], pieces.num_rows))
                yield pieces


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
