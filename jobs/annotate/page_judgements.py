"""Says of every page by its words whether it is about code, of what kind its site is, and how well it is made.

Reads   ingest/pages, ingest/contents, annotate/page_models
Writes  annotate/page_judgements, one row per page, a row annotator; annotate/page_hosts, one row per host, made anew of all of them

Without models it does nothing and says so. Whether a page passes is the policy's: here is no threshold.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.annotate.missing import annotate_texts
from jobs.runtime.job import Insert, Job, Replace, Write, parameter, short_hash
from jobs.runtime.tables import Tables
from jobs.runtime.texts import located
from schemas.annotate import PAGE_HOSTS, PAGE_JUDGEMENTS, PAGE_MODELS
from schemas.ingest import CONTENTS, PAGES
from schemas.lake import Lake
from udfs.page_models import MODELS, PageModels
from udfs.page_words import page_words

VERSION = 1


@dataclass(frozen=True)
class PageJudgementsParams:
    model: str = parameter("default", "name of the models in annotate/page_models")


def version(model_hash: str) -> str:
    return short_hash("page_judgements", str(VERSION), model_hash)


def transform(tables: Tables, params: PageJudgementsParams) -> Iterator[Write]:
    known = tables[PAGE_MODELS].where(F.col("name") == params.model).select("model_hash").first()
    if known is None:
        tables.account.remark = "there are no models of pages, nothing is judged"
        return
    made = version(known.model_hash)
    pages = located(tables[CONTENTS]).join(tables[PAGES].select("record", "title", "content_sha256"), "content_sha256")
    facts = partial(facts_of, tables.lake, params.model, known.model_hash)
    yield Insert(PAGE_JUDGEMENTS, annotate_texts(tables, pages, PAGE_JUDGEMENTS, made, facts))
    yield Replace(PAGE_HOSTS, host_categories(tables, made))


def facts_of(lake: Lake, name: str, model_hash: str, batch: pa.RecordBatch) -> pa.RecordBatch:
    found = models_of(lake, name, model_hash).judgements(page_words(batch.column("title"), batch.column("text")))
    return found.append_column("content_sha256", batch.column("content_sha256"))


@lru_cache(maxsize=2)
def models_of(lake: Lake, name: str, model_hash: str) -> PageModels:
    """Read from the lake once in each process that judges."""
    columns = ["model_hash", "threshold_percent", *(f"{model}_model" for model in MODELS)]
    (row,) = lake.read(PAGE_MODELS, columns, pc.field("name") == name).to_pylist()
    models = PageModels(row["threshold_percent"], **{model: row[f"{model}_model"] for model in MODELS})
    if row["model_hash"] != model_hash or models.model_hash != model_hash:
        raise ValueError(f"the models {name} of {lake.path(PAGE_MODELS.name)} are {models.model_hash}; expected {model_hash}")
    return models


def host_categories(tables: Tables, made: str) -> DataFrame:
    """Rows of annotate/page_hosts: of each host the category with the largest sum of category_percent."""
    judged = tables[PAGE_JUDGEMENTS].where(F.col("version") == made).select("record", "category", "category_percent")
    of_host = judged.join(tables[PAGES].select("record", "host"), "record")
    sums = of_host.groupBy("host", "category").agg(F.sum("category_percent").alias("weight"), F.count("*").alias("pages"))
    whole = Window.partitionBy("host")
    ranked = sums.withColumns(
        {
            "place": F.row_number().over(whole.orderBy(F.desc("weight"), "category")),
            "page_count": F.sum("pages").over(whole),
            "category_share": F.col("weight") / F.greatest(F.lit(1), F.sum("weight").over(whole)),
            "version": F.lit(made),
        }
    )
    return ranked.where("place = 1").select(*PAGE_HOSTS.names)


def idle(lake: Lake, params: PageJudgementsParams) -> str | None:
    return None if lake.has_rows(PAGE_MODELS, pc.field("name") == params.model) else "there are no models of pages, nothing is judged"


JOB = Job(
    "annotate.page_judgements",
    "says whether pages are about code, and of what kind and quality",
    reads=(PAGES, CONTENTS, PAGE_MODELS),
    writes=(PAGE_JUDGEMENTS, PAGE_HOSTS),
    transform=transform,
    params=PageJudgementsParams,
    version=VERSION,
    idle=idle,
)
