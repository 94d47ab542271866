"""Trains the models that judge pages, once: on a capped sample of pages, drawn by key. Or takes the user's own.

Reads   ingest/pages, ingest/contents, annotate/duplicates, annotate/labels
Writes  annotate/page_models; models that are there are never trained again, so that new data does not change the judgements of old data

Of near-duplicates one page is taken, so that no copy stands on both sides of a split; where one of them is on a held-out host, that one.
Labels are the rubric's, or with `--labels` those of an oracle that `codemill label --kind page` asked: then the pages it rated are the
sample, and of near-duplicates the rated one is taken (unless another one is on a held-out host: its text has no label, so none is used).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import BooleanType, StringType, StructField, StructType

from jobs.annotate.page_artefact import card_json, read_folder
from jobs.runtime.errors import UsageError
from jobs.runtime.job import Insert, Job, Write, parameter
from jobs.runtime.tables import Tables
from jobs.runtime.texts import located, map_texts, task_count
from schemas.annotate import DUPLICATES, LABELS, PAGE_MODELS
from schemas.ingest import CONTENTS, PAGES
from schemas.lake import Lake
from schemas.spark import spark_schema
from udfs.draws import uniform
from udfs.page_card import card as markdown_of
from udfs.page_models import FastTextParams, PageModels
from udfs.page_rubric import label
from udfs.page_signs import Page
from udfs.page_training import SAMPLE, TooFewPagesError, TrainingParams, train
from udfs.page_words import page_words

_KNOWN = ("model_hash", "get_json_object(card_json, '$.parameters.labels') as card_labels")
_FACTS = ("title", "url", "host", "has_code_tags", "word_count", "link_word_count")


@dataclass(frozen=True)
class PageModelsParams:
    name: str = parameter("default", "under which annotate/page_models keeps them; another name trains others")
    given: str = parameter("", "a folder with models and their card to take instead of training")
    labels: str = parameter("", "version of labels in annotate/labels, as `codemill label --kind page` tells it; empty: the rubric's")
    held_out_rate: float = parameter(0.005, "share of hosts that are held out of training; decide.features refuses a higher one", 0, 1)
    held_out_seed: str = parameter("held-out", "of that draw: as decide.features has it")
    sample_pages: int = parameter(20_000, "most pages that are labelled, drawn by key", least=1)
    most_page_bytes: int = parameter(1 << 20, "a longer page teaches nothing", least=1)
    recall: float = parameter(0.99, "of pages about code, that the threshold must reach on the validation hosts", 0.01, 1)
    train_share: float = parameter(0.7, "of the hosts; the others choose the threshold and measure", 0.05, 0.95)
    rounds: int = parameter(3, "each sees besides what the last one got wrong", least=1)
    least_pages: int = parameter(200, "pages with a label of relevance, below which nothing is trained", least=2)
    epochs: int = parameter(10, "of fastText; few pages are read in more", least=1)
    buckets: int = parameter(1 << 17, "of fastText, for pairs of words", least=1)
    seed: str = parameter("pages", "of the draws of sample and split")

    @property
    def training(self) -> TrainingParams:
        model = FastTextParams(epochs=self.epochs, buckets=self.buckets)
        return TrainingParams(self.recall, self.train_share, self.rounds, least_pages=self.least_pages, seed=self.seed, model=model)


def transform(tables: Tables, params: PageModelsParams) -> Iterator[Write]:
    name = tables.spark.createDataFrame([(params.name,)], "name string")
    if tables.missing(name, PAGE_MODELS).isEmpty():
        there = tables[PAGE_MODELS].where(F.col("name") == params.name).selectExpr(*_KNOWN).first()
        if params.given and read_folder(Path(params.given))[0].model_hash != there.model_hash:  # type: ignore[union-attr]
            raise UsageError(
                f"there are models called {params.name!r} in {tables.lake.path(PAGE_MODELS.name)}: judgements of old pages rest on them. "
                "Give the new ones to a lake without models, or another --name"
            )
        if params.labels and there.card_labels != params.labels:  # type: ignore[union-attr]
            raise UsageError(
                f"there are models called {params.name!r} in {tables.lake.path(PAGE_MODELS.name)} that did not learn from the labels"
                f" {params.labels}: judgements of old pages rest on them. Train in a lake without models, or under another --name"
            )
        return
    if params.given:
        models, card = read_folder(Path(params.given))
        rows = pa.Table.from_batches([model_row(params.name, "given", models, card)])
        yield Insert(PAGE_MODELS, tables.spark.createDataFrame(rows.to_pylist(), spark_schema(PAGE_MODELS)))
        return
    if tables[PAGES].isEmpty():
        tables.account.remark = "there are no pages, nothing is trained"
        return
    told = oracle_labels(tables, params.labels) if params.labels else None
    labelled = labels(tables, params, told).persist()
    tables.account.read_rows = labelled.count()
    trained = train_rows(labelled, params, told.first().oracle if told else None).persist()  # type: ignore[union-attr]
    refused = trained.where("model_hash = ''").select("card_markdown").first()
    if refused:
        tables.account.remark = f"too few pages, nothing is trained: {refused.card_markdown}"
    else:
        yield Insert(PAGE_MODELS, trained)
    trained.unpersist()
    labelled.unpersist()


def oracle_labels(tables: Tables, version: str) -> DataFrame:
    """Rows (content_sha256, oracle, is_relevant, category, score): what was rated in the first turn of a version."""
    pages = tables[LABELS].where("kind = 'page' and status = 'rated' and turn = 0")
    found = pages.where(F.col("version") == version).select("content_sha256", "oracle", "is_relevant", "category", "score")
    if found.isEmpty():
        there = sorted(f"{row.version} ({row.oracle})" for row in pages.select("version", "oracle").distinct().collect())
        raise UsageError(
            f"{tables.lake.path(LABELS.name)} holds no rating of a page by the version {version!r}; it holds {', '.join(there) or 'none'}."
            f" Expected one of these, or what `codemill label --kind page --lake {tables.lake.root} --count N` makes"
        )
    return found


def labels(tables: Tables, params: PageModelsParams, told: DataFrame | None) -> DataFrame:
    """Rows of SAMPLE: the pages of the sample with what the rubric, or the oracle that was asked, says of them."""
    pages = candidates(tables, params, told)
    if told is not None:
        rated = pages.join(told.drop("oracle"), "content_sha256")
        tables.account.read_bytes = rated.agg(F.coalesce(F.sum("size_bytes"), F.lit(0))).first()[0]  # type: ignore[index]
        return map_texts(rated, words_batch, from_arrow_schema(SAMPLE), task_count(tables.account.read_bytes, tables.cores))
    rate = params.sample_pages / max(1, pages.count())
    seed = f"{params.seed} sample"

    def draw(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield batch.filter(pa.array(uniform(batch.column("content_sha256"), seed) < rate))

    sampled = pages.mapInArrow(draw, pages.schema).persist()
    size = sampled.agg(F.coalesce(F.sum("size_bytes"), F.lit(0))).first()[0]  # type: ignore[index]
    tables.account.read_bytes = size
    return map_texts(sampled, label_batch, from_arrow_schema(SAMPLE), task_count(size, tables.cores))


def candidates(tables: Tables, params: PageModelsParams, told: DataFrame | None = None) -> DataFrame:
    """One page per group of near-duplicates, with its place; on a held-out host where one of the group is, then one that `told` names."""
    pages = tables[PAGES].select("record", "content_sha256", *_FACTS).join(held_out_hosts(tables, params), "host")
    groups = tables[DUPLICATES].select("content_sha256", "group_id")
    grouped = pages.join(groups, "content_sha256", "left").withColumn("group", F.coalesce("group_id", F.xxhash64("content_sha256")))
    if told is not None:
        grouped = grouped.join(told.select("content_sha256", F.lit(False).alias("is_untold")), "content_sha256", "left")
    is_untold = F.coalesce("is_untold", F.lit(True)) if told is not None else F.lit(False)
    first = F.struct((~F.col("is_held_out")).alias("is_open"), is_untold.alias("is_untold"), "host", "record", "content_sha256")
    chosen = grouped.groupBy("group").agg(F.min(first).alias("first")).select("first.record")
    contents = located(tables[CONTENTS]).where(F.col("size_bytes") <= params.most_page_bytes)
    return contents.join(pages.join(chosen, "record"), "content_sha256")


def held_out_hosts(tables: Tables, params: PageModelsParams) -> DataFrame:
    """Every host with `is_held_out`, drawn by name as `decide.features` draws repositories."""
    rate, seed = params.held_out_rate, params.held_out_seed

    def draw(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield batch.append_column("is_held_out", pa.array(uniform(batch.column("host"), seed) < rate))

    schema = StructType([StructField("host", StringType()), StructField("is_held_out", BooleanType())])
    return tables[PAGES].select("host").distinct().mapInArrow(draw, schema)


def label_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    facts = [batch.column(name).to_pylist() for name in ("url", "host", "title", "text", "has_code_tags", "word_count", "link_word_count")]
    found = [label(Page(*row)) for row in zip(*facts, strict=True)]
    columns = [batch.column("record"), batch.column("host"), batch.column("is_held_out")]
    columns.append(page_words(batch.column("title"), batch.column("text")))
    columns += [pa.array([getattr(one, name) for one in found], SAMPLE.field(name).type) for name in ("is_relevant", "category", "score")]
    return pa.RecordBatch.from_arrays([column.cast(f.type) for column, f in zip(columns, SAMPLE, strict=True)], schema=SAMPLE)


def words_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Rows of SAMPLE of pages that have labels."""
    said = [batch.column(name) for name in ("record", "host", "is_held_out")]
    said.append(page_words(batch.column("title"), batch.column("text")))
    said += [batch.column(name) for name in ("is_relevant", "category", "score")]
    return pa.RecordBatch.from_arrays([column.cast(f.type) for column, f in zip(said, SAMPLE, strict=True)], schema=SAMPLE)


def train_rows(labelled: DataFrame, params: PageModelsParams, oracle: str | None = None) -> DataFrame:
    """One row of annotate/page_models, made by one task, which holds the sample; `refusal` where the pages are too few."""
    name, training = params.name, params.training
    drawn = {"held_out_rate": params.held_out_rate, "held_out_seed": params.held_out_seed, "labels": params.labels}
    named = f"{oracle}, version {params.labels}" if oracle else None

    def train_one(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        try:
            models, card = train(pa.Table.from_batches(list(batches), schema=SAMPLE), training, named)
            card["parameters"] |= drawn
        except TooFewPagesError as error:
            yield refusal(name, str(error))
        else:
            yield model_row(name, "trained", models, card)

    return labelled.coalesce(1).sortWithinPartitions("page").mapInArrow(train_one, spark_schema(PAGE_MODELS))


def model_row(name: str, origin: str, models: PageModels, card: dict[str, object]) -> pa.RecordBatch:
    counts = card.get("counts")
    known = counts if isinstance(counts, dict) else {}
    row = {
        "name": name,
        "model_hash": models.model_hash,
        "origin": origin,
        "relevance_model": models.relevance,
        "category_model": models.category,
        "quality_model": models.quality,
        "threshold_percent": models.threshold_percent,
        "recall_wanted": card["recall_wanted"],
        "train_hosts": known.get("train", {}).get("hosts", 0),
        "validation_hosts": known.get("validation", {}).get("hosts", 0),
        "train_pages": known.get("train", {}).get("pages", 0),
        "card_json": card_json(card),
        "card_markdown": markdown_of(card) if known else "",
    }
    return pa.RecordBatch.from_pylist([row], schema=PAGE_MODELS.arrow_schema)


def refusal(name: str, reason: str) -> pa.RecordBatch:
    """Stands for models that cannot be trained: no hash, and the reason as the card."""
    models = PageModels(0, b"", b"", b"")
    row = model_row(name, "trained", models, {"recall_wanted": 0.0}).to_pylist()[0]
    return pa.RecordBatch.from_pylist([row | {"model_hash": "", "card_markdown": reason}], schema=PAGE_MODELS.arrow_schema)


def idle(lake: Lake, params: PageModelsParams) -> str | None:
    return None if params.given or lake.has_rows(PAGES) else "there are no pages, nothing is trained"


JOB = Job(
    "annotate.page_models",
    "trains the models that judge pages, once",
    reads=(PAGES, CONTENTS, DUPLICATES),  # and annotate/labels where --labels asks, which no job writes
    writes=(PAGE_MODELS,),
    transform=transform,
    params=PageModelsParams,
    idle=idle,
)
