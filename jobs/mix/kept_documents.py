"""Documents of a policy's kept candidates, of all kinds, with the place of their texts.

A text lies in ingest/contents, where a document is one content, or in assemble/documents itself. What lies there was read by nobody before
`assemble.document_checks`: what that found is left out, and what it has not seen is an error.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from jobs.assemble.documents import is_made_for, is_notebook, layout_of
from jobs.runtime.errors import CodemillError, UsageError
from jobs.runtime.tables import Tables
from jobs.runtime.texts import bounded, located, placed, task_count, texts_where_they_lie
from schemas.assemble import COMMIT_CONTEXTS, DOCUMENTS, REPOSITORY_CONTEXTS
from schemas.decide import KEPT
from schemas.document_checks import DOCUMENT_CHECKS
from schemas.ingest import CONTENTS

ANY_LAYOUT = ""
TextsFunction = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]


def kept_documents(tables: Tables, profile: str, layouts: Sequence[str] = ()) -> DataFrame:
    """One row per document: kind, candidate, layout, split, language, repository, score_percent, text_hash, size_bytes, content_sha256,
    is_checked, text_file, text_block. content_sha256 and the last two are null where the document has a text of its own.

    The candidate of a part of a repository is `repository#part`: what is kept is the repository. `layouts` are `KIND=LAYOUT`, of kinds of
    which only one layout is wanted.
    """
    kept = tables[KEPT].where(F.col("policy") == profile)
    # Of a file or page the one layout that stands for it where this policy found it; of other kinds whatever there is.
    wanted = F.when(F.col("kind").isin("file", "page"), layout_of()).alias("wanted")
    kept = kept.select("kind", F.col("candidate").alias("kept"), "split", "language", "repository", "score_percent", wanted)
    documents = tables[DOCUMENTS].select(
        "kind", "candidate", "layout", kept_candidate().alias("kept"), "size_bytes", "text_hash",
        F.get("contents", F.lit(0)).alias("content_sha256"),  # null where there is none: the document has a text of its own
    )  # fmt: skip
    documents = documents.where(is_wanted(profile, layouts))
    placed = kept.join(documents, ["kind", "kept"]).where("wanted is null or wanted = layout")
    placed = without_leaks(tables, placed.drop("kept", "wanted"), profile)
    return placed.join(located(tables[CONTENTS]).drop("size_bytes"), "content_sha256", "left")


def is_wanted(profile: str, layouts: Sequence[str]) -> Column:
    """Whether a document, or the reason why there is none, by its kind and layout, is one that the profile's mixture may take."""
    found = is_made_for(profile)
    for kind, layout in map(_layout, layouts):
        found = found & ((F.col("kind") != kind) | (F.col("layout") == layout))
    return found


def kept_candidate() -> Column:
    """Of a row of assemble/documents: the candidate in decide/kept, which of a part of a repository is the repository."""
    return F.when(F.col("kind") == "repository", F.regexp_replace("candidate", "#[^#]*$", "")).otherwise(F.col("candidate"))


def without_leaks(tables: Tables, documents: DataFrame, profile: str) -> DataFrame:
    """Adds `is_checked`, and leaves out what may not be trained on. A text of ingest/contents was judged by the policy."""
    checks = tables[DOCUMENT_CHECKS].where(F.col("policy") == profile)
    checks = checks.select("kind", "candidate", "layout", "text_hash", (F.size("reasons") > 0).alias("leaks"))
    found = documents.join(checks, ["kind", "candidate", "layout", "text_hash"], "left")
    is_checked = F.col("content_sha256").isNotNull() | F.col("leaks").isNotNull()
    return found.where("leaks is null or not leaks").withColumn("is_checked", is_checked).drop("leaks")


def _layout(text: str) -> tuple[str, str]:
    kind, equals, layout = text.partition("=")
    if not equals:
        raise UsageError(f"the layout {text!r}: expected KIND=LAYOUT, such as commit=commit/1")
    return kind, layout


def check_assembled(tables: Tables, profile: str, layouts: Sequence[str]) -> None:
    """Raises `CodemillError` unless each kept file and page has its document, and each kept commit and repository one of those that are
    wanted, or a reason why it has none. A notebook may have none: it is no JSON."""
    is_text = F.col("kind").isin("file", "page")
    wanted = tables[KEPT].where((F.col("policy") == profile) & ~is_notebook())
    wanted = wanted.select("kind", "candidate", F.when(is_text, layout_of()).otherwise(ANY_LAYOUT).alias("layout"))
    there = tables[DOCUMENTS].select("kind", kept_candidate().alias("candidate"), "layout")
    commits = tables[COMMIT_CONTEXTS].where("reason is not null")
    there = there.union(commits.select(F.lit("commit"), F.concat("repository", F.lit("@"), "commit"), "layout"))
    repositories = tables[REPOSITORY_CONTEXTS].where("reason is not null")
    there = there.union(repositories.select(F.lit("repository"), "repository", "layout"))
    there = there.where(is_text | is_wanted(profile, layouts))
    there = there.withColumn("layout", F.when(is_text, F.col("layout")).otherwise(ANY_LAYOUT))
    missing = wanted.join(there, wanted.columns, "left_anti").groupBy("kind").count().sort("kind").collect()
    if missing:
        found = ", ".join(f"{row['count']:,} of kind {row.kind}" for row in missing)
        raise CodemillError(
            f"candidates that the policy {profile!r} keeps have no document ({found}): it was decided anew since they were made, they were "
            "removed, or no such layout is there. `codemill decide` and `codemill assemble` make them"
        )


def check_documents(tables: Tables, documents: DataFrame) -> tuple[int, int]:
    """Documents and bytes. Raises `CodemillError` unless each candidate is one document whose text can be found."""
    counts = documents.agg(
        F.count("*"), F.coalesce(F.sum("size_bytes"), F.lit(0)), F.countDistinct("kind", "candidate"),
        F.count(F.when(F.col("content_sha256").isNotNull() & F.col("text_file").isNull(), 1)),
        F.count(F.when(~F.col("is_checked"), 1)),
    )  # fmt: skip
    rows, size, distinct, textless, unchecked = counts.first()  # type: ignore[misc]
    if textless:
        raise CodemillError(
            f"the texts of {textless:,} of {rows:,} kept documents are not in ingest/contents; `ingest.files --force` with their sources, "
            "or `ingest.pages --force` with their archives, reads them again"
        )
    if unchecked:
        raise CodemillError(
            f"{unchecked:,} of {rows:,} kept documents have texts that were not compared with benchmarks and with what is held out; "
            "`codemill assemble.document_checks` does it"
        )
    if rows != distinct:
        twice = documents.groupBy("kind", "candidate").agg(F.collect_set("layout").alias("layouts")).where(F.size("layouts") > 1)
        found = twice.select("kind", F.explode("layouts").alias("layout")).distinct().sort("kind", "layout").limit(10).collect()
        raise CodemillError(
            "some candidates have documents of several layouts; name the one to take with mix.sequences.layouts. There are "
            + ", ".join(f"{row.kind}={row.layout}" for row in found)
        )
    return rows, size


def map_documents(tables: Tables, documents: DataFrame, size_bytes: int, function: TextsFunction, schema: StructType) -> DataFrame:
    """Applies `function` to the batches of a task: the columns of `documents`, less text_file and text_block, and `text`, wherever that
    lies. `size_bytes` are of those whose texts are in ingest/contents.

    A text of assemble/documents is read where it lies too, unless Spark chooses to shuffle it for the join with `documents`.
    """
    contents = documents.where("content_sha256 is not null")
    rows = placed(contents, task_count(size_bytes, tables.cores))
    mapped = rows.mapInArrow(lambda batches: function(texts_where_they_lie(batches)), schema)
    texts = documents.where("content_sha256 is null").drop("text_file", "text_block")
    key = ["kind", "candidate", "layout"]
    texts = texts.join(tables[DOCUMENTS].select(*key, "text"), key).select(*texts.columns, "text")
    return mapped.unionByName(texts.mapInArrow(lambda batches: function(chain.from_iterable(map(bounded, batches))), schema))
