"""Groups in memory are components, cut where a member is too far from the centre."""

import networkx
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from udfs import buckets
from udfs.near_groups import MOST_CUTS, groups

HASHES = 16
edges = st.lists(st.tuples(st.integers(-4, 12), st.integers(-4, 12)), max_size=25)
sketch = st.lists(st.integers(0, 2), min_size=HASHES, max_size=HASHES)


def sketched(sketches: list[list[int]]) -> np.ndarray:
    records = np.empty(len(sketches), buckets.sketched_nodes(HASHES))
    records["node"], records["sketch"] = np.arange(-4, len(sketches) - 4), sketches
    return records


@given(edges, st.lists(sketch, min_size=17, max_size=17), st.sampled_from([0.0, 0.3, 0.5]))
def test_members_too_far_from_the_least_of_their_group_are_grouped_among_themselves(
    pairs: list[tuple[int, int]], sketches: list[list[int]], limit: float
) -> None:
    def similarity(one: int, other: int) -> float:
        agreeing = sum(x == y for x, y in zip(sketches[one + 4], sketches[other + 4], strict=True))
        return max(0.0, float(buckets.similarity(np.array([agreeing]), HASHES)[0]))

    def group_of(graph: networkx.Graph, turn: int) -> dict[int, int]:
        found: dict[int, int] = {}
        for members in networkx.connected_components(graph):
            centre = min(members)
            far = {node for node in members if similarity(node, centre) < limit}
            found |= dict.fromkeys(members - far, centre)
            found |= dict(zip(far, far, strict=True)) if turn == 0 else group_of(graph.subgraph(far), turn - 1)
        return found

    a, b = (np.array([pair[i] for pair in pairs], np.int64) for i in range(2))
    found = groups(a, b, sketched(sketches), limit)
    graph = networkx.Graph(pairs)
    assert dict(zip(found.node.tolist(), found.group.tolist(), strict=True)) == group_of(graph, MOST_CUTS)
    assert found.component.tolist() == [min(networkx.node_connected_component(graph, node)) for node in found.node.tolist()]
    near = [similarity(node, centre) if node != centre else 1.0 for node, centre in zip(found.node, found.group, strict=True)]
    assert np.allclose(found.centre_similarity, near)


def test_a_node_without_company_is_its_own_group() -> None:
    found = groups(np.array([1]), np.array([3]), sketched([[0] * HASHES] * 17), 0.0)
    assert [column.tolist() for column in found.of(np.array([3, 7, 1]))] == [[1, 7, 1], [1, 7, 1], [1.0, 1.0, 1.0]]
    alone = groups(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, buckets.sketched_nodes(HASHES)), 0.0)
    assert [column.tolist() for column in alone.of(np.array([5]))] == [[5], [5], [1.0]]
