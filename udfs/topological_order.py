"""Dependencies first: the order of a directed graph with cycles, and its independent parts. Nothing here recurses."""

from collections.abc import Sequence


def cycles_in_order(targets: Sequence[Sequence[int]]) -> list[list[int]]:
    """Strongly connected components, each after all that it points to; nodes of one in ascending order.

    Tarjan's algorithm from the least node on, along edges in their order: what a node needs comes directly before it, as far as it did not
    come before. The order is a function of the graph and of the numbers of its nodes.
    """
    number = [-1] * len(targets)
    low = [0] * len(targets)
    is_open = [False] * len(targets)
    opened: list[int] = []
    components: list[list[int]] = []
    count = 0
    for root in range(len(targets)):
        if number[root] >= 0:
            continue
        path = [(root, 0)]
        while path:
            node, edge = path.pop()
            if edge == 0:
                number[node] = low[node] = count
                count += 1
                opened.append(node)
                is_open[node] = True
            else:
                low[node] = min(low[node], low[targets[node][edge - 1]])
            for place in range(edge, len(targets[node])):
                target = targets[node][place]
                if number[target] < 0:
                    path += [(node, place + 1), (target, 0)]
                    break
                if is_open[target]:
                    low[node] = min(low[node], number[target])
            else:
                if low[node] == number[node]:
                    components.append(_closed(node, opened, is_open))
    return components


def _closed(root: int, opened: list[int], is_open: list[bool]) -> list[int]:
    found = []
    while True:
        node = opened.pop()
        is_open[node] = False
        found.append(node)
        if node == root:
            return sorted(found)


def islands(targets: Sequence[Sequence[int]]) -> list[int]:
    """Of each node the least node of its weakly connected component."""
    least = list(range(len(targets)))

    def find(node: int) -> int:
        while least[node] != node:
            least[node] = least[least[node]]
            node = least[node]
        return node

    for node, found in enumerate(targets):
        for target in found:
            one, other = find(node), find(target)
            if one != other:
                least[max(one, other)] = min(one, other)
    return [find(node) for node in range(len(targets))]
