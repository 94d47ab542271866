"""Comparing pairs of sets in parts of bounded memory: which pairs are compared together, and what comes out."""

from typing import Any

import numpy as np

from udfs.compiled import compiled
from udfs.components import components
from udfs.shingles import jaccard


@compiled
def _cut(a: Any, b: Any, size: Any, most: Any, last: Any, out: Any) -> None:
    part, held = 0, 0
    for i in range(len(a)):
        added: Any = 0
        if last[a[i]] != part:
            added += size[a[i]]
        if last[b[i]] != part:
            added += size[b[i]]
        if held > 0 and held + added > most:
            part += 1
            held = size[a[i]] + size[b[i]]
        else:
            held += added
        last[a[i]] = last[b[i]] = part
        out[i] = part


def in_parts(a: np.ndarray, b: np.ndarray, size: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """An order of the pairs (a[i], b[i]) of places of sets, and the part that each belongs to, ascending in that order.

    The sets of a part have no more than `most` bytes together, or are two. What is connected lies together, so that most sets are in one
    part alone.
    """
    nodes, label = components(a, b)
    order = np.lexsort((b, a, label[np.searchsorted(nodes, a)]))
    part = np.empty(len(a), np.int32)
    _cut(a[order], b[order], size, most, np.full(len(size), -1, np.int64), part)
    return order, part


@compiled
def _similarities(values: Any, ends: Any, a: Any, b: Any, most: Any, out: Any) -> None:
    for i in range(len(a)):
        out[i] = jaccard(values[ends[a[i]] : ends[a[i] + 1]], values[ends[b[i]] : ends[b[i] + 1]], most)


def similarities(values: np.ndarray, ends: np.ndarray, a: np.ndarray, b: np.ndarray, most: int) -> np.ndarray:
    """Jaccard similarity of sets a[i] and b[i], of the `most` least of their union. A set is values[ends[n] : ends[n + 1]], ascending."""
    out = np.empty(len(a))
    _similarities(values, ends, a, b, most, out)
    return out
