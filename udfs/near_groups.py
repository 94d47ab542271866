"""Groups of near-duplicates in memory: components, and what of them is too far from its centre (as jobs/annotate/chains.py has it)."""

from dataclasses import dataclass

import numpy as np

from udfs import buckets
from udfs.components import components

MOST_CUTS = 8  # what is still too far from every centre then stands alone


@dataclass(frozen=True)
class Groups:
    """Of every node that has company, ascending: its component, its group, and the estimated similarity to that one's centre."""

    node: np.ndarray
    component: np.ndarray
    group: np.ndarray
    centre_similarity: np.ndarray

    def of(self, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Component, group and similarity of any nodes; those without company are alone."""
        place, is_there = places(self.node, nodes)
        if not len(self.node):
            return nodes, nodes, np.ones(len(nodes))
        component, group = (np.where(is_there, found[place], nodes) for found in (self.component, self.group))
        return component, group, np.where(is_there, self.centre_similarity[place], 1.0)


def places(known: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the wanted values stand among the known ones, which ascend, and whether they do."""
    place = np.minimum(np.searchsorted(known, wanted), max(0, len(known) - 1))
    return place, (known[place] == wanted) if len(known) else np.zeros(len(wanted), bool)


def groups(a: np.ndarray, b: np.ndarray, sketches: np.ndarray, limit: float) -> Groups:
    """Groups by the edges (a[i], b[i]). `sketches`: records of `buckets.sketched_nodes`, by node, of all their ends at least.

    Members that are less similar to their group's centre, its least node, than `limit` are grouped again among themselves.
    """
    node, component = components(a, b)
    sketch = sketches["sketch"][places(np.ascontiguousarray(sketches["node"]), node)[0]]

    def similarity(rows: np.ndarray) -> np.ndarray:
        centres = sketch[np.searchsorted(node, group[rows])]
        return np.maximum(buckets.similarity((sketch[rows] == centres).sum(axis=1), sketch.shape[1]), 0.0)

    group = component.copy()
    found = similarity(np.arange(len(node)))
    ends = [np.searchsorted(node, end) for end in (a, b)]
    for _ in range(MOST_CUTS if limit > 0 else 0):
        is_far = found < limit
        if not is_far.any():
            break
        inner = is_far[ends[0]] & is_far[ends[1]] & (group[ends[0]] == group[ends[1]])
        among, label = components(a[inner], b[inner])
        group[is_far] = node[is_far]
        group[np.searchsorted(node, among)] = label
        far = np.flatnonzero(is_far)
        found[far] = similarity(far)
    alone = found < limit
    return Groups(node, component, np.where(alone, node, group), np.where(alone, 1.0, found))
