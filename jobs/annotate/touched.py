"""What new and deleted contents touch: the nodes whose groups have to be computed again, and no others.

A bucket is touched where a node came or went. Everything in it, and everything connected with what is in it, is computed again from all
the buckets that these nodes are in, with all that those buckets hold. No edge leads out of that set: it would have come from a bucket
that nothing touched, and then its ends were connected before. So the result is that of a full run.
"""

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.annotate.candidates import bucket_rows, in_buckets
from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from schemas.annotate import DUPLICATE_PAIRS, DUPLICATES
from udfs.bands import Banding

KEY = "content_sha256"


@dataclass(frozen=True)
class Touched:
    """`nodes` (node) are to be grouped, `components` (component_id) are those that they were in."""

    nodes: DataFrame
    components: DataFrame


def touched(tables: Tables, known: DataFrame, present: DataFrame, version: str, banding: Banding, staging: Staging) -> Touched | None:
    """None where everything has to be computed: no table, one of another version (the pairs of a killed run may be), or one whose deleted
    contents left no signature.

    known: (content_sha256, node, signature) of every content that ever was; present: of those that files and pages have now.
    """
    old = tables[DUPLICATES].select(KEY, "node", "component_id")
    if old.isEmpty() or any(not tables[table].where(F.col("version") != version).isEmpty() for table in (DUPLICATE_PAIRS, DUPLICATES)):
        return None
    spark = tables.spark
    came = staging.keep(spark, present.join(old, KEY, "left_anti").select(KEY, "node"), "came")
    went = staging.keep(spark, old.join(present, KEY, "left_anti").select(KEY, "node", "component_id"), "went")
    if not went.isEmpty() and not went.join(known, KEY, "left_anti").isEmpty():
        return None
    seeds = known.join(came.select(KEY).unionByName(went.select(KEY)), KEY, "left_semi").where("signature is not null")
    buckets = staging.keep(spark, bucket_rows(seeds, banding).select("bucket").distinct(), "touched-buckets")
    mates = in_buckets(present.where("signature is not null"), banding, buckets).select("node").unionByName(came.select("node"))
    mates = staging.keep(spark, mates.unionByName(went.select("node")).distinct(), "mates")
    components = old.join(mates, "node", "left_semi").select("component_id").unionByName(went.select("component_id"))
    components = staging.keep(spark, components.distinct(), "touched-components")
    nodes = old.join(components, "component_id", "left_semi").select("node").unionByName(came.select("node")).distinct()
    nodes = nodes.join(present, "node", "left_semi")
    return Touched(staging.keep(spark, nodes, "touched-nodes"), components)
