"""Trains the tokenizer, once: on a capped sample of kept training documents, drawn by key. Or takes the user's own.

Reads   decide/kept, assemble/documents, assemble/document_checks (nothing that is like a held-out document), ingest/contents
Writes  mix/tokenizers; a tokenizer that is there is never trained again, so that new data does not change the tokens of old data
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from jobs.decide.held_out_draws import Draw, check_unseen
from jobs.mix.kept_documents import kept_documents
from jobs.runtime.errors import CodemillError, UsageError
from jobs.runtime.job import Insert, Job, Write, parameter
from jobs.runtime.tables import Tables
from jobs.runtime.texts import map_texts, task_count
from schemas.assemble import DOCUMENTS
from schemas.decide import KEPT
from schemas.document_checks import DOCUMENT_CHECKS
from schemas.ingest import CONTENTS
from schemas.lake import Lake
from schemas.mix import TOKENIZERS
from schemas.spark import spark_schema
from udfs.draws import uniform
from udfs.tokenizer import SMALLEST_VOCABULARY, Tokenizer, TokenizerError, load, train

TEXTS = StructType([StructField("content_sha256", StringType()), StructField("text", StringType())])


SEEN = "Train another one for the mixtures of now (--set mix.tokenizer.name=NAME --set mix.sequences.tokenizer=NAME)"


@dataclass(frozen=True)
class TokenizerParams:
    profile: str = parameter("demo", "whose kept documents it is trained on")
    name: str = parameter("default", "under which mix/tokenizers keeps it; another name trains another one")
    given: str = parameter("", "a tokenizer.json to take instead of training one")
    vocabulary_size: int = parameter(32_768, "tokens, special ones included", least=SMALLEST_VOCABULARY)
    sample_bytes: int = parameter(64 << 20, "text to train on; documents are drawn by key until it is full", least=1)
    seed: str = parameter("tokenizer", "of the draw")


def transform(tables: Tables, params: TokenizerParams) -> Iterator[Write]:
    there = tables.lake.read(TOKENIZERS, ["tokenizer_sha256"], pc.field("name") == params.name).to_pylist()
    if there:
        check_given(params, there[0]["tokenizer_sha256"])
        check_frozen(tables.lake, params)
        return
    rows = given(tables, params) if params.given else trained(tables, params)
    yield Insert(TOKENIZERS, rows)


def check_frozen(lake: Lake, params: TokenizerParams, planned: Draw | None = None) -> None:
    """Raises `UsageError` where the lake's tokenizer of this name was trained on what is held out now, or by the draw that is planned."""
    if lake.has_rows(TOKENIZERS, (pc.field("name") == params.name) & (pc.field("origin") == "trained")):
        check_unseen(lake, JOB.name, TOKENIZERS.name, SEEN, planned, name=params.name)


def check_given(params: TokenizerParams, tokenizer_sha256: str) -> None:
    """Raises `UsageError` where another tokenizer is given than the lake has under this name: sequences are made of that one's tokens."""
    if params.given and loaded(params).sha256 != tokenizer_sha256:
        raise UsageError(
            f"the lake has another tokenizer named {params.name!r} than {params.given}; name this one, for its own mixture:"
            " --set mix.tokenizer.name=NAME --set mix.sequences.tokenizer=NAME"
        )


def given(tables: Tables, params: TokenizerParams) -> DataFrame:
    found = loaded(params)
    row = (params.name, found.sha256, found.tokenizer_json, found.vocabulary_size, "given", 0, 0)
    return tables.spark.createDataFrame([row], spark_schema(TOKENIZERS))


def loaded(params: TokenizerParams) -> Tokenizer:
    """The given one. Raises `UsageError` where it is not there or cannot be used."""
    path = Path(params.given)
    if not path.is_file():
        raise UsageError(f"there is no tokenizer at {path}; expected a tokenizer.json as the tokenizers library writes it")
    try:
        return load(path.read_text(encoding="utf-8"))
    except (TokenizerError, OSError, UnicodeDecodeError) as error:
        raise UsageError(f"mix.tokenizer.given={path}: {error}") from error


def check(params: TokenizerParams) -> None:
    if params.given:
        loaded(params)


def trained(tables: Tables, params: TokenizerParams) -> DataFrame:
    """One row, made by one task, which holds the sample and nothing else."""
    kept = kept_documents(tables, params.profile).where("content_sha256 is not null")
    documents = kept.where("split = 'train'")
    rows, size = documents.agg(F.count("*"), F.coalesce(F.sum("size_bytes"), F.lit(0))).first()  # type: ignore[misc]
    if not rows:
        raise CodemillError(nothing_to_train_on(params.profile, kept.count()))
    sampled = sample(documents, params.sample_bytes / size, params.seed).persist()
    tables.account.read_rows, tables.account.read_bytes = sampled.agg(F.count("*"), F.coalesce(F.sum("size_bytes"), F.lit(0))).first()  # type: ignore[misc]
    if not tables.account.read_rows:
        raise CodemillError(
            f"sample_bytes {params.sample_bytes:,} of {size:,} draws no document of {rows:,}; raise mix.tokenizer.sample_bytes"
        )
    texts = map_texts(sampled, text_of, TEXTS, task_count(tables.account.read_bytes, tables.cores))
    name, vocabulary_size, rows, size = params.name, params.vocabulary_size, tables.account.read_rows, tables.account.read_bytes

    def train_one(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        text = train((value.as_py() for batch in batches for value in batch.column("text")), vocabulary_size)
        row = [name, hashlib.sha256(text.encode()).hexdigest(), text, load(text).vocabulary_size, "trained", rows, size]
        yield pa.RecordBatch.from_arrays([pa.array([value]) for value in row], schema=TOKENIZERS.arrow_schema)

    ordered = texts.coalesce(1).sortWithinPartitions("content_sha256")
    return ordered.mapInArrow(train_one, spark_schema(TOKENIZERS))


def nothing_to_train_on(profile: str, held_out: int) -> str:
    if not held_out:
        return f"the policy {profile!r} keeps no document, so there is nothing to train a tokenizer on (`codemill counts` has the reasons)"
    return (
        f"all {held_out:,} documents that the policy {profile!r} keeps are held out of training, so there is nothing to train a tokenizer "
        "on. Whole repositories and hosts are held out, by a draw of their names.\n"
        "Add sources with other names, or hold out fewer: --set decide.features.held_out_rate=0 holds out nothing"
    )


def sample(documents: DataFrame, rate: float, seed: str) -> DataFrame:
    """Documents drawn at a rate by key: a smaller sample is a part of a larger one."""

    def draw(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield batch.filter(pa.array(uniform(batch.column("candidate"), seed) < rate))

    return documents.mapInArrow(draw, documents.schema)


def text_of(batch: pa.RecordBatch) -> pa.RecordBatch:
    return batch.select(["content_sha256", "text"])


JOB = Job(
    "mix.tokenizer",
    "trains a tokenizer on a sample, once",
    (KEPT, DOCUMENTS, DOCUMENT_CHECKS, CONTENTS),
    (TOKENIZERS,),
    transform,
    TokenizerParams,
    check=check,
)
