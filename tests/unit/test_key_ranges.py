"""How workers share the keys: every key is one worker's, and all have as many."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gpu_scoring.worker import key_range


@given(st.integers(1, 2_000), st.text("0123456789abcdef", min_size=64, max_size=64))
def test_every_key_is_in_one_range_whatever_the_number_of_shares(shares, key):
    ranges = [key_range(share, shares) for share in range(shares)]
    assert sum(low <= key < high for low, high in ranges) == 1
    assert all(low < high for low, high in ranges) and all(one[1] == other[0] for one, other in pairwise(ranges))


@given(st.integers(1, 2_000))
def test_ranges_of_keys_are_all_keys_and_equal(shares):
    ranges = [key_range(share, shares) for share in range(shares)]
    assert ranges[0][0] == "0" * 8 and ranges[-1][1] > "f" * 64
    ends = [int(low, 16) for low, _ in ranges] + [2**32]
    sizes = [high - low for low, high in pairwise(ends)]
    assert sum(sizes) == 2**32 and max(sizes) - min(sizes) <= 1
