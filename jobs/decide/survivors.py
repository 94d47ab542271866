"""One survivor per group of near-duplicates: the first, in a total order, of the members that pass all other rules.

The order is one string per member, so that Spark, and what-if without Spark, need no more than the least of a group. Members of held-out
repositories come first, whatever the policy says: what is like them is out of training. Then what `Policy.survivor_order` names, then
the key.
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.decide.policy import Policy

NEAR_DUPLICATE, OF_HELD_OUT = "near_duplicate", "near_duplicate_of_held_out"
REASONS = {
    NEAR_DUPLICATE: "another member of its group of near-duplicates is kept in its place",
    OF_HELD_OUT: "it is a near-duplicate of a file of a held-out repository",
}
KEY_LENGTH = 64
_DIGITS = 13
_MOST = 10**_DIGITS - 1

Field = Callable[[str], pa.Array]


def _ascending(values: pa.Array) -> pa.Array:
    """Numbers as strings of one length; unknown ones come last."""
    bounded = pc.min_element_wise(pc.max_element_wise(values, 0), _MOST)
    return pc.utf8_lpad(pc.cast(pc.fill_null(pc.if_else(pc.is_valid(values), bounded, None), _MOST), pa.string()), _DIGITS, "0")


def _descending(values: pa.Array) -> pa.Array:
    return _ascending(pc.subtract(_MOST - 1, values))


# What `survivor_order` may name: fields of the occurrence that was picked.
ORDERS: dict[str, Callable[[Field], pa.Array]] = {
    "licence": lambda field: pc.if_else(pc.is_valid(field("licence")), "0", "1"),
    "stars": lambda field: _descending(field("stars")),
    "forks": lambda field: _descending(field("forks")),
    "commits": lambda field: _descending(field("commits")),
    "maintained_days": lambda field: _descending(field("maintained_days")),
    "path_length": lambda field: _ascending(pc.utf8_length(field("path"))),
}


def ranks(policy: Policy, features: pa.RecordBatch, picked: pa.StructArray, is_kept: np.ndarray) -> pa.StringArray:
    """The order of each candidate of `decide/features` in its group, least first; null where it competes with nobody.

    picked: of each candidate the occurrence that stands for it. The last KEY_LENGTH characters are the candidate.
    """
    competes = is_kept & np.asarray(pc.fill_null(pc.greater(features.column("duplicate_group_size"), 1), False))
    if not policy.deduplicate or not competes.any():
        return pa.nulls(features.num_rows, pa.string())
    parts = [pc.if_else(features.column("is_held_out"), "0", "1")]
    parts += [ORDERS[name](lambda name: pc.struct_field(picked, name)) for name in policy.survivor_order]
    parts.append(pc.utf8_lpad(features.column("candidate"), KEY_LENGTH))
    return pc.if_else(pa.array(competes), pc.binary_join_element_wise(*parts, ""), None)


def reason_of(rank: str, best: str) -> str:
    """Why a member that is not the best of its group is out."""
    return OF_HELD_OUT if best[0] == "0" and rank[0] == "1" else NEAR_DUPLICATE
