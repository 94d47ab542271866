"""A repository's files in the order in which they are read, cut into parts near a window.

First the files that nothing imports, of languages whose imports nobody reads (HTML, SQL, Shell, prose): in random order by a draw of their
paths. Then the islands of the import graph, in the order of their first paths: inside of one what is needed comes first, and a cycle stands
together in the order of its paths.

A part is filled with whole islands. An island that is longer than the window is cut in its order, where the fewest imports cross within the
second half of a window; a cycle is cut only where it is longer alone, and a file never, unless it is: then each of its pieces is a part.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

import numpy as np
import pyarrow as pa

from udfs.draws import uniform
from udfs.import_graph import ImportGraph
from udfs.imports import LANGUAGES
from udfs.repository_layout import head_bytes, piece_count
from udfs.topological_order import cycles_in_order, islands

VERSION = 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file, or a piece of one, stands. `island` and `cycle` are numbered in the order of the documents; no cycle: None."""

    node: int
    part: int
    position: int
    piece: int
    pieces: int
    island: int
    cycle: int | None


@dataclass(frozen=True)
class Plan:
    """`crossing`: imports between files of different parts, which no document shows together."""

    places: list[Place]
    parts: int
    islands: int
    cycles: int
    cycle_files: int
    largest_cycle: int
    crossing: int


class _Parts:
    """Parts as they fill: lists of (node, piece, pieces)."""

    def __init__(self, window: int) -> None:
        self.window = window
        self.parts: list[list[tuple[int, int, int]]] = []
        self.room = 0

    def add(self, nodes: Sequence[int], size: int) -> None:
        if not self.parts or size > self.room:
            self.parts.append([])
            self.room = self.window
        self.parts[-1] += [(node, 1, 1) for node in nodes]
        self.room -= size

    def add_pieces(self, node: int, pieces: int) -> None:
        self.parts += [[(node, piece, pieces)] for piece in range(1, pieces + 1)]
        self.room = 0


def plan(
    paths: Sequence[str], languages: Sequence[str | None], sizes: Sequence[int], graph: ImportGraph, window_bytes: int, seed: str
) -> Plan:
    """Paths are distinct and sorted, as `graph` has them; sizes in bytes. Every file has its place once, or each of its pieces has."""
    pieces = [piece_count(size, path, window_bytes) for size, path in zip(sizes, paths, strict=True)]
    costs = [size + head_bytes(path) for size, path in zip(sizes, paths, strict=True)]
    island_of = islands(graph.targets)
    members = np.bincount(island_of, minlength=len(paths)) if paths else np.zeros(0, np.int64)
    is_loose = [members[island] == 1 and languages[node] not in LANGUAGES for node, island in enumerate(island_of)]
    loose = [node for node, is_one in enumerate(is_loose) if is_one]
    draws = dict(zip(loose, uniform(pa.array([paths[node] for node in loose], pa.string()), seed).tolist(), strict=True))
    loose.sort(key=lambda node: (draws[node], node))
    cycles = [nodes for nodes in cycles_in_order(graph.targets) if not is_loose[nodes[0]]]
    cycles.sort(key=lambda nodes: island_of[nodes[0]])  # stable: dependencies stay first
    found = _Parts(window_bytes)
    for node in loose:
        _fill(found, [[node]], costs, pieces, graph)
    for _, blocks in groupby(cycles, key=lambda nodes: island_of[nodes[0]]):
        _fill(found, list(blocks), costs, pieces, graph)
    return _numbered(found.parts, island_of, [nodes for nodes in cycles if len(nodes) > 1], graph)


def _fill(found: _Parts, blocks: list[list[int]], costs: Sequence[int], pieces: Sequence[int], graph: ImportGraph) -> None:
    """Adds an island, given as its cycles in order."""
    whole = sum(costs[node] for nodes in blocks for node in nodes)
    if whole <= found.window:
        found.add([node for nodes in blocks for node in nodes], whole)
        return
    run: list[list[int]] = []
    for nodes in blocks:
        is_long = sum(costs[node] for node in nodes) > found.window
        for block in [[node] for node in nodes] if is_long else [nodes]:
            if pieces[block[0]] > 1:  # then it is a block of its own
                _cut_run(found, run, costs, graph)
                found.add_pieces(block[0], pieces[block[0]])
                run = []
            else:
                run.append(block)
    _cut_run(found, run, costs, graph)


def _cut_run(found: _Parts, blocks: list[list[int]], costs: Sequence[int], graph: ImportGraph) -> None:
    """Adds blocks that each fit a window, cut where the fewest edges cross."""
    if not blocks:
        return
    sizes = [sum(costs[node] for node in nodes) for nodes in blocks]
    ends = list(accumulate(sizes, initial=0))
    crossing = _crossing(blocks, graph)
    start = 0
    while ends[-1] - ends[start] > found.window:
        last = int(np.searchsorted(ends, ends[start] + found.window, side="right")) - 1
        first = min(last, max(start + 1, int(np.searchsorted(ends, ends[start] + found.window // 2))))
        cut = last - int(np.argmin(crossing[first : last + 1][::-1]))
        found.add([node for nodes in blocks[start:cut] for node in nodes], ends[cut] - ends[start])
        start = cut
    found.add([node for nodes in blocks[start:] for node in nodes], ends[-1] - ends[start])


def _crossing(blocks: list[list[int]], graph: ImportGraph) -> np.ndarray:
    """Of each cut, before block 0 to behind the last one, the edges between the two sides."""
    block_of = {node: number for number, nodes in enumerate(blocks) for node in nodes}
    steps = np.zeros(len(blocks) + 2, np.int64)
    for node, number in block_of.items():
        for target in graph.targets[node]:
            other = block_of.get(target, number)
            steps[min(number, other) + 1] += 1
            steps[max(number, other) + 1] -= 1
    counts: np.ndarray = np.cumsum(steps)[:-1]
    return counts


def _numbered(parts: list[list[tuple[int, int, int]]], island_of: list[int], cycles: list[list[int]], graph: ImportGraph) -> Plan:
    cycle_of = {node: nodes[0] for nodes in cycles for node in nodes}
    island_numbers: dict[int, int] = {}
    cycle_numbers: dict[int, int] = {}
    places: list[Place] = []
    first_part: dict[int, int] = {}
    for part, files in enumerate(parts):
        for position, (node, piece, count) in enumerate(files):
            first_part.setdefault(node, part)
            island = island_numbers.setdefault(island_of[node], len(island_numbers))
            cycle = cycle_numbers.setdefault(cycle_of[node], len(cycle_numbers)) if node in cycle_of else None
            places.append(Place(node, part, position, piece, count, island, cycle))
    crossing = sum(first_part[node] != first_part[target] for node, found in enumerate(graph.targets) for target in found)
    sizes = [len(nodes) for nodes in cycles]
    return Plan(places, len(parts), len(island_numbers), len(cycles), sum(sizes), max(sizes, default=0), crossing)
