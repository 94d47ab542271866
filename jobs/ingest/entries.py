"""What came out of the sources, before it becomes rows of ingest/files and ingest/rejects: DataFrames in the shape of ENTRIES."""

from collections.abc import Iterable

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.ingest.listing import UNREADABLE
from jobs.runtime.local_rows import local_rows
from jobs.runtime.tables import Tables
from jobs.sources.source import Reject
from schemas.ingest import FILES

BROKEN = ("archive_bomb", "corrupt", "truncated")


def refused(tables: Tables, listed: DataFrame, rejects: Iterable[Reject]) -> DataFrame:
    """Rejects of the listing and of the manifest, with the columns of ENTRIES that they have."""
    columns = [
        F.col("reject_source").alias("repository"),
        F.col("locator").alias("path"),
        *map(F.col, ("origin", "reason", "detail", "size_bytes")),
    ]
    kinds = F.get_json_object("source", "$.kind").alias("source_kind")
    found = listed.where("reason is not null").select(*columns, kinds)
    early = [(r.source, r.locator, r.source, r.reason, r.detail, r.size_bytes, "manifest") for r in rejects]
    return found.union(local_rows(tables.spark, early, found.schema)) if early else found


def has_repeats(entries: DataFrame) -> bool:
    """Whether two entries may have one (repository, path): a look at hashes, which now and then says yes where there are none."""
    return not entries.groupBy(F.xxhash64("repository", "path")).count().where("count > 1").isEmpty()


def without_repeats(entries: DataFrame) -> DataFrame:
    """Of entries with one (repository, path) the first by content stays; the others become rejects with `#2`, `#3` ... at their path."""
    same = Window.partitionBy("repository", "path").orderBy(
        F.col("reason").isNotNull(), "content_sha256", "reason", "detail", "origin", "text_task"
    )
    ranked = entries.withColumn("rank", F.row_number().over(same))
    is_repeat = F.col("rank") > 1
    said = {
        "path": F.concat("path", F.lit("#"), "rank"),
        "reason": F.coalesce("reason", F.lit("duplicate_path")),
        "detail": F.coalesce("detail", F.concat(F.lit("another entry is called "), "path")),
    }
    return ranked.select(*(F.when(is_repeat, said[c]).otherwise(F.col(c)).alias(c) if c in said else F.col(c) for c in entries.columns))


def count(tables: Tables, entries: DataFrame, size_bytes: str = "size_bytes") -> None:
    """Fills the account: entries, bytes of those that became files or pages, rejects by reason. `size_bytes` names the column of sizes."""
    for reason, rows, size in entries.groupBy("reason").agg(F.count("*"), F.sum(size_bytes)).collect():
        tables.account.read_rows += rows
        if reason:
            tables.account.rejected[reason] = rows
        else:
            tables.account.read_bytes += size


def file_rows(entries: DataFrame) -> DataFrame:
    return entries.where("reason is null").select(*FILES.names)


def reject_rows(entries: DataFrame) -> DataFrame:
    detail = F.coalesce("detail", F.lit("")).alias("detail")
    rejected = entries.where("reason is not null")
    return rejected.select(F.col("repository").alias("source"), F.col("path").alias("locator"), "reason", detail, "size_bytes", "origin")


def unseen(entries: DataFrame) -> DataFrame:
    """(origin, beginning): where a source was not read to its end. What it holds under paths that begin so was not seen.

    A reject at the source as a whole hides all of it, one of a folder what is below. What a broken part of a table would have named is not
    known, so that it hides all of the table.
    """
    is_table_part = (F.col("source_kind") == "table") & F.col("reason").isin(*BROKEN)
    rejected = entries.where("reason is not null").where((F.col("path") == "") | F.col("path").endswith("/") | is_table_part)
    return rejected.select("origin", F.when(is_table_part, "").otherwise(F.col("path")).alias("beginning")).distinct()


def to_read_again(tables: Tables, entries: DataFrame) -> set[str]:
    """Labels of sources that may be read better although they will look the same: the system refused one, or objects of a git repository
    are missing or damaged, which its commit does not show."""
    if not {UNREADABLE, "missing", "corrupt"} & set(tables.account.rejected):
        return set()
    is_refused = (F.col("reason") == UNREADABLE) & (F.col("path") == "")
    is_damaged = (F.col("source_kind") == "git") & F.col("reason").isin("missing", "corrupt")
    return {row.origin for row in entries.where(is_refused | is_damaged).select("origin").distinct().collect()}
