"""Pairs are compared in parts whose sets fit into memory, and come out as if compared one by one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from udfs.comparisons import in_parts, similarities

SIZES = np.array([5, 1, 7, 3, 9, 2, 4, 30])
edges = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda pair: pair[0] != pair[1]), min_size=1, max_size=30)


@given(edges, st.integers(1, 60))
def test_no_part_holds_more_bytes_than_asked_for_unless_it_is_one_pair(pairs: list[tuple[int, int]], most: int) -> None:
    a, b = (np.array([pair[i] for pair in pairs]) for i in range(2))
    order, part = in_parts(a, b, SIZES, most)
    assert sorted(order.tolist()) == list(range(len(pairs)))
    assert part.tolist() == sorted(part.tolist()) and set(part.tolist()) == set(range(part[-1] + 1))
    for one in range(part[-1] + 1):
        held = {place for pair in np.flatnonzero(part == one) for place in pairs[order[pair]]}
        assert SIZES[sorted(held)].sum() <= most or len(held) == 2


def test_what_is_connected_is_in_one_part() -> None:
    a, b = np.array([0, 2, 5]), np.array([5, 3, 6])
    order, part = in_parts(a, b, np.ones(7, np.int64), 4)
    found = {(int(a[pair]), int(b[pair])): int(one) for pair, one in zip(order, part, strict=True)}
    assert found == {(0, 5): 0, (5, 6): 0, (2, 3): 1}


@given(st.lists(st.sets(st.integers(0, 12)), min_size=2, max_size=5), edges, st.integers(1, 14))
def test_similarities_are_those_of_the_least_of_the_union(sets: list[set[int]], pairs: list[tuple[int, int]], most: int) -> None:
    values = np.array([value for one in sets for value in sorted(one)], np.uint32)
    ends = np.cumsum([0, *map(len, sets)])
    a, b = (np.array([pair[i] % len(sets) for pair in pairs]) for i in range(2))
    found = similarities(values, ends, a, b, most)
    for one, other, similarity in zip(a, b, found, strict=True):
        least = set(sorted(sets[one] | sets[other])[:most])
        assert similarity == (len(least & sets[one] & sets[other]) / len(least) if least else 1.0)
