"""Pairs out of buckets: the streaming kernels against a plain reading of their definition, however the stream is cut into batches."""

from itertools import groupby, pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs import buckets
from udfs.buckets import MOST_CHECKS, MOST_LEADERS, least_agreeing, pairs, shared, similarity

SHARED = pa.schema({"clump": pa.int64(), "node": pa.int64()})
PAIRS = pa.schema({"a": pa.int64(), "b": pa.int64(), "agreeing": pa.int32()})

rows = st.lists(st.tuples(st.integers(-3, 3), st.integers(-8, 8)), max_size=60).map(sorted)
cuts = st.lists(st.integers(0, 60), max_size=4).map(sorted)


def batches(table: pa.Table, where: list[int]) -> list[pa.RecordBatch]:
    edges = [0, *[min(c, table.num_rows) for c in where], table.num_rows]
    whole = table.combine_chunks().to_batches()
    if not whole:
        return []
    return [whole[0].slice(a, b - a) for a, b in pairwise(edges)]


def found_rows(found: list[pa.RecordBatch], schema: pa.Schema) -> list[tuple[int, ...]]:
    return list(zip(*(c.to_pylist() for c in pa.Table.from_batches(found, schema).columns), strict=True))


@given(rows, cuts, st.integers(2, 5))
def test_shared_keeps_each_node_of_a_bucket_of_several_once_and_every_clump_starts_with_the_least(
    given_rows: list[tuple[int, int]], where: list[int], clump_nodes: int
) -> None:
    table = pa.table({"bucket": pa.array([r[0] for r in given_rows], pa.int64()), "node": pa.array([r[1] for r in given_rows], pa.int64())})
    found = found_rows(list(shared(batches(table, where), SHARED, clump_nodes)), SHARED)
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
    table = pa.table(
        {
            "clump": pa.array([r[0] for r in unique], pa.int64()),
            "node": pa.array([r[1] for r in unique], pa.int64()),
            "sketch": pa.array([sketch[r[1]].tobytes() for r in unique], pa.binary()),
        }
    )
    clumps = {clump: [node for _, node in members] for clump, members in groupby(unique, key=lambda r: r[0])}
    found = found_rows(list(pairs(batches(table, where), low, low + more, PAIRS)), PAIRS)
    assert found == plain_pairs(clumps, sketch, low, low + more)


def test_unlike_nodes_become_leaders_up_to_a_bound() -> None:
    count = 3 * MOST_LEADERS
    sketch = np.arange(count, dtype=np.uint8)[:, None].repeat(16, axis=1)
    table = {node: sketch[node % (2 * MOST_LEADERS)] for node in range(count)}
    found = plain_pairs({0: list(range(count))}, table, 16, 16)
    batch = pa.record_batch(
        {"clump": pa.array([0] * count), "node": pa.array(range(count)), "sketch": [table[n].tobytes() for n in range(count)]}
    )
    assert found_rows(list(pairs([batch], 16, 16, PAIRS)), PAIRS) == found
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
