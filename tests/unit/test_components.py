"""Components in memory are those of networkx."""

import networkx
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from udfs.components import components

nodes = st.integers(-5, 30) | st.integers(-(2**63), 2**63 - 1)


@given(st.lists(st.tuples(nodes, nodes), max_size=40))
def test_components_are_those_of_networkx_named_by_their_least_node(edges: list[tuple[int, int]]) -> None:
    a, b = (np.array([edge[i] for edge in edges], np.int64) for i in range(2))
    found, label = components(a, b)
    expected = {node: min(group) for group in networkx.connected_components(networkx.Graph(edges)) for node in group}
    assert dict(zip(found.tolist(), label.tolist(), strict=True)) == expected
    assert found.tolist() == sorted(expected)
