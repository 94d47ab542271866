"""Tokenizes kept documents and packs them into sequences.

Reads   decide/kept, assemble/documents, ingest/contents, mix/tokenizers
Writes  mix/sequences, mix/manifest; the rows of the mixture are replaced

A document belongs to a fixed group by the hash of its key, and has a fixed place in the group's order. Packing never crosses a group, so
the sequences do not depend on partitions, and new data changes only the groups that it falls into.
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

from jobs.mix.kept_documents import kept_documents
from jobs.runtime.errors import CodemillError, CountsError
from jobs.runtime.job import Job, Replace, Write, parameter
from jobs.runtime.tables import Tables
from jobs.runtime.texts import map_texts, task_count
from schemas.assemble import DOCUMENTS
from schemas.decide import KEPT
from schemas.ingest import CONTENTS
from schemas.mix import MANIFEST, SEQUENCES, TOKENIZERS
from schemas.spark import spark_schema
from udfs.draws import hash_group, uniform
from udfs.packing import pack_groups
from udfs.tokenizer import Tokenizer, encode, load

GROUP = ("split", "hash_group")
TOKEN_BYTES = 4
TOKENIZED = pa.schema(
    [
        ("split", pa.string()),
        ("hash_group", pa.int32()),
        ("place", pa.float64()),  # order inside the group: a draw by key, then the key
        ("kind", pa.string()),
        ("candidate", pa.string()),
        ("tokens", pa.binary()),  # int32 in little-endian order: Spark moves bytes as they lie, but lists element by element
    ]
)


@dataclass(frozen=True)
class SequencesParams:
    profile: str = parameter("demo", "whose kept documents are packed; names the mixture")
    tokenizer: str = parameter("default", "name in mix/tokenizers")
    window: int = parameter(8192, "tokens of a sequence")
    hash_groups: int = parameter(64, "fixed groups of documents; never change it in a lake that was trained on")
    seed: str = parameter("order", "of the order of documents")


def transform(tables: Tables, params: SequencesParams) -> Iterator[Write]:
    tokenizer = tables[TOKENIZERS].where(F.col("name") == params.tokenizer).select("tokenizer_json", "tokenizer_sha256").first()
    if tokenizer is None:
        raise CodemillError(
            f"mix/tokenizers has no tokenizer {params.tokenizer!r}. `codemill mix.tokenizer --name {params.tokenizer}` trains one"
        )
    documents = kept_documents(tables, params.profile).persist()
    rows, size = documents.agg(F.count("*"), F.coalesce(F.sum("size_bytes"), F.lit(0))).first()  # type: ignore[misc]
    tables.account.read_rows, tables.account.read_bytes = rows, size
    tokenized = map_texts(
        documents, Tokenize(tokenizer.tokenizer_json, params), from_arrow_schema(TOKENIZED), task_count(size, tables.cores)
    )
    tasks = min(2 * params.hash_groups, task_count(size, tables.cores))
    grouped = tokenized.repartition(tasks, *GROUP).sortWithinPartitions(*GROUP, "place", "candidate")
    yield Replace(SEQUENCES, grouped.mapInArrow(Pack(tokenizer.tokenizer_json, params), spark_schema(SEQUENCES)), "mixture", params.profile)
    manifest = manifest_rows(tables, params.profile, tokenizer.tokenizer_sha256)
    check_counts(manifest, rows, size)
    yield Replace(MANIFEST, manifest, "mixture", params.profile)


@dataclass
class Tokenize:
    """Texts to tokens, in a Python worker. Pickled as its JSON; the tokenizer is loaded once a task."""

    tokenizer_json: str
    params: SequencesParams

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        tokens, offsets = encode(_loaded(self.tokenizer_json), batch.column("text"))
        candidates = batch.column("candidate")
        columns = {
            "split": batch.column("split"),
            "hash_group": pa.array(hash_group(candidates, self.params.hash_groups, f"{self.params.seed} group"), pa.int32()),
            "place": pa.array(uniform(candidates, self.params.seed)),
            "kind": batch.column("kind"),
            "candidate": candidates,
            "tokens": as_bytes(tokens, offsets),
        }
        return pa.RecordBatch.from_arrays([columns[name] for name in TOKENIZED.names], schema=TOKENIZED)


@dataclass
class Pack:
    """Sorted rows of TOKENIZED to rows of mix/sequences, in a Python worker."""

    tokenizer_json: str
    params: SequencesParams

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        token_bytes = _loaded(self.tokenizer_json).token_bytes
        for packed in pack_groups(map(with_lists, batches), GROUP, self.params.window, token_bytes):
            places = zip(*(packed.column(name).to_pylist() for name in (*GROUP, "position")), strict=True)
            names = [f"{self.params.profile}/{split}/{group:05d}/{position:06d}" for split, group, position in places]
            columns = {name: packed.column(name) for name in packed.schema.names}
            columns["sequence"] = pa.array(names, pa.string())
            columns["mixture"] = pa.array([self.params.profile] * packed.num_rows, pa.string())
            yield pa.RecordBatch.from_arrays([columns[name] for name in SEQUENCES.names], schema=SEQUENCES.arrow_schema)


def as_bytes(tokens: np.ndarray, offsets: np.ndarray) -> pa.Array:
    """Documents' tokens as binary values over the same memory."""
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


def _loaded(tokenizer_json: str) -> Tokenizer:
    """One load a worker. Spark keeps the cores busy with tasks, so the library gets no threads of its own."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if tokenizer_json not in _TOKENIZERS:
        _TOKENIZERS[tokenizer_json] = load(tokenizer_json)
    return _TOKENIZERS[tokenizer_json]


def manifest_rows(tables: Tables, profile: str, tokenizer_sha256: str) -> DataFrame:
    """What the written sequences hold, by split and language: counted from their pieces, so that nothing is claimed that is not there."""
    sequences = tables[SEQUENCES].where(F.col("mixture") == profile)
    pieces = sequences.select("split", F.explode("pieces").alias("piece")).select("split", "piece.*")
    languages = (
        tables[KEPT].where(F.col("policy") == profile).select("kind", "candidate", F.coalesce("language", F.lit("none")).alias("language"))
    )
    counted = pieces.join(languages, ["kind", "candidate"]).groupBy("split", "language")
    return counted.agg(
        F.count(F.when(F.col("token_offset") == 0, 1)).alias("document_count"),
        F.sum("token_count").alias("token_count"),
        F.sum("text_bytes").alias("text_bytes"),
    ).select(F.lit(profile).alias("mixture"), "split", "language", "document_count", "token_count", "text_bytes",
             F.lit(tokenizer_sha256).alias("tokenizer_sha256"))  # fmt: skip


def check_counts(manifest: DataFrame, documents: int, size_bytes: int) -> None:
    """Raises `CountsError` unless the sequences hold every document and every byte once."""
    totals = [F.coalesce(F.sum(name), F.lit(0)) for name in ("document_count", "text_bytes")]
    found_documents, found_bytes = manifest.agg(*totals).first()  # type: ignore[misc]
    if (found_documents, found_bytes) != (documents, size_bytes):
        raise CountsError(
            f"{documents} documents of {size_bytes} bytes went into the sequences; "
            f"{found_documents} documents of {found_bytes} bytes came out"
        )


JOB = Job(
    "mix.sequences",
    "tokenizes kept documents and packs them into sequences",
    reads=(KEPT, DOCUMENTS, CONTENTS, TOKENIZERS),
    writes=(SEQUENCES, MANIFEST),
    transform=transform,
    params=SequencesParams,
)
