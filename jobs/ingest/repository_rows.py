"""Rows of ingest/repositories: what sources say of a repository, beside what is counted over all sources that hold a part of it."""

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.ingest.held_rows import Held
from schemas.ingest import FILES, REJECTS, REPOSITORIES

KINDS = ("archive", "folder", "git", "table")
FACTS = {"stars": "bigint", "forks": "bigint", "commits": "bigint", "maintained_days": "bigint", "licence": "string"}


def touched_repositories(held: Held, listed: DataFrame, entries: DataFrame) -> DataFrame:
    """Repositories that a row of this run or of before this run puts into one of the sources that are read."""
    before = [held.files.select("origin", "repository"), held.rejects.select("origin", F.col("source").alias("repository"))]
    parts = [rows.join(held.origins, "origin", "left_semi").select("repository") for rows in before]
    parts += [entries.select("repository"), said_of(listed).select("repository")]
    return reduce(DataFrame.union, parts).distinct()


def said_of(listed: DataFrame) -> DataFrame:
    """What a source that is one repository says of it."""
    kinds = ", ".join(f"{name} {kind}" for name, kind in FACTS.items()) + ", commit string"
    return listed.where("facts is not null").select(
        F.get_json_object("source", "$.repository").alias("repository"),
        F.get_json_object("source", "$.kind").alias("said_kind"),
        F.from_json("facts", kinds).alias("facts"),
        "history",
    )


def repository_rows(
    held: Held, listed: DataFrame, entries: DataFrame, touched: DataFrame, files: DataFrame, rejects: DataFrame, has_tables: bool
) -> DataFrame:
    """One row per repository of `touched` that is still there. `files`, `rejects`: rows that the tables will have of the sources read.

    Where another source holds a part of a repository, or its own was not read to its end, what the lake knows of it and this run does not
    stays.
    """
    rows = touched.join(said_of(listed), "repository", "left").join(_counted(held, touched, files, rejects), "repository", "left")
    rows = rows.join(_read_facts(entries, has_tables), "repository", "left")
    old = held.repositories.select("repository", *(F.col(c).alias(f"held_{c}") for c in ("source_kind", "commit", "history", *FACTS)))
    unread = held.unread.select(F.col("origin").alias("repository"), F.lit(True).alias("is_unread"))
    rows = rows.join(old, "repository", "left").join(unread, "repository", "left")
    is_said, stays = F.col("said_kind").isNotNull(), F.coalesce("is_shared", F.lit(False)) | F.coalesce("is_unread", F.lit(False))

    def kept(column: str) -> Column:
        return F.when(stays, F.col(f"held_{column}"))

    # Of a repository whose kind nobody says nobody holds anything. Not asked of the kind's name, which Spark takes for never null.
    is_there = is_said | kept("source_kind").isNotNull() | F.col("entry_kind").isNotNull()
    read_kind = F.element_at(F.array(*map(F.lit, KINDS)), F.col("entry_kind"))
    found = rows.where(is_there).select(
        "repository",
        F.coalesce("said_kind", kept("source_kind"), read_kind).alias("source_kind"),
        F.when(is_said, F.col("facts.commit")).otherwise(kept("commit")).alias("commit"),
        F.when(is_said, F.col("history")).otherwise(kept("history")).alias("history"),
        *(F.coalesce(f"facts.{c}", f"row_{c}", kept(c)).alias(c) for c in FACTS),
        *(F.coalesce(c, F.lit(0)).alias(c) for c in ("file_count", "reject_count", "size_bytes")),
    )
    return found.select(*REPOSITORIES.names)


def _counted(held: Held, touched: DataFrame, files: DataFrame, rejects: DataFrame) -> DataFrame:
    """file_count, size_bytes, reject_count, is_shared (a source that is not read to its end has files of it) by repository."""
    seen = held.origins.join(held.unread, "origin", "left_anti").withColumn("is_seen", F.lit(True))
    after = held.with_others(FILES, files, touched).join(seen, "origin", "left")
    by_files = after.groupBy("repository").agg(
        F.count("*").alias("file_count"), F.sum("size_bytes").alias("size_bytes"), F.max(F.col("is_seen").isNull()).alias("is_shared")
    )
    sources = touched.withColumnRenamed("repository", "source")
    refused = held.with_others(REJECTS, rejects, sources).groupBy(F.col("source").alias("repository"))
    return by_files.join(refused.agg(F.count("*").alias("reject_count")), "repository", "full")


def _read_facts(entries: DataFrame, has_tables: bool) -> DataFrame:
    """entry_kind (place in KINDS) and, of tables, the largest of what rows say (`row_...`), by repository."""
    place = F.array_position(F.array(*map(F.lit, KINDS)), F.col("source_kind"))
    kinds = entries.where("reason is null").groupBy("repository").agg(F.min(place).cast("int").alias("entry_kind"))
    if not has_tables:  # maxima of text sort all entries
        return kinds.withColumns({f"row_{c}": F.lit(None).cast(kind) for c, kind in FACTS.items()})
    of_rows = entries.where("source_kind = 'table'").groupBy("repository").agg(*(F.max(c).alias(f"row_{c}") for c in FACTS))
    return kinds.join(of_rows, "repository", "full")
