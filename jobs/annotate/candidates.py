"""Which nodes look alike: from signatures to pairs near the threshold or above it.

A node stands for all contents of one signature. Nodes that agree in a band meet in a bucket (`udfs.bands`); buckets are read as sorted
streams (`udfs.buckets`), so none is ever held. What is shuffled is 16 bytes per node and band, a byte per hash for each node, and
for every bucket in which a node meets others once more; it travels in packets (`udfs.packets`), since Spark's own shuffle, sort and join
of so many small rows cost several times all else.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from udfs import buckets
from udfs.bands import Banding, chosen
from udfs.bands import buckets as buckets_of
from udfs.minhash import matrix, standard_error
from udfs.packets import Distinct, Records, in_order, packed, unpacked

PART_BYTES = 64 << 20
MOST_KNOWN = 2_000_000  # buckets that every task is told, 16 MB
MET_ROWS = 50_000  # of a clump with their sketches, made at a time
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


def bucket_rows(signatures: DataFrame, banding: Banding, wanted: np.ndarray | None = None) -> DataFrame:
    """Rows (bucket, node) of signatures (node, signature): one per band. `wanted`: of these buckets alone, ascending; None: of all."""
    function = partial(bucket_batches, banding=banding, wanted=wanted)
    return signatures.select("node", "signature").mapInArrow(function, "bucket long, node long")


def in_buckets(signatures: DataFrame, banding: Banding, wanted: DataFrame) -> DataFrame:
    """Rows (bucket, node) of the buckets (bucket) that are `wanted`, which is read several times.

    Where these are few the tasks know them, so that no row of another bucket, and there are bands times all texts of those, is made.
    """
    is_few = wanted.count() <= MOST_KNOWN
    known = np.sort(wanted.select("bucket").toArrow().column(0).to_numpy()) if is_few else None
    rows = bucket_rows(signatures, banding, known)
    return rows if is_few else rows.join(wanted, "bucket", "left_semi")


def bucket_batches(batches: Iterable[pa.RecordBatch], banding: Banding, wanted: np.ndarray | None = None) -> Iterator[pa.RecordBatch]:
    """Batches (bucket, node) of batches (node, signature), of each of these a node once."""
    for batch in map(one_of_each, batches):
        for start in range(0, batch.num_rows, _BATCH_ROWS):
            part = batch.slice(start, _BATCH_ROWS)
            found = buckets_of(matrix(part.column("signature")), banding)
            bucket, node = found.ravel(), np.repeat(np.asarray(part.column("node")), banding.bands)
            if wanted is not None:
                is_wanted = among(bucket, wanted)
                bucket, node = bucket[is_wanted], node[is_wanted]
            yield pa.RecordBatch.from_arrays([pa.array(bucket), pa.array(node)], names=["bucket", "node"])


def among(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Which of the values are among the known ones, which ascend."""
    if not len(known):
        return np.zeros(len(values), bool)
    found: np.ndarray = known[np.minimum(np.searchsorted(known, values), len(known) - 1)] == values
    return found


def one_of_each(batch: pa.RecordBatch) -> pa.RecordBatch:
    """One row of every node: contents of one signature may be a third of all, and say the same of it."""
    _, first = np.unique(np.asarray(batch.column("node")), return_index=True)
    return batch if len(first) == batch.num_rows else batch.take(pa.array(first))


def sketch_rows(signatures: DataFrame) -> DataFrame:
    """Rows (node, sketch) of signatures (node, signature), one per node."""

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if batch.num_rows:
                found = np.ascontiguousarray(buckets.sketches(matrix(batch.column("signature"))))
                fixed = pa.FixedSizeBinaryArray.from_buffers(pa.binary(found.shape[1]), len(found), [None, pa.py_buffer(found)])
                yield pa.RecordBatch.from_arrays([batch.column("node"), fixed.cast(pa.binary())], names=["node", "sketch"])

    return signatures.select("node", "signature").mapInArrow(run, "node long, sketch binary").dropDuplicates(["node"])


def part_count(nodes: int, target: Target, cores: int) -> int:
    """Enough parts that none holds more than about PART_BYTES of rows or of sketches, but for a bucket that is larger itself."""
    node_bytes = max(target.banding.bands * buckets.IN_BUCKET.itemsize, buckets.sketched_nodes(target.hashes).itemsize)
    return max(2 * cores, -(-nodes * node_bytes // PART_BYTES))


def pairs(signatures: DataFrame, rows: DataFrame | None, target: Target, parts: int) -> DataFrame:
    """Rows (a, b, similarity, is_sure), a < b, of nodes that are alike or nearly so; each pair once.

    signatures: (node, signature) of all that may meet, a node as often as one likes. rows: (bucket, node) of the buckets in which they may;
    None: in all. Four shuffles of packets, each into `parts`: by bucket, by node, by clump, by pair.
    """
    hashes, low, high = target.hashes, target.low, target.high
    if rows is None:
        found = mapped(signatures.select("node", "signature"), partial(records_in_buckets, banding=target.banding), "bucket", parts)
    else:
        found = mapped(rows.select("bucket", "node"), _as_records, "bucket", parts)
    clumps = mapped(found.repartitionById(parts, "part"), _clumps, "node", parts)
    sketches = mapped(signatures.select("node", "signature"), sketch_records, "node", parts)
    both = clumps.withColumn("is_sketch", F.lit(False)).unionByName(sketches.withColumn("is_sketch", F.lit(True)))
    met = mapped(both.repartitionById(parts, "part"), partial(_met, hashes=hashes), "clump", parts)
    compared = mapped(met.repartitionById(parts, "part"), partial(_compared, hashes=hashes, low=low, high=high), "a", parts)
    once = partial(_once, hashes=hashes, high=high)
    return compared.repartitionById(parts, "part").mapInArrow(once, "a long, b long, similarity double, is_sure boolean")


def mapped(rows: DataFrame, function: Callable[[Iterable[pa.RecordBatch]], Iterable[Records]], key: str, parts: int) -> DataFrame:
    """Packets (part, records) of the records that `function` makes of a task's batches, by one of their fields."""

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from packed(function(batches), key, parts)

    return rows.mapInArrow(run, "part int, records binary")


def records_in_buckets(batches: Iterable[pa.RecordBatch], banding: Banding) -> Iterator[Records]:
    for batch in bucket_batches(batches, banding):
        yield from _as_records([batch])


def _as_records(batches: Iterable[pa.RecordBatch]) -> Iterator[Records]:
    for batch in batches:
        found = np.empty(batch.num_rows, buckets.IN_BUCKET)
        for name in ("bucket", "node"):
            found[name] = np.asarray(batch.column(name))
        yield found


def _clumps(batches: Iterable[pa.RecordBatch]) -> Iterator[Records]:
    return buckets.shared(in_order(unpacked(batches, buckets.IN_BUCKET), "bucket", "node"))


def sketch_records(batches: Iterable[pa.RecordBatch]) -> Iterator[Records]:
    for batch in map(one_of_each, batches):
        if batch.num_rows:
            sketch = buckets.sketches(matrix(batch.column("signature")))
            found = np.empty(batch.num_rows, buckets.sketched_nodes(sketch.shape[1]))
            found["node"], found["sketch"] = np.asarray(batch.column("node")), sketch
            yield found


def _met(batches: Iterable[pa.RecordBatch], hashes: int) -> Iterator[Records]:
    """A part's clumps with the sketches of their nodes. It holds the part: a node is in a clump a band at most, so none is large."""
    clumps: list[Records] = []
    nodes = Distinct(buckets.sketched_nodes(hashes), "node")
    for batch in batches:
        is_sketch = batch.column("is_sketch")
        for found in unpacked([batch.filter(is_sketch)], nodes.kind):
            nodes.add(found)
        clumps += unpacked([batch.filter(pc.invert(is_sketch))], buckets.IN_CLUMP)
    return met(clumps, nodes.records())


def met(clumps: Iterable[Records], nodes: Records) -> Iterator[Records]:
    """Records of clumps with the sketches of their nodes, in arrays of bounded size."""
    cut = (part for rows in clumps if len(rows) for part in np.array_split(rows, -(-len(rows) // MET_ROWS)))
    return buckets.with_sketches(cut, nodes)


def _compared(batches: Iterable[pa.RecordBatch], hashes: int, low: int, high: int) -> Iterator[Records]:
    return buckets.pairs(in_order(unpacked(batches, buckets.sketched(hashes)), "clump", "node"), low, high)


def _once(batches: Iterable[pa.RecordBatch], hashes: int, high: int) -> Iterator[pa.RecordBatch]:
    found = buckets.most_agreeing(unpacked(batches, buckets.PAIR))
    ends = [pa.array(np.ascontiguousarray(found[name])) for name in ("a", "b")]
    judged = [pa.array(buckets.estimated(found["agreeing"], hashes)), pa.array(found["agreeing"] >= high)]
    yield pa.RecordBatch.from_arrays([*ends, *judged], names=["a", "b", "similarity", "is_sure"])
