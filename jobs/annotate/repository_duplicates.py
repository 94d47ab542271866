"""Repositories that are copies of each other, nearly so, or lie in a larger one: forks and vendored code, without any metadata.

Reads   ingest/files, annotate/duplicates
Writes  annotate/repository_pairs, annotate/repository_duplicates; a corpus annotator, computed whole: what it moves is some bytes per
        file and no text
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.annotate.candidates import Target, part_count
from jobs.annotate.components import components
from jobs.annotate.repository_pairs import alike, compared, contained, is_smaller
from jobs.runtime.job import Job, Replace, Write, parameter, short_hash
from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from schemas.annotate import DUPLICATES, REPOSITORY_DUPLICATES, REPOSITORY_PAIRS
from schemas.ingest import FILES
from udfs.repository_sets import identities

VERSION = 1
HASHES = 128
CHECK_WITHIN = 3.0  # standard errors below the threshold from which sets are compared: they are small

IDENTITY = pa.schema(
    [("repository", pa.string()), ("content_count", pa.int64()), ("content_hash", pa.string()), ("signature", pa.binary())]
)


@dataclass(frozen=True)
class RepositoryDuplicatesParams:
    threshold: float = parameter(
        0.7, "Jaccard similarity of the sets of duplicate groups from which repositories are duplicates", 0.5, 0.99
    )
    min_chance: float = parameter(0.99, "chance with which a pair at the threshold is looked at", 0.1, 0.9999)
    least_containment: float = parameter(0.5, "share of a repository's groups from which a larger one is named as its container", 0.1, 1)
    most_edges_in_memory: int = parameter(5_000_000, "more pairs than that are grouped by Spark and not in the driver", 0)

    @property
    def target(self) -> Target:
        return Target(HASHES, self.threshold, self.min_chance, CHECK_WITHIN)


def version(params: RepositoryDuplicatesParams, duplicates_version: str) -> str:
    rules = (params.threshold, params.min_chance, params.least_containment)
    return short_hash("repository_duplicates", str(VERSION), duplicates_version, *map(str, rules))


def transform(tables: Tables, params: RepositoryDuplicatesParams) -> Iterator[Write]:
    upstream = tables[DUPLICATES].select("version").first()
    made = F.lit(version(params, upstream.version if upstream else ""))
    with Staging(tables.lake, tables.run) as staging:
        keep = partial(staging.keep, tables.spark)
        held = keep(held_groups(tables), "held")
        tables.account.read_rows = held.count()
        repositories = keep(with_nodes(held), "repositories")
        nodes = repositories.groupBy("node").agg(F.min("repository").alias("repository"), F.first("group_count").alias("group_count"))
        nodes = keep(nodes, "nodes")
        sets = keep(held.select("repository", "group_id").distinct().join(nodes, "repository").drop("repository"), "sets")
        signed = repositories.join(nodes.select("repository"), "repository").select("node", "signature")
        parts = part_count(tables.account.read_rows, params.target, tables.cores)
        candidates = alike(signed, params.target, parts).unionByName(contained(sets, params.least_containment))
        pairs = keep(measured(compared(candidates, sets, nodes), params), "pairs")
        edges = pairs.where("is_duplicate").select(F.least("smaller", "larger").alias("a"), F.greatest("smaller", "larger").alias("b"))
        labels = components(tables, edges, params.most_edges_in_memory, staging, "repository-stars")
        groups = keep(with_groups(nodes, labels), "groups")
        yield Replace(REPOSITORY_PAIRS, named(pairs, nodes).withColumn("version", made).select(*REPOSITORY_PAIRS.names))
        rows = repositories.join(groups.join(containers(pairs, groups, params), "node", "left").select(*_OF_NODE), "node")
        sizes = Window.partitionBy("group_id")
        rows = rows.withColumns({"version": made, "group_size": F.count("*").over(sizes)})
        yield Replace(REPOSITORY_DUPLICATES, rows.select(*REPOSITORY_DUPLICATES.names))


_OF_NODE = ("node", "group_id", "container", "container_group", "containment")


def held_groups(tables: Tables) -> DataFrame:
    """Rows (repository, content_sha256, group_id), each once. What annotate/duplicates has not seen is a group of its own."""
    files = tables[FILES].select("repository", "content_sha256").distinct()
    groups = tables[DUPLICATES].select("content_sha256", "group_id")
    rows = files.join(groups, "content_sha256", "left")
    return rows.select("repository", "content_sha256", F.coalesce("group_id", F.xxhash64("content_sha256")).alias("group_id"))


def with_nodes(held: DataFrame) -> DataFrame:
    """IDENTITY with group_count, and with `node`: a 64-bit hash of the set of groups, equal for repositories that have the same."""

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from identities(batches, HASHES, IDENTITY)

    by_repository = held.repartition("repository")
    found = by_repository.sortWithinPartitions("repository", "content_sha256").mapInArrow(run, from_arrow_schema(IDENTITY))
    sets = by_repository.select("repository", "group_id").distinct().groupBy("repository")
    named = sets.agg(F.count("*").alias("group_count"), F.expr("bit_xor(xxhash64(group_id))").alias("node"))
    return found.join(named, "repository")


def measured(pairs: DataFrame, params: RepositoryDuplicatesParams) -> DataFrame:
    """Adds similarity, containment and is_duplicate."""
    union = F.col("smaller_count") + F.col("larger_count") - F.col("shared_count")
    rows = pairs.withColumns({"similarity": F.col("shared_count") / union, "containment": F.col("shared_count") / F.col("smaller_count")})
    return rows.withColumn("is_duplicate", F.col("similarity") >= params.threshold)


def with_groups(nodes: DataFrame, labels: DataFrame) -> DataFrame:
    """Rows (node, repository, group_id, largest): the node's group, and the size of the largest set in that."""
    rows = nodes.join(labels, "node", "left").withColumn("group_id", F.coalesce("component_id", "node"))
    return rows.withColumn("largest", F.max("group_count").over(Window.partitionBy("group_id"))).drop("component_id")


def containers(pairs: DataFrame, groups: DataFrame, params: RepositoryDuplicatesParams) -> DataFrame:
    """Rows (node, container, container_group, containment) of nodes that another group's node contains.

    That group must come later in the total order of groups, so that no two contain each other, however long the way.
    """
    found = pairs.where(F.col("containment") >= params.least_containment)
    own = groups.select(F.col("node").alias("smaller"), "group_id", "largest")
    other = groups.select(
        F.col("node").alias("larger"),
        F.col("repository").alias("container"),
        F.col("group_id").alias("container_group"),
        F.col("largest").alias("container_largest"),
    )
    rows = found.join(own, "smaller").join(other, "larger")
    rows = rows.where(
        (F.col("group_id") != F.col("container_group")) & is_smaller("group_id", "largest", "container_group", "container_largest")
    )
    best = Window.partitionBy("smaller").orderBy(F.desc("containment"), F.desc("larger_count"), "larger")
    rows = rows.withColumn("place", F.row_number().over(best)).where("place = 1")
    return rows.select(F.col("smaller").alias("node"), "container", "container_group", "containment")


def named(pairs: DataFrame, nodes: DataFrame) -> DataFrame:
    """Pairs with the repositories' names in the place of their nodes."""
    for end in ("smaller", "larger"):
        names = nodes.select(F.col("node").alias(end), F.col("repository").alias(f"{end}_name"))
        pairs = pairs.join(names, end).drop(end).withColumnRenamed(f"{end}_name", end)
    return pairs


JOB = Job(
    "annotate.repository_duplicates",
    "groups repositories that are alike, and finds those that lie in another",
    (FILES, DUPLICATES),
    (REPOSITORY_PAIRS, REPOSITORY_DUPLICATES),
    transform,
    RepositoryDuplicatesParams,
    version=VERSION,
)
