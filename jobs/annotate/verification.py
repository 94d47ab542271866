"""True Jaccard similarity of pairs of nodes whose estimate is too near the threshold to tell.

Each text is fetched once. Its shingle set travels to its pairs: once as the first of them, once for each pair in which it is the second.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from jobs.runtime.texts import located, map_texts, task_count
from schemas.ingest import CONTENTS
from udfs.shingles import compare_with_heads, shingle_sets

MOST_SHINGLES = 16_384  # of a set; beyond them the smallest stand for all, at a standard error of at most 0.004


def true_similarities(tables: Tables, checks: DataFrame, contents: DataFrame, width: int, staging: Staging) -> DataFrame:
    """Rows (a, b, similarity) of pairs (a, b). `contents` has (node, content_sha256): of each node the least content is read."""
    nodes = checks.select(F.col("a").alias("node")).union(checks.select(F.col("b").alias("node"))).distinct()
    chosen = contents.join(nodes, "node", "left_semi").groupBy("node").agg(F.min("content_sha256").alias("content_sha256"))
    wanted = located(tables[CONTENTS]).join(chosen, "content_sha256").persist()
    size = wanted.agg(F.coalesce(F.sum("size_bytes"), F.lit(0))).first()[0]  # type: ignore[index]
    tables.account.read_bytes += size

    def shingles(batch: pa.RecordBatch) -> pa.RecordBatch:
        found = shingle_sets(batch.column("text"), width, MOST_SHINGLES)
        raw = pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), len(found), [None, pa.py_buffer(4 * np.asarray(found.offsets)), found.values.buffers()[1]]
        )
        return pa.RecordBatch.from_arrays([batch.column("node"), raw.cast(pa.binary())], names=["node", "shingles"])

    mapped = map_texts(wanted, shingles, "node long, shingles binary", task_count(size, tables.cores))
    sets = staging.keep(tables.spark, mapped, "shingle-sets")
    heads = checks.select(F.col("a").alias("node")).distinct().join(sets, "node")
    heads = heads.select(F.col("node").alias("a"), F.lit(None).cast("long").alias("b"), "shingles")
    members = checks.select("a", "b").join(sets.withColumnRenamed("node", "b"), "b").select("a", "b", "shingles")

    def compare(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        head = np.empty(0, np.uint32)
        for batch in batches:
            a, b, similarity, head = compare_with_heads(batch.column("a"), batch.column("b"), batch.column("shingles"), head, MOST_SHINGLES)
            yield pa.RecordBatch.from_arrays([a, b, similarity], names=["a", "b", "similarity"])

    lined_up = heads.unionByName(members).repartition("a").sortWithinPartitions("a", F.col("b").asc_nulls_first())
    return lined_up.mapInArrow(compare, "a long, b long, similarity double")
