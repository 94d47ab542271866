"""Near-duplicates where the driver can hold a sketch of every text: what Spark finds in `jobs.annotate.duplicates`, row by row, without its
shuffles, joins and files in between, which for some hundred thousand texts cost several times what is done.

Of a text the driver reads its key and its signature; texts are read by tasks (`text_comparisons`).
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F

from jobs.annotate.candidates import Target, met, records_in_buckets, sketch_records
from jobs.annotate.known_similarities import KEY, known_similarities, least_contents
from jobs.annotate.text_comparisons import similarities_of_texts
from jobs.runtime.errors import CountsError
from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from schemas.annotate import DUPLICATE_PAIRS, DUPLICATES, SIGNATURES
from schemas.delta_files import data_files
from schemas.ingest import FILES, PAGES
from schemas.lake import Lake
from udfs import buckets
from udfs.near_groups import Groups
from udfs.packets import Distinct, Records, in_order

READ_ROWS = 32_000  # of signatures and keys, at a time
_ROWS = pa.schema([(KEY, pa.string()), ("node", pa.int64()), ("shingle_count", pa.int64())])


def signature_count(lake: Lake) -> int:
    """Of all versions."""
    return sum(file.row_count for file in data_files(lake, SIGNATURES, lake.version(SIGNATURES)))


class Read:
    """What is held of the signatures of a version: rows of _ROWS of the contents that some file or page has, and their nodes' sketches."""

    def __init__(self, lake: Lake, version: str, hashes: int) -> None:
        self.lake, self.version = lake, version
        self.sketches = Distinct(buckets.sketched_nodes(hashes), "node")
        self.known_count = 0
        self._referred_to = referred_to(lake)
        self._rows: list[pa.RecordBatch] = []

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Batches (node, signature) of the texts that have tokens."""
        columns = ["version", *_ROWS.names, "signature"]
        for batch in self.lake.stream(SIGNATURES, columns, pc.field("version") == self.version, READ_ROWS):
            of_version = batch.filter(pc.equal(batch.column("version"), self.version))
            self.known_count += of_version.num_rows
            present = of_version.filter(pc.is_in(of_version.column(KEY), value_set=self._referred_to))
            self._rows.append(pa.RecordBatch.from_arrays([present.column(name) for name in _ROWS.names], schema=_ROWS))
            signed = present.filter(pc.is_valid(present.column("signature"))).select(["node", "signature"])
            for records in sketch_records([signed]):
                self.sketches.add(records)
            yield signed

    @property
    def has_references(self) -> bool:
        return len(self._referred_to) > 0

    def rows(self) -> pa.Table:
        return pa.Table.from_batches(self._rows, schema=_ROWS).combine_chunks()


def referred_to(lake: Lake) -> pa.Array:
    """The keys that files and pages have, each once."""
    held: pa.Array = pa.array([], pa.string())
    parts: list[pa.Array] = []
    for table in (FILES, PAGES):
        for batch in lake.stream(table, [KEY], None, READ_ROWS):
            parts.append(batch.column(KEY).unique())
            if sum(map(len, parts)) > max(1_000_000, len(held)):
                held, parts = pa.chunked_array([held, *parts]).unique(), []
    return pa.chunked_array([held, *parts]).unique() if parts else held


def pairs_of(read: Read, target: Target, most: int) -> Records | None:
    """Records of `buckets.PAIR` of nodes that are alike or nearly so, each pair once, by a and b. None where they are more than `most`."""
    records = records_in_buckets(read.batches(), target.banding)
    clumps = [found for found in buckets.shared(in_order(records, "bucket", "node")) if len(found)]
    compared = in_order(met(clumps, read.sketches.records()), "clump", "node")
    held: Records = np.empty(0, buckets.PAIR)
    parts: list[Records] = []
    for found in buckets.pairs(compared, target.low, target.high):
        parts.append(found)
        if sum(map(len, parts)) > max(1_000_000, len(held)):
            held, parts = buckets.most_agreeing([held, *parts]), []
            if len(held) > most:
                return None
    held = buckets.most_agreeing([held, *parts])
    return None if len(held) > most else held


def is_seen(tables: Tables, rows: pa.Table, made: str) -> bool:
    """Whether the two tables are of the version `made`, and of these contents."""
    seen = tables.lake.read(DUPLICATES, [KEY, "version"])
    if not len(seen) or len(seen) != len(rows) or pc.any(pc.not_equal(seen.column("version"), made)).as_py():
        return False
    if tables.lake.has_rows(DUPLICATE_PAIRS, pc.field("version") != made):
        return False
    return bool(pc.all(pc.is_in(rows.column(KEY), value_set=seen.column(KEY))).as_py())


def verified(
    tables: Tables, rows: pa.Table, found: Records, target: Target, width: int, staging: Staging, known_of: str | None
) -> pa.Table:
    """Rows (a, b, similarity, is_true, is_duplicate) of pairs; what is near the threshold is compared by its texts.

    known_of: what the two tables of this version know of that is not compared again; None: nothing.
    """
    is_true = found["agreeing"] < target.high
    similarity = buckets.estimated(found["agreeing"], target.hashes)
    a, b = (np.ascontiguousarray(found[end]) for end in ("a", "b"))
    nodes = np.unique(np.concatenate([a[is_true], b[is_true]]))
    least = least_contents(rows, nodes)
    one, other = (np.searchsorted(nodes, end[is_true]) for end in (a, b))
    true = np.full(len(one), np.nan) if known_of is None else known_similarities(tables.lake, known_of, least, one, other)
    is_new = np.isnan(true)
    wanted = np.unique(np.concatenate([one[is_new], other[is_new]]))
    texts = least.take(pa.array(wanted))
    keys, shingles = texts.column(KEY).combine_chunks(), texts.column("shingle_count").to_numpy()
    one, other = (np.searchsorted(wanted, end[is_new]) for end in (one, other))
    true[is_new] = similarities_of_texts(tables, staging, keys, shingles, one, other, width)
    similarity[is_true] = true
    is_duplicate = ~is_true | (similarity >= target.threshold)
    return pa.table({"a": a, "b": b, "similarity": similarity, "is_true": is_true, "is_duplicate": is_duplicate})


def audited(found: Groups, a: np.ndarray, b: np.ndarray) -> Groups:
    """Raises `CountsError` unless both ends of every edge are in one component."""
    torn = int((found.of(a)[0] != found.of(b)[0]).sum())
    if torn:
        raise CountsError(f"groups are wrong: {torn} edges end in two groups")
    return found


def named(tables: Tables, rows: pa.Table) -> pa.Table:
    """Rows of _ROWS in which a text without tokens is a node of its own, by the hash that Spark gives its key."""
    node = rows.column("node")
    if node.null_count:
        without = tables.spark.createDataFrame(rows.filter(pc.is_null(node)).select([KEY])).select(F.xxhash64(KEY)).toArrow()
        node = pc.replace_with_mask(node.combine_chunks(), pc.is_null(node).combine_chunks(), without.column(0).combine_chunks())
    return rows.set_column(1, "node", node)


def tables_of(rows: pa.Table, pairs: pa.Table, found: Groups, made: str) -> tuple[pa.Table, pa.Table]:
    """Rows of annotate/duplicate_pairs and annotate/duplicates."""
    version = pa.array([made], pa.string())
    a_component = found.of(pairs.column("a").to_numpy())[0]
    columns = {name: pairs.column(name) for name in pairs.schema.names} | {"component_id": pa.array(a_component)}
    columns["version"] = pa.repeat(version[0], len(pairs))
    all_pairs = pa.table([columns[name] for name in DUPLICATE_PAIRS.names], schema=DUPLICATE_PAIRS.arrow_schema)
    component, group, similarity = found.of(rows.column("node").to_numpy())
    _, place, count = np.unique(group, return_inverse=True, return_counts=True)
    columns = {KEY: rows.column(KEY), "version": pa.repeat(version[0], len(rows)), "node": rows.column("node")}
    columns |= {"component_id": pa.array(component), "group_id": pa.array(group), "group_size": pa.array(count[place])}
    columns["centre_similarity"] = pa.array(similarity)
    return all_pairs, pa.table([columns[name] for name in DUPLICATES.names], schema=DUPLICATES.arrow_schema)
