"""The oracle of near-duplicates against comparing everything with everything."""

from itertools import combinations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tests.exact_pairs import exact_pairs


@given(st.lists(st.sets(st.integers(0, 12), max_size=9), max_size=14), st.sampled_from([0.3, 0.5, 0.7, 1.0]))
def test_every_pair_is_found_and_no_other(sets: list[set[int]], least: float) -> None:
    array = pa.array([sorted(found) for found in sets], pa.large_list(pa.uint32()))
    found = zip(*(column.tolist() for column in exact_pairs(array, least)), strict=True)
    expected = [
        (a, b, len(sets[a] & sets[b]) / len(sets[a] | sets[b]))
        for a, b in combinations(range(len(sets)), 2)
        if sets[a] and sets[b] and len(sets[a] & sets[b]) / len(sets[a] | sets[b]) >= least
    ]
    assert sorted(found) == sorted(expected)
