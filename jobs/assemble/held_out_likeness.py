"""Which sections of documents are like something held out, by signatures: what `annotate.duplicates` calls alike, without its groups.

The texts are not compared, so what may be alike counts as alike: an estimate within two standard errors below the threshold is enough.
Sections of training meet held-out texts in the buckets of the same bands. Of a bucket the first MOST_OF_BUCKET held-out signatures are
looked at: they agree in a whole band with each other, and a giant bucket (licences, boilerplate) would make the work square.
"""

from collections.abc import Iterable, Iterator

import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.annotate.candidates import Target, bucket_rows, in_buckets
from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from udfs.minhash import matrix, similarity

MOST_OF_BUCKET = 16


def likeness(training: DataFrame, held_out: DataFrame, target: Target) -> DataFrame:
    """Rows (node, held_out, similarity): of each training node that is alike the most similar held-out text, of equals the last by name.

    training: rows (node, signature); held_out: rows (node, signature, held_out), where the last is the name. Both may repeat.
    """
    ours, theirs = training.dropDuplicates(["node"]), named_once(held_out)
    return _most_alike(ours, bucket_rows(ours, target.banding), theirs, first_of_buckets(theirs, target), target)


def likeness_of_many(tables: Tables, staging: Staging, signed: DataFrame, held_out: DataFrame, target: Target) -> DataFrame:
    """As `likeness`, of many rows (node, signature) and few held-out texts: what shares no bucket with these is left where it is read."""
    theirs = staging.keep(tables.spark, named_once(held_out), "held_out")
    buckets = staging.keep(tables.spark, first_of_buckets(theirs, target), "held_out_buckets")
    rows = staging.keep(tables.spark, in_buckets(signed, target.banding, buckets.select("bucket").distinct()), "near")
    ours = signed.select("node", "signature").join(rows.select("node").distinct(), "node", "left_semi").dropDuplicates(["node"])
    return _most_alike(ours, rows, theirs, buckets, target)


def named_once(held_out: DataFrame) -> DataFrame:
    """Rows (node, held_out, signature), a node once, by the first of its names."""
    return held_out.groupBy("node").agg(F.min(F.struct("held_out", "signature")).alias("first")).select("node", "first.*")


def first_of_buckets(theirs: DataFrame, target: Target) -> DataFrame:
    """Rows (bucket, other): the nodes that are looked at in each bucket."""
    first = Window.partitionBy("bucket").orderBy("other")
    buckets = bucket_rows(theirs, target.banding).select("bucket", F.col("node").alias("other")).distinct()
    return buckets.withColumn("place", F.row_number().over(first)).where(F.col("place") <= MOST_OF_BUCKET).drop("place")


def _most_alike(ours: DataFrame, rows: DataFrame, theirs: DataFrame, buckets: DataFrame, target: Target) -> DataFrame:
    met = rows.join(buckets, "bucket").select("node", "other").distinct()
    named = theirs.select(F.col("node").alias("other"), F.col("signature").alias("other_signature"), "held_out")
    compared = met.join(ours.select("node", "signature"), "node").join(named, "other")
    found = compared.select("node", "held_out", "signature", "other_signature").mapInArrow(
        _similarities, "node long, held_out string, similarity double"
    )
    best = F.max_by(F.struct("held_out", "similarity"), F.struct("similarity", "held_out")).alias("best")
    return found.where(F.col("similarity") >= target.low / target.hashes).groupBy("node").agg(best).select("node", "best.*")


def _similarities(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if batch.num_rows:
            found = similarity(matrix(batch.column("signature")), matrix(batch.column("other_signature")))
            yield pa.RecordBatch.from_arrays(
                [batch.column("node"), batch.column("held_out"), pa.array(found)], names=["node", "held_out", "similarity"]
            )
