"""Pairs out of buckets: the streaming kernels against a plain reading of their definition, however the stream is cut into batches."""

from collections.abc import Iterable
from itertools import groupby, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs import buckets
from udfs.buckets import (
    IN_BUCKET,
    IN_CLUMP,
    MOST_CHECKS,
    MOST_LEADERS,
    PAIR,
    least_agreeing,
    most_agreeing,
    pairs,
    shared,
    similarity,
    sketched,
    sketched_nodes,
    with_sketches,
)

rows = st.lists(st.tuples(st.integers(-3, 3), st.integers(-8, 8)), max_size=60).map(sorted)
cuts = st.lists(st.integers(0, 60), max_size=4).map(sorted)


def pieces(records: np.ndarray, where: list[int]) -> list[np.ndarray]:
    edges = [0, *[min(c, len(records)) for c in where], len(records)]
    return [records[a:b] for a, b in pairwise(edges)]


def found_rows(found: Iterable[np.ndarray]) -> list[tuple[int, ...]]:
    return [tuple(map(int, row)) for records in found for row in records.tolist()]


@given(rows, cuts, st.integers(2, 5))
def test_shared_keeps_each_node_of_a_bucket_of_several_once_and_every_clump_starts_with_the_least(
    given_rows: list[tuple[int, int]], where: list[int], clump_nodes: int
) -> None:
    found = found_rows(shared(pieces(np.array(given_rows, IN_BUCKET), where), clump_nodes))
    expected = []
    for bucket, members in groupby(given_rows, key=lambda r: r[0]):
        nodes = sorted({node for _, node in members})
        if len(nodes) > 1:
            for start in range(0, len(nodes), clump_nodes):
                part = nodes[start : start + clump_nodes]
                expected.append((bucket, start, part if start == 0 else [nodes[0], *part]))
    clumps = [(clump, [node for _, node in members]) for clump, members in groupby(found, key=lambda r: r[0])]
    assert [members for _, members in clumps] == [members for _, _, members in expected]
    assert len({clump for clump, _ in clumps}) == len(clumps)
    assert [clump for clump, _ in clumps if clump in {e[0] for e in expected}] == [e[0] for e in expected if e[1] == 0]


def plain_pairs(clumps: dict[int, list[int]], sketch: dict[int, np.ndarray], low: int, high: int) -> list[tuple[int, int, int]]:
    found = []
    for clump in sorted(clumps):
        leaders: list[int] = []
        for node in clumps[clump]:
            agreeing = [(leader, int((sketch[leader] == sketch[node]).sum())) for leader in leaders]
            near = [(leader, count) for leader, count in agreeing if count >= low]
            sure = next((i for i, (_, count) in enumerate(near) if count >= high), len(near))
            near = near[: min(sure + 1, MOST_CHECKS)]
            found += [(leader, node, count) for leader, count in near]
            is_placed = any(count >= high for _, count in near) or len(near) == MOST_CHECKS
            if not is_placed and len(leaders) < MOST_LEADERS:
                leaders.append(node)
    return found


@given(rows, cuts, st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(0, 2))
def test_pairs_are_members_and_leaders(given_rows: list[tuple[int, int]], where: list[int], seed: int, low: int, more: int) -> None:
    rng = np.random.default_rng(seed)
    sketch = {node: rng.integers(0, 3, 6).astype(np.uint8) for node in range(-8, 9)}
    unique = sorted(set(given_rows))
    records = np.array([(clump, node, sketch[node]) for clump, node in unique], sketched(6))
    clumps = {clump: [node for _, node in members] for clump, members in groupby(unique, key=lambda r: r[0])}
    found = found_rows(pairs(pieces(records, where), low, low + more))
    assert found == plain_pairs(clumps, sketch, low, low + more)


def test_unlike_nodes_become_leaders_up_to_a_bound() -> None:
    count = 3 * MOST_LEADERS
    sketch = np.arange(count, dtype=np.uint8)[:, None].repeat(16, axis=1)
    table = {node: sketch[node % (2 * MOST_LEADERS)] for node in range(count)}
    found = plain_pairs({0: list(range(count))}, table, 16, 16)
    records = np.array([(0, node, table[node]) for node in range(count)], sketched(16))
    assert found_rows(pairs([records], 16, 16)) == found
    assert len(found) == MOST_LEADERS  # the second round of sketches finds its leaders, where they were kept


@pytest.mark.parametrize("jaccard", [0.0, 0.5, 0.7, 0.85, 1.0])
def test_bytes_that_agree_by_chance_are_taken_out(jaccard: float) -> None:
    rng = np.random.default_rng(9)
    agree = rng.random((2000, 128)) < jaccard
    one = rng.integers(0, 2**32, (2000, 128), dtype=np.uint32)
    other = np.where(agree, one, rng.integers(0, 2**32, (2000, 128), dtype=np.uint32))
    counts = (buckets.sketches(one) == buckets.sketches(other)).sum(axis=1)
    assert similarity(counts, 128).mean() == pytest.approx(jaccard, abs=0.005)
    least = least_agreeing(jaccard, 128)
    assert similarity(np.array([least]), 128)[0] >= jaccard - 1e-9
    assert least == 0 or similarity(np.array([least - 1]), 128)[0] < jaccard


@given(rows, cuts, st.sets(st.integers(-8, 8)))
def test_rows_get_the_sketch_of_their_node_and_those_without_one_are_left_out(
    given_rows: list[tuple[int, int]], where: list[int], known: set[int]
) -> None:
    nodes = np.array([(node, [node + 8] * 3) for node in [*sorted(known), *sorted(known)[::-1]]], sketched_nodes(3))
    found = list(with_sketches(pieces(np.array(given_rows, IN_CLUMP), where), nodes))
    rows_found = [(int(r["clump"]), int(r["node"])) for records in found for r in records]
    assert rows_found == [row for row in given_rows if row[1] in known]
    assert all((r["sketch"] == r["node"] + 8).all() for records in found for r in records)


@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2), st.integers(0, 9)), max_size=40), cuts)
def test_a_pair_that_met_often_is_there_once_with_the_most_that_agreed(given_pairs: list[tuple[int, int, int]], where: list[int]) -> None:
    expected: dict[tuple[int, int], int] = {}
    for a, b, agreeing in given_pairs:
        expected[a, b] = max(agreeing, expected.get((a, b), 0))
    found = most_agreeing(pieces(np.array(given_pairs, PAIR), where))
    assert found_rows([found]) == [(a, b, agreeing) for (a, b), agreeing in sorted(expected.items())]
