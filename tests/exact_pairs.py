"""All pairs of sets above a Jaccard similarity, exactly and without hashing: the oracle of near-duplicates.

Prefix filtering (Bayardo, Ma, Srikant 2007; Xiao et al. 2008): with elements ordered from rare to frequent, two sets as alike as `least`
share one of the first |x| - ceil(least |x|) + 1 elements of each. Sets come in order of size, so that only smaller ones are looked up.
"""

from typing import Any

import numba
import numpy as np
import pyarrow as pa


def exact_pairs(sets: pa.LargeListArray, least: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions a < b and similarity of every pair of `sets` (list of uint32, each without repetitions) of at least `least`.

    Empty sets have none."""
    offsets, values = np.asarray(sets.offsets), np.asarray(sets.values)
    _, element, count = np.unique(values, return_inverse=True, return_counts=True)
    rank = np.empty(len(count), np.int64)
    rank[np.argsort(count, kind="stable")] = np.arange(len(count))
    ranked = rank[element]
    order = np.argsort(np.diff(offsets), kind="stable")
    one, other, similarity = _pairs(ranked, offsets, order, len(count), least)
    return np.minimum(one, other), np.maximum(one, other), similarity


@numba.njit
def _pairs(ranked: Any, offsets: Any, order: Any, elements: Any, least: Any) -> Any:
    for row in range(len(offsets) - 1):
        ranked[offsets[row] : offsets[row + 1]] = np.sort(ranked[offsets[row] : offsets[row + 1]])
    head = np.full(elements, -1, np.int64)  # of each element the newest entry: a set that has it in its prefix
    before = np.empty(len(ranked), np.int64)
    owner = np.empty(len(ranked), np.int64)
    entries = 0
    seen = np.full(len(order), -1, np.int64)
    one, other, similarity = [np.int64(0) for _ in range(0)], [np.int64(0) for _ in range(0)], [0.0 for _ in range(0)]
    for row in order:
        found = ranked[offsets[row] : offsets[row + 1]]
        prefix = len(found) - int(np.ceil(least * len(found) - 1e-9)) + 1
        for i in range(min(prefix, len(found))):
            entry = head[found[i]]
            while entry >= 0:
                candidate = owner[entry]
                size = offsets[candidate + 1] - offsets[candidate]
                if seen[candidate] != row and size >= least * len(found) - 1e-9:
                    seen[candidate] = row
                    shared = _shared(found, ranked[offsets[candidate] : offsets[candidate + 1]])
                    jaccard = shared / (len(found) + size - shared)
                    if jaccard >= least:
                        one.append(candidate)
                        other.append(row)
                        similarity.append(jaccard)
                entry = before[entry]
        for i in range(min(prefix, len(found))):
            before[entries] = head[found[i]]
            owner[entries] = row
            head[found[i]] = entries
            entries += 1
    return np.array(one), np.array(other), np.array(similarity)


@numba.njit
def _shared(a: Any, b: Any) -> Any:
    i = j = shared = 0
    while i < len(a) and j < len(b):
        if a[i] == b[j]:
            shared += 1
            i += 1
            j += 1
        elif a[i] < b[j]:
            i += 1
        else:
            j += 1
    return shared
