"""What decide/features says of pages. A candidate is a text, and the records that it was fetched as are its occurrences, one a host.

What models say is taken from those in annotate/page_models under the name `default`, and is null where there are none.
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.annotate import page_judgements
from jobs.annotate.page_judgements import PageJudgementsParams
from jobs.runtime.errors import UsageError
from jobs.runtime.tables import Tables
from schemas.annotate import PAGE_HOSTS, PAGE_JUDGEMENTS, PAGE_MODELS
from schemas.decide import OCCURRENCE
from schemas.ingest import PAGES

FACTS = ("word_count", "link_share", "repeated_share", "cut_line_share", "code_bytes", "has_code_tags", "record", "repository")


def check_held_out(tables: Tables, rate: float, seed: str) -> None:
    """Raises UsageError where the models of pages may have learned from a host that this draw holds out.

    A lower rate of the same draw holds out a part of the hosts; of models that a user gave nothing is known."""
    asked = [f"get_json_object(card_json, '$.parameters.held_out_{name}') as {name}" for name in ("rate", "seed")]
    trained = tables[PAGE_MODELS].where((F.col("name") == PageJudgementsParams().model) & (F.col("origin") == "trained"))
    for row in trained.selectExpr(*asked).where("rate is not null").collect():
        if row.seed != seed or rate > float(row.rate):
            raise UsageError(
                f"decide.features holds out hosts at a rate of {rate} by the draw {seed!r}, and {tables.lake.path(PAGE_MODELS.name)} has"
                f" models that learned with {row.rate} and {row.seed!r}: they have seen hosts that are to be held out. Expected the same"
                " seed and at most their rate. Set both jobs alike (--set annotate.page_models.held_out_rate=X --set"
                " decide.features.held_out_rate=X) in a lake whose models are not trained yet"
            )


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
        "repeated_share",
        "cut_line_share",
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


def page_facts(tables: Tables, occurrences: DataFrame, contents: DataFrame) -> DataFrame:
    """One row per content: the facts of its first occurrence. They differ only in what stood around the text."""
    first = F.min_by(F.struct(*FACTS), F.struct(F.length("path"), "path", "repository")).alias("first")
    rows = occurrences.groupBy("content_sha256").agg(first).select("content_sha256", "first.*").join(contents, "content_sha256")
    rows = rows.join(judged(tables), "record", "left").join(categories(tables), "repository", "left")
    share = F.least(F.lit(1.0), F.col("code_bytes") / F.greatest("size_bytes", F.lit(1)))
    return rows.withColumns({"code_share": share, "page_category": F.coalesce("of_host", "of_page")}).select("content_sha256", *GIVEN)


GIVEN = (
    "word_count", "link_share", "repeated_share", "cut_line_share", "code_share", "has_code_tags", "relevance_percent",
    "relevance_least_percent", "page_category", "page_quality_percent",
)  # fmt: skip


def judged(tables: Tables) -> DataFrame:
    """Rows (record, relevance_percent, relevance_least_percent, of_page, page_quality_percent) by the models of now."""
    models = tables[PAGE_MODELS].where(F.col("name") == PageJudgementsParams().model).select("model_hash", "threshold_percent").collect()
    versions = [page_judgements.version(row.model_hash) for row in models]
    least = models[0].threshold_percent if models else None
    return (
        tables[PAGE_JUDGEMENTS]
        .where(F.col("version").isin(versions))
        .select(
            "record",
            F.col("relevance_percent").cast("long").alias("relevance_percent"),
            F.lit(least).cast("long").alias("relevance_least_percent"),
            F.col("category").alias("of_page"),
            F.col("quality_percent").cast("long").alias("page_quality_percent"),
        )
    )


def categories(tables: Tables) -> DataFrame:
    """Rows (repository, of_host): the category of each host."""
    return tables[PAGE_HOSTS].select(F.col("host").alias("repository"), F.col("category").alias("of_host"))
