"""Connected components of a graph that fits into memory."""

import numpy as np


def components(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every node of the edges (a[i], b[i]), ascending, and the least node that it is connected with; all int64."""
    nodes, place = np.unique(np.concatenate([a, b]), return_inverse=True)
    if not len(nodes):
        return nodes, nodes
    from scipy.sparse import coo_array  # half a second to import
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(a), np.int8), (place[: len(a)], place[len(a) :])), shape=(len(nodes), len(nodes)))
    _, label = connected_components(graph, directed=False)
    _, first = np.unique(label, return_index=True)  # nodes ascend, so the first of a label is its least
    return nodes, nodes[first][label]
