"""The order of files with cycles, against another library on random graphs; and a cycle of 10,000 files."""

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from udfs.topological_order import cycles_in_order, islands

GRAPHS = st.integers(1, 14).flatmap(
    lambda count: st.lists(st.lists(st.integers(0, count - 1), max_size=4, unique=True).map(sorted), min_size=count, max_size=count)
)


def as_networkx(targets):
    graph = nx.DiGraph()
    graph.add_nodes_from(range(len(targets)))
    graph.add_edges_from((node, target) for node, found in enumerate(targets) for target in found)
    return graph


@given(GRAPHS)
def test_components_are_those_of_another_library_and_come_after_what_they_need(targets):
    found = cycles_in_order(targets)
    assert sorted(map(tuple, found)) == sorted(tuple(sorted(one)) for one in nx.strongly_connected_components(as_networkx(targets)))
    place = {node: number for number, nodes in enumerate(found) for node in nodes}
    assert all(place[target] <= place[node] for node, needed in enumerate(targets) for target in needed)


@given(GRAPHS)
def test_islands_are_those_of_another_library(targets):
    expected = {node: min(nodes) for nodes in nx.weakly_connected_components(as_networkx(targets)) for node in nodes}
    assert islands(targets) == [expected[node] for node in range(len(targets))]


def test_a_cycle_and_a_chain_of_10_000_files_do_not_end_the_stack():
    count = 10_000
    assert cycles_in_order([[(node + 1) % count] for node in range(count)]) == [list(range(count))]
    chain = [[node + 1] if node + 1 < count else [] for node in range(count)]
    assert cycles_in_order(chain) == [[node] for node in reversed(range(count))]
    assert set(islands(chain)) == {0}


def test_what_a_file_needs_comes_directly_before_it():
    # 0 needs 3, 1 needs 4: not 3 4 0 1 but 3 0 4 1
    assert [nodes for (nodes,) in cycles_in_order([[3], [4], [], [], []])] == [3, 0, 4, 1, 2]
