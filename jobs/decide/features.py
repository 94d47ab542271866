"""Puts all that policies read of a candidate into one narrow row.

Reads   ingest/files, ingest/repositories, ingest/contents, annotate/text_facts, annotate/syntax, annotate/duplicates,
        annotate/repository_duplicates, ingest/commits, annotate/commit_facts, ingest/pages, annotate/contamination,
        annotate/benchmarks, annotate/page_models, annotate/page_judgements, annotate/page_hosts
Writes  decide/features
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, StructField, StructType

from jobs.annotate import commit_facts, syntax, text_facts
from jobs.decide.page_features import UNKNOWN, check_held_out, page_facts, page_occurrences
from jobs.runtime.job import Job, Snapshot, Write, parameter
from jobs.runtime.tables import Tables
from schemas.annotate import (
    COMMIT_FACTS,
    DUPLICATES,
    PAGE_HOSTS,
    PAGE_JUDGEMENTS,
    PAGE_MODELS,
    REPOSITORY_DUPLICATES,
    SYNTAX,
    TEXT_FACTS,
)
from schemas.contamination import BENCHMARKS, CONTAMINATION
from schemas.decide import FEATURES, OCCURRENCE
from schemas.ingest import COMMITS, CONTENTS, FILES, PAGES, REPOSITORIES
from schemas.spark import spark_schema
from udfs.draws import uniform
from udfs.syntax import SyntaxLimits

MAX_OCCURRENCES = 32
BYTES_PER_TOKEN = 3.5  # over all languages; the manifest of mix has the true counts


@dataclass(frozen=True)
class FeaturesParams:
    held_out_rate: float = parameter(0.005, "share of repositories that are held out of training, drawn by name", 0, 1)
    held_out_seed: str = parameter("held-out", "of the draw; never change it in a lake that was trained on")
    syntax_version: str = field(
        default_factory=lambda: syntax.version(SyntaxLimits()), metadata={"help": "version of annotate/syntax to read"}
    )
    commit_facts_version: str = field(
        default_factory=lambda: commit_facts.version(commit_facts.CommitFactsParams()),
        metadata={"help": "version of annotate/commit_facts to read"},
    )


def transform(tables: Tables, params: FeaturesParams) -> Iterator[Write]:
    kinds = tables.spark.createDataFrame([("file",), ("repository",), ("commit",), ("page",)], "kind string")
    sizes = tables[CONTENTS].agg(F.count("*"), F.coalesce(F.sum("size_bytes"), F.lit(0)))
    tables.account.read_rows, tables.account.read_bytes = sizes.first()  # type: ignore[misc]
    rows = file_rows(tables, params).unionByName(repository_rows(tables, params), allowMissingColumns=True)
    rows = rows.unionByName(commit_rows(tables, params), allowMissingColumns=True)
    rows = rows.unionByName(page_rows(tables, params), allowMissingColumns=True).fillna(0, ["benchmark_count"])
    yield Snapshot(FEATURES, rows.select(*FEATURES.names), kinds)


def file_rows(tables: Tables, params: FeaturesParams) -> DataFrame:
    """Rows of decide/features of the contents that occur in files."""
    return text_rows(tables, "file", best_occurrences(occurrences(tables, params)))


def page_rows(tables: Tables, params: FeaturesParams) -> DataFrame:
    """Rows of decide/features of the contents that occur in pages."""
    check_held_out(tables, params.held_out_rate, params.held_out_seed)
    found = page_occurrences(tables)
    hosts = held_out(found.select("repository", *UNKNOWN).dropDuplicates(["repository"]), params).select("repository", "is_held_out")
    rows = text_rows(tables, "page", best_occurrences(found.join(hosts, "repository")))
    facts = page_facts(tables, found, tables[CONTENTS].select("content_sha256", "size_bytes"))
    return rows.join(facts.withColumnRenamed("content_sha256", "candidate"), "candidate")


def text_rows(tables: Tables, kind: str, best: DataFrame) -> DataFrame:
    """What is known of contents as such, beside `best_occurrences` of the kind."""
    contents = tables[CONTENTS].select("content_sha256", "size_bytes")
    facts = tables[TEXT_FACTS].where(F.col("version") == text_facts.version()).drop("version").withColumn("has_text_facts", F.lit(True))
    # A text that is a file and a page has company, though its group may have no other text.
    both = tables[FILES].select("content_sha256").join(tables[PAGES], "content_sha256", "left_semi").distinct()
    is_both = F.coalesce("is_both", F.lit(0))
    group = [F.col("group_id").alias("duplicate_group"), (F.col("group_size") + is_both).alias("duplicate_group_size")]
    duplicates = tables[DUPLICATES].join(both.withColumn("is_both", F.lit(1)), "content_sha256", "left").select("content_sha256", *group)
    joined = best.join(contents, "content_sha256").join(facts, "content_sha256", "left").join(duplicates, "content_sha256", "left")
    joined = with_contamination(tables, joined)
    return joined.select(
        F.lit(kind).alias("kind"),
        F.col("content_sha256").alias("candidate"),
        "size_bytes",
        F.ceil(F.col("size_bytes") / BYTES_PER_TOKEN).alias("token_estimate"),
        F.coalesce("has_text_facts", F.lit(False)).alias("has_text_facts"),
        *[name for name in FEATURES.names if name in TEXT_FACTS.names],
        "duplicate_group",
        "duplicate_group_size",
        "benchmark_count",
        "contamination_count",
        "is_held_out",
        "occurrence_count",
        "occurrences",
    )


def with_contamination(tables: Tables, texts: DataFrame) -> DataFrame:
    """Adds what decide/features says of benchmarks to rows that have a content_sha256."""
    benchmarks = tables[BENCHMARKS].select("version").collect()
    version = benchmarks[0].version if benchmarks else ""
    found = tables[CONTAMINATION].where(F.col("version") == version)
    found = found.select("content_sha256", F.col("match_count").alias("contamination_count"))
    return texts.join(found, "content_sha256", "left").withColumn("benchmark_count", F.lit(len(benchmarks)).cast("long"))


def repository_rows(tables: Tables, params: FeaturesParams) -> DataFrame:
    """Rows of decide/features of the repositories that have files. A repository is its own and only occurrence."""
    held = tables[FILES].select("repository", "content_sha256").distinct()
    sizes = held.join(tables[CONTENTS].select("content_sha256", "size_bytes"), "content_sha256")
    sizes = sizes.groupBy("repository").agg(F.sum("size_bytes").alias("size_bytes"))
    groups = tables[REPOSITORY_DUPLICATES].select(
        "repository",
        F.col("group_id").alias("duplicate_group"),
        F.col("group_size").alias("duplicate_group_size"),
        "container",
        "container_group",
        "containment",
    )
    joined = sizes.join(held_out(tables[REPOSITORIES], params), "repository", "left").join(groups, "repository", "left")
    return joined.select(
        F.lit("repository").alias("kind"),
        F.col("repository").alias("candidate"),
        "size_bytes",
        F.ceil(F.col("size_bytes") / BYTES_PER_TOKEN).alias("token_estimate"),
        F.lit(False).alias("has_text_facts"),
        "duplicate_group",
        "duplicate_group_size",
        "container",
        "container_group",
        "containment",
        F.coalesce("is_held_out", F.lit(False)).alias("is_held_out"),
        F.lit(1).cast("long").alias("occurrence_count"),
        of_repository().alias("occurrences"),
    )


def of_repository() -> Column:
    """The one occurrence of what is a repository or a part of it, made of the repository's facts."""
    facts = {name: F.col(name) for name in ("repository", "licence", "stars", "forks", "commits", "maintained_days")} | {"path": F.lit("")}
    fields = spark_schema(FEATURES)["occurrences"].dataType.elementType.fields  # type: ignore[attr-defined]
    return F.array(F.struct(*(facts.get(f.name, F.lit(None)).cast(f.dataType).alias(f.name) for f in fields)))


def commit_rows(tables: Tables, params: FeaturesParams) -> DataFrame:
    """Rows of decide/features of all commits. Those that change the same are a group; one without a line is in that of its id."""
    facts = tables[COMMIT_FACTS].where(F.col("version") == params.commit_facts_version).drop("version")
    commits = tables[COMMITS].select("repository", "commit", F.octet_length("message").alias("message_bytes"))
    joined = commits.join(facts, ["repository", "commit"], "left").join(held_out(tables[REPOSITORIES], params), "repository")
    name = F.coalesce("patch_hash", F.concat(F.lit("commit "), "commit"))
    grouped = joined.withColumn("group", F.xxhash64(name))
    size = F.count("*").over(Window.partitionBy("group"))
    is_seen = F.col("flags").isNotNull()
    size_bytes = F.col("message_bytes") + F.coalesce("patch_bytes", F.lit(0))
    return grouped.select(
        F.lit("commit").alias("kind"),
        F.concat("repository", F.lit("@"), "commit").alias("candidate"),
        size_bytes.alias("size_bytes"),
        F.ceil(size_bytes / BYTES_PER_TOKEN).alias("token_estimate"),
        F.lit(False).alias("has_text_facts"),
        F.when(is_seen, F.col("group")).alias("duplicate_group"),
        F.when(is_seen, size).alias("duplicate_group_size"),
        "flags",
        "is_held_out",
        F.lit(1).cast("long").alias("occurrence_count"),
        of_repository().alias("occurrences"),
    )


def occurrences(tables: Tables, params: FeaturesParams) -> DataFrame:
    """One row per (content, repository, language), at its shortest path, with what is known of the repository and of the syntax."""
    parsed = tables[SYNTAX].where(F.col("version") == params.syntax_version)
    flaws = (F.col("error_node_count") + F.col("missing_node_count")).alias("syntax_flaw_count")
    status = F.col("status").alias("syntax_status")
    parsed = parsed.select("content_sha256", "language", status, "error_bytes_share", flaws, "comment_share")
    repositories = held_out(tables[REPOSITORIES], params)
    shortest = F.min(F.struct(F.length("path").alias("length"), "path")).getField("path").alias("path")
    files = tables[FILES].groupBy("content_sha256", "repository", "language").agg(shortest)
    return files.join(repositories, "repository", "left").join(parsed, ["content_sha256", "language"], "left")


def held_out(repositories: DataFrame, params: FeaturesParams) -> DataFrame:
    """Repositories with `is_held_out`: a draw by name, so that new repositories change no old draw."""
    facts = ["repository", "licence", "stars", "forks", "commits", "maintained_days"]
    rate, seed = params.held_out_rate, params.held_out_seed

    def draw(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield batch.append_column("is_held_out", pa.array(uniform(batch.column("repository"), seed) < rate))

    narrow = repositories.select(*facts)
    return narrow.mapInArrow(draw, StructType([*narrow.schema.fields, StructField("is_held_out", BooleanType())]))


def best_occurrences(rows: DataFrame) -> DataFrame:
    """Per content its best occurrences in a total order: licence known, more stars, shorter path, then by name."""
    order = [
        F.col("licence").isNull(),
        F.col("stars").desc_nulls_last(),
        F.length("path"),
        F.col("repository"),
        F.col("path"),
        F.col("language").asc_nulls_last(),
    ]
    ranked = rows.withColumn("rank", F.row_number().over(Window.partitionBy("content_sha256").orderBy(*order)))
    listed = F.collect_list(F.when(F.col("rank") <= MAX_OCCURRENCES, F.struct("rank", *[f.name for f in OCCURRENCE])))
    return ranked.groupBy("content_sha256").agg(
        F.max(F.coalesce("is_held_out", F.lit(False))).alias("is_held_out"),
        F.count("*").alias("occurrence_count"),
        F.transform(F.array_sort(listed), lambda o: o.dropFields("rank")).alias("occurrences"),
    )


JOB = Job(
    "decide.features",
    "gathers what policies read of every candidate",
    reads=(
        FILES,
        REPOSITORIES,
        CONTENTS,
        TEXT_FACTS,
        SYNTAX,
        DUPLICATES,
        REPOSITORY_DUPLICATES,
        COMMITS,
        COMMIT_FACTS,
        PAGES,
        CONTAMINATION,
        BENCHMARKS,
        PAGE_MODELS,
        PAGE_JUDGEMENTS,
        PAGE_HOSTS,
    ),
    writes=(FEATURES,),
    transform=transform,
    params=FeaturesParams,
)
