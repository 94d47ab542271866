"""The passes over all tokens, beside the plain loops and sums that they stand for."""

from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from udfs.token_kernels import gathered, joined, run_bytes

TOKEN_BYTES = np.array([0, 1, 2, 3, 5, 8, 64], dtype=np.int64)
PARTS = st.lists(st.lists(st.integers(0, len(TOKEN_BYTES) - 1), max_size=6), max_size=6)


@given(PARTS, st.data())
def test_every_part_is_followed_by_its_own_id_and_counts_the_bytes_of_its_tokens_alone(parts: list[list[int]], data: st.DataObject) -> None:
    ends = [data.draw(st.integers(0, 70_000)) for _ in parts]
    ids = np.array([token for part in parts for token in part], np.uint32)
    counts = np.array([len(part) for part in parts], np.int64)
    tokens, sizes = joined(ids, counts, np.array(ends, np.int32), TOKEN_BYTES)
    assert tokens.dtype == np.int32 and sizes.dtype == np.int64
    assert tokens.tolist() == [token for part, end in zip(parts, ends, strict=True) for token in [*part, end]]
    assert sizes.tolist() == [sum(int(TOKEN_BYTES[token]) for token in part) for part in parts]


@given(PARTS, st.randoms())
def test_runs_are_gathered_in_the_order_that_is_asked_for(parts: list[list[int]], random: Random) -> None:
    tokens = np.array([token for part in parts for token in part], "<u2")
    starts, order = np.cumsum([0, *map(len, parts)])[:-1], np.array(random.sample(range(len(parts)), len(parts)), np.int64)
    bounds = np.cumsum([0, *(len(parts[number]) for number in order)])
    found = gathered(tokens, starts[order], bounds)
    assert found.dtype == tokens.dtype and found.tolist() == [token for number in order for token in parts[number]]


@given(PARTS)
def test_the_bytes_of_runs_are_those_of_their_tokens(parts: list[list[int]]) -> None:
    tokens = np.array([token for part in parts for token in part], np.int32)
    bounds = np.cumsum([0, *map(len, parts)])
    assert run_bytes(tokens, bounds, TOKEN_BYTES).tolist() == [int(TOKEN_BYTES[np.array(part, np.int64)].sum()) for part in parts]
