"""Connected components of a table of edges: which nodes are in one group.

In memory where the edges are few; else by alternating large-star and small-star (Kiveris, Lattanzi, Mirrokni, Rastogi, Vassilvitskii,
"Connected Components in MapReduce and Beyond", 2014), which needs no more than a shuffle of the edges per step and ends after about the
square of the logarithm of their number.
"""

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.runtime.errors import CountsError
from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from udfs.components import components as components_in_memory

MOST_ROUNDS = 100


def components(tables: Tables, edges: DataFrame, most_in_memory: int, staging: Staging, name: str = "stars") -> DataFrame:
    """Rows (node, component_id) of every node of `edges` (a, b): the least node that it is connected with. `edges` is read several times.

    Raises `CountsError` where an edge ends in two groups, whatever computed them.
    """
    if edges.count() <= most_in_memory:
        found = edges.select("a", "b").toArrow()
        node, group = components_in_memory(*(found.column(i).to_numpy() for i in range(2)))
        labels = tables.spark.createDataFrame(pa.table({"node": node.astype(np.int64), "component_id": group.astype(np.int64)}))
    else:
        labels = stars(tables, edges, staging, name)
    audit(edges, labels)
    return labels


def stars(tables: Tables, edges: DataFrame, staging: Staging, name: str) -> DataFrame:
    """Rounds of large-star and small-star until the edges are stars; two folders of Parquet in turn hold them."""
    flat = edges.where("a <> b").select(F.greatest("a", "b").alias("u"), F.least("a", "b").alias("v")).distinct()
    rows = staging.keep(tables.spark, flat, f"{name}-start")
    before = None
    for turn in range(MOST_ROUNDS):
        rows = staging.keep(tables.spark, small_star(large_star(rows)), f"{name}-{turn % 2}")
        now = rows.agg(F.count("*"), F.sum(F.xxhash64("u", "v").cast("decimal(38,0)"))).first()
        if now == before:
            break
        before = now
    else:
        raise CountsError(f"connected components were not found in {MOST_ROUNDS} rounds")
    centres = rows.select(F.col("v").alias("node")).distinct()
    labels = rows.select(F.col("u").alias("node"), F.col("v").alias("component_id"))
    loops = edges.where("a = b").select(F.col("a").alias("node")).distinct()
    alone = loops.join(labels, "node", "left_anti").join(centres, "node", "left_anti")
    return labels.unionByName(centres.unionByName(alone).select("node", F.col("node").alias("component_id")))


def large_star(rows: DataFrame) -> DataFrame:
    """Joins every greater neighbour of a node to the node's least neighbour. Edges (u, v), u > v, in and out."""
    both = rows.unionByName(rows.select(F.col("v").alias("u"), F.col("u").alias("v")))
    least = F.least(F.col("u"), F.min("v").over(Window.partitionBy("u")))
    return both.withColumn("least", least).where("v > u").select(F.col("v").alias("u"), F.col("least").alias("v")).distinct()


def small_star(rows: DataFrame) -> DataFrame:
    """Joins every smaller neighbour of a node, and the node, to the node's least neighbour. Edges (u, v), u > v, in and out."""
    least = rows.withColumn("least", F.min("v").over(Window.partitionBy("u")))
    moved = least.where("v <> least").select(F.col("v").alias("u"), F.col("least").alias("v"))
    return moved.unionByName(least.select("u", F.col("least").alias("v"))).distinct()


def audit(edges: DataFrame, labels: DataFrame) -> None:
    """Raises `CountsError` unless both ends of every edge carry one label, and every node carries one only."""
    ends = edges.select("a", "b")
    for end in ("a", "b"):
        ends = ends.join(labels.select(F.col("node").alias(end), F.col("component_id").alias(f"{end}_group")), end, "left")
    torn = ends.where(~F.col("a_group").eqNullSafe(F.col("b_group")) | F.col("a_group").isNull()).count()
    doubled = labels.count() - labels.select("node").distinct().count()
    if torn or doubled:
        raise CountsError(f"groups are wrong: {torn} edges end in two groups, {doubled} nodes are in several")
