"""True similarities that the last run found: texts are not read again for pairs that it compared.

A node is a hash of a signature, and texts of one signature may differ in some shingles. So the true similarity of two nodes is that of the
least content of each, and holds for as long as these are the same.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.annotate import DUPLICATE_PAIRS, DUPLICATES
from schemas.lake import Lake
from udfs.near_groups import places

KEY = "content_sha256"


def least_contents(rows: pa.Table, nodes: np.ndarray) -> pa.Table:
    """Of rows (content_sha256, node, ...) that of the least content of each of the `nodes`, which ascend, by node; a node may have none."""
    found = rows.filter(pa.array(places(nodes, np.asarray(rows.column("node").fill_null(0)))[1])).drop_null()
    found = found.sort_by([("node", "ascending"), (KEY, "ascending")])
    return found.take(pa.array(np.unique(found.column("node").to_numpy(), return_index=True)[1]))


def known_similarities(lake: Lake, made: str, least: pa.Table, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Of the nodes in the rows one[i] and other[i] of `least`, what the tables of the version `made` have; NaN where they do not.

    least: of now, as `least_contents` gives it. Both tables have to be of one run.
    """
    of_version = pc.field("version") == made
    nodes = least.column("node").to_numpy()
    then = least_contents(lake.read(DUPLICATES, [KEY, "node"], of_version), nodes)
    place, _ = places(nodes, then.column("node").to_numpy())
    is_same = np.zeros(len(nodes), bool)
    is_same[place] = np.asarray(pc.equal(then.column(KEY), least.column(KEY).take(pa.array(place))))
    pairs = lake.read(DUPLICATE_PAIRS, ["a", "b", "similarity"], of_version & pc.field("is_true"))
    (a, has_a), (b, has_b) = (places(nodes, pairs.column(end).to_numpy()) for end in ("a", "b"))
    rows = np.flatnonzero(has_a & has_b)
    rows = rows[is_same[a[rows]] & is_same[b[rows]]]
    if not len(rows):
        return np.full(len(one), np.nan)
    names = a[rows] * len(nodes) + b[rows]
    order = np.argsort(names)
    place, is_known = places(names[order], one * len(nodes) + other)
    return np.where(is_known, pairs.column("similarity").to_numpy()[rows[order]][place], np.nan)
