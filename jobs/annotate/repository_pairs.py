"""Which repositories to compare: those alike, by MinHash, and those that may lie in another one, by an inverted index.

A node stands for all repositories of one set of groups, so copies are compared once. `sets` has rows (node, group_id, group_count).
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.annotate.candidates import Target, pairs
from udfs.minhash import standard_error

SAMPLED_GROUPS = 64  # of a node, least hashes first: what it is looked up by
MOST_HOLDERS = 16  # of a group, largest first: who may contain a node that is in it
MOST_CONTAINERS = 8  # of a node, by shared sampled groups: with whom it is compared


def alike(signed: DataFrame, target: Target, parts: int) -> DataFrame:
    """Rows (a, b) of nodes whose signatures (node, signature) agree about as often as the target's threshold, or more."""
    return pairs(signed, None, target, parts).select("a", "b")


def contained(sets: DataFrame, least_containment: float) -> DataFrame:
    """Rows (a, b): b may hold `least_containment` of the groups of a, and is larger.

    Every node looks up the groups of a sample, and each group answers with its largest holders only. So the work is at most
    SAMPLED_GROUPS x MOST_HOLDERS rows a node, however frequent a group is; a container goes unseen where most of what it shares with the
    node is also in MOST_HOLDERS larger ones.
    """
    first = Window.partitionBy("node").orderBy(F.xxhash64("group_id"), "group_id")
    sample = sets.withColumn("draw", F.row_number().over(first)).where(F.col("draw") <= SAMPLED_GROUPS)
    holders = largest_holders(sets).select("group_id", F.col("node").alias("b"), F.col("group_count").alias("b_count"))
    met = sample.withColumnRenamed("node", "a").join(holders, "group_id").where(is_smaller("a", "group_count", "b", "b_count"))
    counted = met.groupBy("a", "b").agg(F.count("*").alias("shared"), F.first("group_count").alias("group_count"))
    sampled = F.least("group_count", F.lit(SAMPLED_GROUPS))
    margin = 2 * standard_error(least_containment, SAMPLED_GROUPS)
    likely = counted.where(F.col("shared") >= sampled * (least_containment - margin))
    best = Window.partitionBy("a").orderBy(F.desc("shared"), "b")
    return likely.withColumn("place", F.row_number().over(best)).where(F.col("place") <= MOST_CONTAINERS).select("a", "b")


def largest_holders(sets: DataFrame) -> DataFrame:
    """Rows of `sets` with, of each group, its MOST_HOLDERS largest nodes and no others."""
    largest = Window.partitionBy("group_id").orderBy(F.desc("group_count"), "node")
    return sets.withColumn("place", F.row_number().over(largest)).where(F.col("place") <= MOST_HOLDERS).drop("place")


def is_smaller(one: str, one_count: str, other: str, other_count: str) -> Column:
    """The total order of nodes, and of their groups: by size, then by name."""
    counts = F.col(one_count), F.col(other_count)
    return (counts[0] < counts[1]) | ((counts[0] == counts[1]) & (F.col(one) > F.col(other)))


def compared(candidates: DataFrame, sets: DataFrame, nodes: DataFrame) -> DataFrame:
    """Rows (smaller, larger, smaller_count, larger_count, shared_count) of candidates (a, b), each once. nodes: (node, group_count)."""
    counted = candidates
    for end in ("a", "b"):
        counted = counted.join(nodes.select(F.col("node").alias(end), F.col("group_count").alias(f"{end}_count")), end)
    in_order = is_smaller("a", "a_count", "b", "b_count")
    ends = [("smaller", "a", "b"), ("larger", "b", "a"), ("smaller_count", "a_count", "b_count"), ("larger_count", "b_count", "a_count")]
    wanted = counted.select(*(F.when(in_order, F.col(x)).otherwise(F.col(y)).alias(name) for name, x, y in ends)).distinct()
    members = sets.select("node", "group_id")
    inner = wanted.join(members.withColumnRenamed("node", "smaller"), "smaller")
    inner = inner.join(members.withColumnRenamed("node", "larger"), ["larger", "group_id"])
    shared = inner.groupBy("smaller", "larger").agg(F.count("*").alias("shared_count"))
    return wanted.join(shared, ["smaller", "larger"])
