"""Makes readable documents of the Jupyter notebooks that a policy keeps: what `udfs.notebooks` says, instead of the raw JSON.

Reads   decide/kept, decide/dropped, ingest/contents
Writes  assemble/documents, then assemble/notebooks; rows are added, never changed

A kept file whose path ends in .ipynb has this document and no `file/1`, or none and a reason. Whoever puts documents into a mixture takes
of a file the one layout that `documents.layout_of` gives for its path: a content that another policy keeps at another path may have both.
Notebooks that are out for nothing but a kept near-duplicate are read too: documents of repositories show them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.assemble import removed
from jobs.assemble.documents import is_notebook, with_text
from jobs.decide.survivors import NEAR_DUPLICATE
from jobs.runtime.job import Insert, Job, Write, parameter
from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from jobs.runtime.texts import located, map_texts, task_count
from schemas.assemble import DOCUMENTS, NOTEBOOKS
from schemas.decide import DROPPED, KEPT
from schemas.ingest import CONTENTS
from schemas.lake import Lake
from udfs.notebooks import LAYOUT, VERSION, NotebookError, read_notebook

MADE = pa.schema([*NOTEBOOKS.arrow_schema, pa.field("text", pa.string())])


@dataclass(frozen=True)
class NotebooksParams:
    profile: str = parameter("demo", "whose kept notebooks become documents")


def transform(tables: Tables, params: NotebooksParams) -> Iterator[Write]:
    is_wanted = (F.col("policy") == params.profile) & is_notebook()
    alike = tables[DROPPED].where(is_wanted & (F.col("reasons") == F.array(F.lit(NEAR_DUPLICATE))))
    found = tables[KEPT].where(is_wanted).select("candidate").union(alike.select("candidate"))
    wanted = found.select(F.col("candidate").alias("content_sha256"), F.lit(LAYOUT).alias("layout"))
    missing = tables.missing(wanted, NOTEBOOKS).persist()
    tables.account.read_rows = missing.count()
    if not tables.account.read_rows:
        return
    with Staging(tables.lake, tables.run) as staging:
        made = staging.keep(tables.spark, read(tables, missing), "notebooks")
        tables.account.dropped = {row.reason: row["count"] for row in made.where("reason is not null").groupBy("reason").count().collect()}
        texts = made.where(F.col("text").isNotNull()).withColumn("candidate", F.col("content_sha256"))
        yield Insert(DOCUMENTS, with_text(texts, "file"))
        yield Insert(NOTEBOOKS, made.select(*NOTEBOOKS.names))


def read(tables: Tables, missing: DataFrame) -> DataFrame:
    placed = missing.join(located(tables[CONTENTS]), "content_sha256").persist()
    tables.account.read_bytes = placed.agg(F.coalesce(F.sum("size_bytes"), F.lit(0))).first()[0]  # type: ignore[index]
    return map_texts(placed, made_of, from_arrow_schema(MADE), task_count(tables.account.read_bytes, tables.cores))


def made_of(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Rows of MADE, of a batch of content_sha256, layout and text."""
    facts = [facts_of(text) for text in batch.column("text").to_pylist()]
    keys = zip(batch.column("content_sha256").to_pylist(), batch.column("layout").to_pylist(), strict=True)
    rows = [{"content_sha256": key, "layout": layout, **row} for (key, layout), row in zip(keys, facts, strict=True)]
    return pa.RecordBatch.from_pylist(rows, schema=MADE)


def facts_of(text: str) -> dict[str, Any]:
    try:
        notebook = read_notebook(text)
    except NotebookError as error:
        return {"reason": error.reason}
    names = [field.name for field in MADE if field.name not in ("content_sha256", "layout", "reason")]
    return {name: getattr(notebook, name) for name in names}


def idle(lake: Lake, params: NotebooksParams) -> str | None:
    return None if lake.has_rows(KEPT, kept_notebooks(params.profile)) else "no notebook is kept"


def kept_notebooks(profile: str) -> pc.Expression:
    return removed.is_kept(profile, "file") & removed.is_notebook()


JOB = Job(
    "assemble.notebooks",
    "makes readable documents of the notebooks that are kept",
    (KEPT, DROPPED, CONTENTS),
    (DOCUMENTS, NOTEBOOKS),
    transform,
    NotebooksParams,
    version=VERSION,
    idle=idle,
    is_changed=lambda lake, params: removed.is_removed(lake, kept_notebooks(params.profile), NOTEBOOKS, LAYOUT),
)
