"""Which nodes look alike: from signatures to pairs near the threshold or above it.

A node stands for all contents of one signature. Nodes that agree in a band meet in a bucket (`udfs.bands`); buckets are read as sorted
streams (`udfs.buckets`), so none is ever held. What is shuffled is 16 bytes per node and band, and for nodes that meet others
a byte per hash.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from udfs import buckets
from udfs.bands import Banding, chosen
from udfs.bands import buckets as buckets_of
from udfs.minhash import matrix, standard_error

_SHARED = pa.schema([pa.field("clump", pa.int64()), pa.field("node", pa.int64())])
_PAIRS = pa.schema([pa.field("a", pa.int64()), pa.field("b", pa.int64()), pa.field("agreeing", pa.int32())])
_BATCH_ROWS = 1000


@dataclass(frozen=True)
class Target:
    """What counts as alike, and how sure one wants to be: one object for all that must agree on it.

    `low` and `high` are numbers of agreeing hashes: below the first a pair is none, from the second on it is one, between them the
    estimate is within `check_within` standard errors of the threshold and the texts are compared.
    """

    hashes: int
    threshold: float
    min_chance: float
    check_within: float

    @property
    def banding(self) -> Banding:
        return chosen(self.hashes, self.threshold, self.min_chance)

    @property
    def low(self) -> int:
        return buckets.least_agreeing(self.threshold - self._margin, self.hashes)

    @property
    def high(self) -> int:
        return buckets.least_agreeing(min(1.0, self.threshold + self._margin), self.hashes)

    @property
    def _margin(self) -> float:
        return self.check_within * standard_error(self.threshold, self.hashes)


def bucket_rows(signatures: DataFrame, banding: Banding) -> DataFrame:
    """Rows (bucket, node) of signatures (node, signature): one per band."""

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for start in range(0, batch.num_rows, _BATCH_ROWS):
                part = batch.slice(start, _BATCH_ROWS)
                found = buckets_of(matrix(part.column("signature")), banding)
                node = np.repeat(np.asarray(part.column("node")), banding.bands)
                yield pa.RecordBatch.from_arrays([pa.array(found.ravel()), pa.array(node)], names=["bucket", "node"])

    return signatures.select("node", "signature").mapInArrow(run, "bucket long, node long")


def shared_buckets(rows: DataFrame) -> DataFrame:
    """Rows (clump, node) of the buckets in which several nodes meet, out of rows (bucket, node)."""

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from buckets.shared(batches, _SHARED)

    return rows.repartition("bucket").sortWithinPartitions("bucket", "node").mapInArrow(run, "clump long, node long")


def sketch_rows(signatures: DataFrame) -> DataFrame:
    """Rows (node, sketch) of signatures (node, signature), one per node."""

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if batch.num_rows:
                found = np.ascontiguousarray(buckets.sketches(matrix(batch.column("signature"))))
                fixed = pa.FixedSizeBinaryArray.from_buffers(pa.binary(found.shape[1]), len(found), [None, pa.py_buffer(found)])
                yield pa.RecordBatch.from_arrays([batch.column("node"), fixed.cast(pa.binary())], names=["node", "sketch"])

    return signatures.select("node", "signature").mapInArrow(run, "node long, sketch binary").dropDuplicates(["node"])


def pairs(clumps: DataFrame, sketches: DataFrame, target: Target) -> DataFrame:
    """Rows (a, b, similarity, is_sure), a < b, of nodes that are alike or nearly so; each pair once."""
    low, high, hashes = target.low, target.high, target.hashes

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from buckets.pairs(batches, low, high, _PAIRS)

    rows = clumps.join(sketches, "node").select("clump", "node", "sketch")
    met = rows.repartition("clump").sortWithinPartitions("clump", "node").mapInArrow(run, "a long, b long, agreeing int")
    once = met.groupBy("a", "b").agg(F.max("agreeing").alias("agreeing"))
    return once.select("a", "b", estimate(F.col("agreeing"), hashes).alias("similarity"), (F.col("agreeing") >= high).alias("is_sure"))


def estimate(agreeing: Column, hashes: int) -> Column:
    """`udfs.buckets.similarity` of a column of numbers of agreeing bytes."""
    chance = float(buckets.similarity(np.array([0]), hashes)[0])
    return F.greatest(F.lit(0.0), F.lit(chance) + agreeing * ((1 - chance) / hashes))
