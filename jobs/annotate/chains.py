"""How far the members of a group are from its centre, and cutting off those that are too far.

Connected components join A to Z where A is like B, B like C, and so on. The centre is the group's least node. What is less similar to it
than a limit is grouped again among itself, by its own edges, as often as needed.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.annotate.components import components
from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from udfs import buckets
from udfs.near_groups import MOST_CUTS
from udfs.shingles import text_buffers


def with_centres(
    tables: Tables, labels: DataFrame, edges: DataFrame, sketches: DataFrame, limit: float, most_in_memory: int, staging: Staging
) -> DataFrame:
    """Rows (node, component_id, group_id, centre_similarity) out of labels (node, component_id): groups are components, cut at `limit`."""
    spark = tables.spark
    rows = labels.withColumn("group_id", F.col("component_id"))
    rows = staging.keep(spark, centre_similarities(rows, sketches), "centres")
    for turn in range(MOST_CUTS if limit > 0 else 0):
        is_far = F.col("centre_similarity") < limit
        far = rows.where(is_far).drop("centre_similarity")
        if far.isEmpty():
            return rows
        inner = edges
        for end in ("a", "b"):
            inner = inner.join(far.select(F.col("node").alias(end), F.col("group_id").alias(f"{end}_group")), end)
        inner = inner.where("a_group = b_group").select("a", "b")
        found = components(tables, inner, most_in_memory, staging, f"cut-{turn}").withColumnRenamed("component_id", "group_id")
        cut = far.drop("group_id").join(found, "node", "left").withColumn("group_id", F.coalesce("group_id", "node"))
        again = rows.where(~is_far).unionByName(centre_similarities(cut, sketches))
        rows = staging.keep(spark, again, f"centres-{turn}")
    is_far = F.col("centre_similarity") < limit
    alone = {"group_id": F.when(is_far, F.col("node")).otherwise(F.col("group_id"))}
    return rows.withColumns(alone | {"centre_similarity": F.when(is_far, 1.0).otherwise(F.col("centre_similarity"))})


def centre_similarities(rows: DataFrame, sketches: DataFrame) -> DataFrame:
    """Adds `centre_similarity` to rows (node, component_id, group_id)."""
    centres = sketches.select(F.col("node").alias("group_id"), F.col("sketch").alias("centre"))
    joined = rows.select("node", "component_id", "group_id").join(sketches, "node").join(centres, "group_id")

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            one, other = (as_bytes(batch.column(name)) for name in ("sketch", "centre"))
            found = buckets.similarity((one == other).sum(axis=1), max(1, one.shape[1]))
            columns = [batch.column(name) for name in ("node", "component_id", "group_id")]
            yield pa.RecordBatch.from_arrays([*columns, pa.array(np.maximum(found, 0.0))], names=names)

    names = ["node", "component_id", "group_id", "centre_similarity"]
    return joined.mapInArrow(run, "node long, component_id long, group_id long, centre_similarity double")


def as_bytes(column: pa.Array) -> np.ndarray:
    """A binary column of equal lengths as rows of uint8."""
    data, offsets = text_buffers(column)
    return data[offsets[0] : offsets[-1]].reshape(len(column), -1) if len(column) else np.empty((0, 1), np.uint8)
