"""Alternating stars give the components of networkx, on graphs that are hard for them; and the audit sees what is wrong."""

import random

import networkx
import pytest

from jobs.annotate.components import audit, components
from jobs.runtime.errors import CountsError
from jobs.runtime.staging import Staging

DRAW = random.Random(4)


def permuted(graph):
    names = DRAW.sample(range(-(10**15), 10**15), len(graph))
    return networkx.relabel_nodes(graph, dict(zip(graph, names, strict=True)))


GRAPHS = {
    "random": permuted(networkx.gnm_random_graph(400, 300, seed=1)),
    "chain": networkx.path_graph(300),
    "permuted chain": permuted(networkx.path_graph(300)),
    "star": permuted(networkx.star_graph(200)),
    "grid": permuted(networkx.grid_2d_graph(12, 12)),
    "loop": networkx.Graph([(3, 3), (5, 6)]),
}


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("most_in_memory", [0, 10**6])
def test_both_ways_give_the_components_of_networkx(tables, name, most_in_memory):
    graph = GRAPHS[name]
    edges = tables.spark.createDataFrame([tuple(sorted(edge)) for edge in graph.edges], "a long, b long")
    with Staging(tables.lake, "test") as staging:
        found = {row.node: row.component_id for row in components(tables, edges, most_in_memory, staging).collect()}
    assert found == {node: min(group) for group in networkx.connected_components(graph) if graph.degree(min(group)) for node in group}


def test_the_audit_refuses_edges_that_end_in_two_groups(tables):
    edges = tables.spark.createDataFrame([(1, 2), (2, 3)], "a long, b long")
    labels = tables.spark.createDataFrame([(1, 1), (2, 1), (3, 3)], "node long, component_id long")
    with pytest.raises(CountsError, match="1 edges end in two groups, 0 nodes are in several"):
        audit(edges, labels)
    doubled = tables.spark.createDataFrame([(1, 1), (2, 1), (3, 1), (3, 1)], "node long, component_id long")
    with pytest.raises(CountsError, match="1 nodes are in several"):
        audit(edges, doubled)
