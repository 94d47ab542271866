"""Rows of decide/features of pages. A candidate is a text, and the records that it was fetched as are its occurrences, one a host."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.runtime.tables import Tables
from schemas.decide import OCCURRENCE
from schemas.ingest import PAGES

FACTS = ("word_count", "link_share", "code_share", "has_code_tags")


def page_occurrences(tables: Tables) -> DataFrame:
    """One row per (content, host), at its best record: whole, then by the shortest address. The host stands where a repository would."""
    order = [F.col("is_truncated"), F.length("url"), F.col("url"), F.col("record")]
    ranked = tables[PAGES].withColumn("place", F.row_number().over(Window.partitionBy("content_sha256", "host").orderBy(*order)))
    return ranked.where("place = 1").select(
        "content_sha256",
        F.col("host").alias("repository"),
        F.col("url").alias("path"),
        "record",
        "word_count",
        F.when(F.col("word_count") > 0, F.col("link_word_count") / F.col("word_count")).otherwise(F.lit(0.0)).alias("link_share"),
        "code_bytes",
        "has_code_tags",
        *(F.lit(None).cast(kind).alias(name) for name, kind in UNKNOWN.items()),
    )


# What an occurrence of a file has and that of a page has not.
UNKNOWN = {
    "language": "string", "licence": "string", "stars": "bigint", "forks": "bigint", "commits": "bigint", "maintained_days": "bigint",
    "syntax_status": "string", "error_bytes_share": "double", "syntax_flaw_count": "bigint", "comment_share": "double",
}  # fmt: skip
assert UNKNOWN.keys() | {"repository", "path"} == {field.name for field in OCCURRENCE}


def page_facts(occurrences: DataFrame, contents: DataFrame) -> DataFrame:
    """One row per content: the facts of its first occurrence. They differ only in what stood around the text."""
    first = F.min_by(F.struct("word_count", "link_share", "code_bytes", "has_code_tags"), F.struct(F.length("path"), "path", "repository"))
    rows = occurrences.groupBy("content_sha256").agg(first.alias("first")).join(contents, "content_sha256")
    return rows.select(
        "content_sha256",
        "first.word_count",
        "first.link_share",
        F.least(F.lit(1.0), F.col("first.code_bytes") / F.greatest("size_bytes", F.lit(1))).alias("code_share"),
        "first.has_code_tags",
    )
