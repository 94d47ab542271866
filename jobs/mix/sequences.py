"""Tokenizes kept documents and packs them into sequences.

Reads   decide/kept, assemble/documents, ingest/contents, mix/tokenizers
Writes  mix/sequences, mix/manifest; the rows of the mixture are replaced

A document belongs to a fixed group by the hash of its key, and has a fixed place in the group's order. Packing never crosses a group, so
the sequences do not depend on partitions, and new data changes only the groups that it falls into.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.mix.group_files import WRITTEN, data_file, write_group
from jobs.mix.kept_documents import kept_documents
from jobs.mix.tokens import Order, loaded, token_runs, tokens_version, with_lists
from jobs.runtime.errors import CodemillError, CountsError
from jobs.runtime.job import Job, Replace, ReplaceFiles, Write, parameter
from jobs.runtime.tables import Tables
from jobs.runtime.texts import task_count
from schemas.assemble import DOCUMENTS
from schemas.decide import KEPT
from schemas.ingest import CONTENTS
from schemas.mix import MANIFEST, SEQUENCES, TOKENIZERS
from schemas.spark import spark_schema
from udfs.packing import pack_groups

GROUP = ("split", "hash_group")


@dataclass(frozen=True)
class SequencesParams:
    profile: str = parameter("demo", "whose kept documents are packed; names the mixture")
    tokenizer: str = parameter("default", "name in mix/tokenizers")
    window: int = parameter(8192, "tokens of a sequence", least=1)
    hash_groups: int = parameter(64, "fixed groups of documents; never change it in a lake that was trained on", least=1, most=100_000)
    seed: str = parameter("order", "of the order of documents")


def transform(tables: Tables, params: SequencesParams) -> Iterator[Write]:
    tokenizer = tables[TOKENIZERS].where(F.col("name") == params.tokenizer).select("tokenizer_json", "tokenizer_sha256").first()
    if tokenizer is None:
        raise CodemillError(
            f"mix/tokenizers has no tokenizer {params.tokenizer!r}. `codemill mix.tokenizer --name {params.tokenizer}` trains one"
        )
    documents = kept_documents(tables, params.profile).persist()
    rows, size = documents.agg(F.count("*"), F.coalesce(F.sum("size_bytes"), F.lit(0))).first()  # type: ignore[misc]
    tables.account.read_rows = rows
    version, order = tokens_version(tokenizer.tokenizer_sha256), Order(params.hash_groups, params.seed)
    runs = token_runs(tables, documents, params.profile, tokenizer.tokenizer_json, version, order)
    tasks = min(2 * params.hash_groups, task_count(size, tables.cores))
    ordered = runs.repartition(tasks, *GROUP).sortWithinPartitions(*GROUP, "place", "candidate", "token_offset")
    pack = Pack(tokenizer.tokenizer_json, version, params.profile, params.window, tables.lake.path(SEQUENCES.name))
    written = ordered.mapInArrow(pack, from_arrow_schema(WRITTEN)).collect()
    yield ReplaceFiles(SEQUENCES, [data_file(params.profile, row) for row in written], "mixture", params.profile)
    # Counted once; a row for each split and language. Not persisted: another run in this session would be given the same rows.
    counted = manifest_rows(tables, params.profile, tokenizer.tokenizer_sha256).collect()
    manifest = tables.spark.createDataFrame(counted, spark_schema(MANIFEST))
    check_counts(manifest, rows, size)
    yield Replace(MANIFEST, manifest, "mixture", params.profile)


@dataclass
class Pack:
    """Sorted rows of RUNS to files of mix/sequences, one per group, in a Python worker; says what it wrote, as rows of WRITTEN."""

    tokenizer_json: str
    tokens_version: str
    mixture: str
    window: int
    folder: str

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        token_bytes = loaded(self.tokenizer_json).token_bytes
        packed = pack_groups(map(with_lists, batches), GROUP, self.window, token_bytes)
        for (split, group), rows in groupby(packed, key=lambda batch: tuple(batch.column(name)[0].as_py() for name in GROUP)):
            start = f"{self.mixture}/{split}/{group:05d}/"
            yield write_group(self.folder, split, group, (self.named(start, batch) for batch in rows))

    def named(self, start: str, packed: pa.RecordBatch) -> pa.RecordBatch:
        """Packed rows with the columns that packing cannot know."""
        names = [f"{start}{position:06d}" for position in packed.column("position").to_pylist()]
        version = pa.repeat(self.tokens_version, packed.num_rows)
        return packed.append_column("sequence", pa.array(names, pa.string())).append_column("tokens_version", version)


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
