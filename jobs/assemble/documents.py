"""Makes documents of what a policy keeps. That of a file or page is its text, unchanged; notebooks have a job of their own.

Reads   decide/kept, ingest/contents
Writes  assemble/documents; rows are added, never changed: a document is a function of its candidate and its layout
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.assemble import removed
from jobs.runtime.job import Insert, Job, Write, parameter
from jobs.runtime.tables import Tables
from schemas.assemble import DOCUMENTS
from schemas.decide import KEPT
from schemas.lake import Lake
from udfs.notebooks import LAYOUT as NOTEBOOK_LAYOUT
from udfs.notebooks import SUFFIX

FILE_LAYOUT = "file/1"
PAGE_LAYOUT = "page/1"
HASH_DIGITS = 16


@dataclass(frozen=True)
class DocumentsParams:
    profile: str = parameter("demo", "whose kept candidates become documents")


def is_notebook() -> Column:
    """Whether the row of decide/kept is a notebook, by its path."""
    return (F.col("kind") == "file") & F.lower("path").endswith(SUFFIX)


def layout_of() -> Column:
    """Of a row of decide/kept of kind file or page: the layout of the one document that stands for it."""
    return F.when(F.col("kind") == "page", PAGE_LAYOUT).when(is_notebook(), NOTEBOOK_LAYOUT).otherwise(FILE_LAYOUT)


def is_made_for(profile: str) -> Column:
    """Whether a row of assemble/documents may be in the profile's mixture: the layout of a repository's names whose files are in it."""
    made_for = F.coalesce(F.get(F.split("layout", "/"), F.lit(2)), F.lit(profile))
    return (F.col("kind") != "repository") | (made_for == profile)


def with_text(rows: DataFrame, kind: str) -> DataFrame:
    """Rows of assemble/documents of rows with candidate, layout and text, and with made_of where the kind has it."""
    found = {
        "kind": F.lit(kind),
        "contents": F.array().cast("array<string>"),
        "size_bytes": F.octet_length("text").cast("long"),
        "text_hash": F.substring(F.sha2("text", 256), 1, HASH_DIGITS),
    }
    if "made_of" not in rows.columns:
        found["made_of"] = F.lit(None).cast("string")
    return rows.withColumns(found).select(*DOCUMENTS.names)


def transform(tables: Tables, params: DocumentsParams) -> Iterator[Write]:
    kept = tables[KEPT].where((F.col("policy") == params.profile) & F.col("kind").isin("file", "page") & ~is_notebook())
    tables.account.read_rows, tables.account.read_bytes = kept.agg(F.count("*"), F.coalesce(F.sum("size_bytes"), F.lit(0))).first()  # type: ignore[misc]
    yield Insert(
        DOCUMENTS,
        kept.select(
            "kind",
            "candidate",
            layout_of().alias("layout"),
            F.array("candidate").alias("contents"),
            "size_bytes",
            F.lit(None).cast("string").alias("text"),
            F.substring("candidate", 1, HASH_DIGITS).alias("text_hash"),
            F.lit(None).cast("string").alias("made_of"),
        ),
    )


def is_changed(lake: Lake, params: DocumentsParams) -> bool:
    files = removed.is_kept(params.profile, "file") & ~removed.is_notebook()
    pages = removed.is_kept(params.profile, "page")
    return removed.is_removed(lake, files, DOCUMENTS, FILE_LAYOUT) or removed.is_removed(lake, pages, DOCUMENTS, PAGE_LAYOUT)


JOB = Job("assemble.documents", "makes documents of what is kept", (KEPT,), (DOCUMENTS,), transform, DocumentsParams, is_changed=is_changed)
