"""One survivor per group of near-duplicates: the first, in a total order, of the members that pass all other rules.

Texts of files and of pages are in the same groups.

The order is one string per member, so that Spark, and what-if without Spark, need no more than the least of a group. Members of held-out
repositories come first, whatever the policy says: what is like them is out of training. Then what `Policy.survivor_order` names, then
the key. A repository that wins its group is still out where a larger one contains it that wins its own and does not lie in such a one
itself: so what holds its files is kept.
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.decide.policy import Policy

NEAR_DUPLICATE, OF_HELD_OUT, CONTAINED = "near_duplicate", "near_duplicate_of_held_out", "contained"
REASONS = {
    NEAR_DUPLICATE: "another member of its group of near-duplicates is kept in its place",
    OF_HELD_OUT: "it is a near-duplicate of something held out, or lies in it",
    CONTAINED: "more of the repository than max_containment lies in a larger one that is kept",
}
# Kinds whose groups are the same: a page may be like a file, and is out where the file is held out.
GROUPS_OF = {"file": "text", "page": "text", "repository": "repository", "commit": "commit"}
KEY_AFTER = ":"  # in a rank, before the candidate; what stands before it are digits
_DIGITS = 13
_MOST = 10**_DIGITS - 1

Field = Callable[[str], pa.Array]


def _ascending(values: pa.Array) -> pa.Array:
    """Numbers as strings of one length; unknown ones come last."""
    bounded = pc.min_element_wise(pc.max_element_wise(values, 0), _MOST)
    return pc.utf8_lpad(pc.cast(pc.fill_null(pc.if_else(pc.is_valid(values), bounded, None), _MOST), pa.string()), _DIGITS, "0")


def _descending(values: pa.Array) -> pa.Array:
    return _ascending(pc.subtract(_MOST - 1, values))


# What `survivor_order` may name: fields of the occurrence that was picked, or of the candidate.
ORDERS: dict[str, Callable[[Field], pa.Array]] = {
    "licence": lambda field: pc.if_else(pc.is_valid(field("licence")), "0", "1"),
    "stars": lambda field: _descending(field("stars")),
    "forks": lambda field: _descending(field("forks")),
    "commits": lambda field: _descending(field("commits")),
    "maintained_days": lambda field: _descending(field("maintained_days")),
    "path_length": lambda field: _ascending(pc.utf8_length(field("path"))),
    "size": lambda field: _descending(field("size_bytes")),
}


def ranks(policy: Policy, features: pa.RecordBatch, picked: pa.StructArray, is_kept: np.ndarray) -> pa.StringArray:
    """The order of each candidate of `decide/features` in its group, least first; null where it competes with nobody.

    picked: of each candidate the occurrence that stands for it. What follows KEY_AFTER is the candidate. A repository competes always:
    another may lie in it. Where the policy does not deduplicate the ranks name nobody.
    """
    has_company = pc.fill_null(pc.greater(features.column("duplicate_group_size"), 1), False)
    competes = is_kept & np.asarray(pc.or_(has_company, pc.equal(features.column("kind"), "repository")))
    if not competes.any():
        return pa.nulls(features.num_rows, pa.string())
    if not policy.deduplicate:  # all are equals, but for what is like something held out
        return pc.if_else(pa.array(competes), pc.if_else(features.column("is_held_out"), "0" + KEY_AFTER, "1" + KEY_AFTER), None)

    def field(name: str) -> pa.Array:
        return features.column(name) if name in features.schema.names else pc.struct_field(picked, name)

    parts = [pc.if_else(features.column("is_held_out"), "0", "1"), *(ORDERS[name](field) for name in policy.survivor_order)]
    # A file and a page of one text have one key: then the file comes first.
    kind = pc.if_else(pc.equal(features.column("kind"), "page"), "1", "0")
    key = pc.binary_join_element_wise(kind, KEY_AFTER, features.column("candidate"), "")
    return pc.if_else(pa.array(competes), pc.binary_join_element_wise(*parts, key, ""), None)


def containers(policy: Policy, features: pa.RecordBatch) -> tuple[pa.StringArray, pa.Int64Array]:
    """What contains each candidate by more than the policy allows, and its group; null for none."""
    if policy.max_containment is None:
        return pa.nulls(features.num_rows, pa.string()), pa.nulls(features.num_rows, pa.int64())
    is_in = pc.fill_null(pc.greater(features.column("containment"), policy.max_containment), False)
    container, group = (pc.if_else(is_in, features.column(name), None) for name in ("container", "container_group"))
    return container, group


def lie_in_winners(rank: pa.Array, container: pa.Array, container_best: pa.Array) -> pa.BooleanArray:
    """Which members have a container that is the best of its group. What is held out gives way to what is held out only."""
    is_winner = pc.equal(pc.replace_substring_regex(container_best, f"^[0-9]*{KEY_AFTER}", ""), container)
    gives_way = pc.less_equal(pc.utf8_slice_codeunits(container_best, 0, 1), pc.utf8_slice_codeunits(rank, 0, 1))
    return pc.fill_null(pc.and_(is_winner, gives_way), False)


def reasons_of(rank: pa.Array, best: pa.Array, container_best: pa.Array, is_contained: pa.Array) -> pa.StringArray:
    """Why members are out, by the best rank of their group and of the group that contains them; null where they stay.

    is_contained: their container is kept. Who lies in the group of something held out is out, whichever of that group contains it.
    """
    leaks, loses = pc.starts_with(rank, "1"), pc.not_equal(rank, best)
    leaks_in = pc.fill_null(pc.and_(leaks, pc.starts_with(container_best, "0")), False)
    is_contained = pc.or_(leaks_in, is_contained)
    winner = pc.if_else(loses, best, container_best)
    of_held_out = pc.and_(leaks, pc.fill_null(pc.starts_with(winner, "0"), False))
    reason = pc.if_else(of_held_out, OF_HELD_OUT, pc.if_else(loses, NEAR_DUPLICATE, CONTAINED))
    return pc.if_else(pc.or_(loses, is_contained), reason, None)
