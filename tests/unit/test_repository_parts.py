"""Parts of a repository: every file once, in an order that has dependencies first, cut along the graph and near the window."""

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from udfs.import_graph import ImportGraph, import_graph
from udfs.repository_layout import head_bytes
from udfs.repository_parts import plan
from udfs.topological_order import cycles_in_order

WINDOW = 1000


@st.composite
def repositories(draw):
    count = draw(st.integers(0, 25))
    paths = sorted(f"d{number % 3}/f{number}.x" for number in range(count))
    languages = [draw(st.sampled_from(["Python", "HTML", None])) for _ in paths]
    targets = [
        sorted(set(draw(st.lists(st.integers(0, count - 1), max_size=2))) - {node}) if languages[node] == "Python" else []
        for node in range(count)
    ]
    sizes = [draw(st.sampled_from([0, 10, 300, 900, 2500])) for _ in paths]
    return paths, languages, sizes, ImportGraph(targets)


@given(repositories())
def test_every_file_has_its_place_once_and_parts_fit_the_window(repository):
    paths, _, sizes, _ = repository
    found = plan(*repository, WINDOW, "seed")
    whole = [place.node for place in found.places if place.pieces == 1]
    cut = [(place.node, place.piece, place.pieces) for place in found.places if place.pieces > 1]
    assert sorted({*whole, *(node for node, _, _ in cut)}) == list(range(len(paths)))
    assert len(whole) == len(set(whole)) and len(cut) == len(set(cut)) == sum({node: pieces for node, _, pieces in cut}.values())
    assert all(sizes[node] + head_bytes(paths[node]) > WINDOW for node, _, _ in cut)
    assert [(place.part, place.position) for place in found.places] == sorted((place.part, place.position) for place in found.places)
    for part in range(found.parts):
        places = [place for place in found.places if place.part == part]
        assert [place.position for place in places] == list(range(len(places))) and places
        if places[0].pieces == 1:
            assert sum(sizes[place.node] + head_bytes(paths[place.node]) for place in places) <= WINDOW


@given(repositories())
def test_what_is_needed_comes_before_and_a_cycle_stands_together(repository):
    paths, _, sizes, graph = repository
    found = plan(*repository, WINDOW, "seed")
    order = {place.node: number for number, place in enumerate(found.places)}
    cycle = {node: number for number, nodes in enumerate(cycles_in_order(graph.targets)) for node in nodes}
    for node, needed in enumerate(graph.targets):
        assert all(order[target] < order[node] or cycle[target] == cycle[node] for target in needed)
    for number in {place.cycle for place in found.places if place.cycle is not None}:
        places = [place for place in found.places if place.cycle == number]
        positions = sorted(order[place.node] for place in places)
        if all(place.pieces == 1 for place in places):
            assert positions == list(range(positions[0], positions[0] + len(positions)))
        if sum(sizes[place.node] + head_bytes(paths[place.node]) for place in places) <= WINDOW:
            assert len({place.part for place in places}) == 1
    parts = {place.node: place.part for place in found.places}
    assert found.crossing == sum(parts[node] != parts[target] for node, needed in enumerate(graph.targets) for target in needed) or any(
        place.pieces > 1 for place in found.places
    )


@given(repositories())
def test_parts_are_filled_before_another_begins(repository):
    paths, _, sizes, _ = repository
    found = plan(*repository, WINDOW, "seed")
    cost = [0] * found.parts
    for place in found.places:
        cost[place.part] += sizes[place.node] + head_bytes(paths[place.node]) if place.pieces == 1 else WINDOW
    islands = {place.part: place.island for place in found.places}
    for one, other in pairwise(range(found.parts)):
        first = next(place for place in found.places if place.part == other)
        if first.pieces == 1 and islands[one] != first.island:  # else an island is cut where few imports cross
            assert cost[one] + min(WINDOW, cost[other]) > WINDOW


def test_files_without_imports_are_in_an_order_of_their_own_and_new_files_change_no_old_draw():
    paths = [f"page{number:02}.html" for number in range(30)]
    found = [place.node for place in plan(paths, ["HTML"] * 30, [1] * 30, ImportGraph([[] for _ in paths]), 10**6, "seed").places]
    assert found != list(range(30)) and sorted(found) == list(range(30))
    fewer = paths[::2]
    half = [fewer[place.node] for place in plan(fewer, ["HTML"] * 15, [1] * 15, ImportGraph([[] for _ in fewer]), 10**6, "seed").places]
    assert half == [paths[node] for node in found if node % 2 == 0]
    other = [place.node for place in plan(paths, ["HTML"] * 30, [1] * 30, ImportGraph([[] for _ in paths]), 10**6, "another").places]
    assert other != found


def test_an_island_is_cut_where_the_fewest_imports_cross():
    paths = [f"{letter}{number}.py" for letter in "ab" for number in range(4)]
    targets = [[], [0], [0, 1], [0, 1, 2], [3], [4], [4, 5], [4, 5, 6]]  # two groups of four, tied by one import
    found = plan(paths, ["Python"] * 8, [100] * 8, ImportGraph(targets), 5 * (100 + head_bytes("a0.py")) + 50, "seed")
    assert [place.part for place in found.places] == [0] * 4 + [1] * 4
    assert (found.crossing, found.islands, found.cycles) == (1, 1, 0)


def test_a_cycle_of_10_000_files_is_one_part_or_cut_in_the_order_of_its_paths():
    count = 10_000
    paths = [f"m{number:05}.py" for number in range(count)]
    imports = [[f"m{(number + 1) % count:05}"] for number in range(count)]
    graph = import_graph(paths, ["Python"] * count, imports)
    whole = plan(paths, ["Python"] * count, [50] * count, graph, 10**8, "seed")
    assert (whole.parts, whole.cycles, whole.cycle_files, whole.crossing) == (1, 1, count, 0)
    assert [place.node for place in whole.places] == list(range(count))
    cut = plan(paths, ["Python"] * count, [50] * count, graph, 114_688, "seed")
    assert [place.node for place in cut.places] == list(range(count)) and 6 <= cut.parts <= 15 and cut.crossing == cut.parts


def test_a_repository_without_files_has_no_part():
    assert plan([], [], [], ImportGraph([]), WINDOW, "seed").parts == 0


def test_the_order_does_not_depend_on_the_order_of_work():
    chance = random.Random(7)
    names = [f"pkg/m{number}.py" for number in range(40)]
    imports = {name: [f".:m{chance.randrange(40)}" for _ in range(3)] for name in names}
    found = set()
    for _ in range(3):
        chance.shuffle(names)
        paths = sorted(names)
        graph = import_graph(paths, ["Python"] * 40, [imports[path] for path in paths])
        found.add(tuple(place.node for place in plan(paths, ["Python"] * 40, [9] * 40, graph, 400, "s").places))
    assert len(found) == 1
