"""Bands: the curve that is chosen is the curve that is applied."""

import numpy as np
import pytest

from udfs.bands import Banding, buckets, chosen


@pytest.mark.parametrize("similarity", [0.5, 0.6, 0.7, 0.8, 0.9])
def test_pairs_meet_as_often_as_the_curve_says(similarity: float) -> None:
    rng = np.random.default_rng(5)
    banding, pairs = Banding(25, 5), 4000
    one = rng.integers(0, 2**32, (pairs, 128), dtype=np.uint32)
    other = np.where(rng.random((pairs, 128)) < similarity, one, rng.integers(0, 2**32, (pairs, 128), dtype=np.uint32))
    met = (buckets(one, banding) == buckets(other, banding)).any(axis=1).mean()
    expected = banding.chance(similarity)
    assert met == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / pairs) + 1e-9)


@pytest.mark.parametrize(("hashes", "threshold", "chance"), [(128, 0.7, 0.97), (128, 0.85, 0.97), (256, 0.7, 0.97), (128, 0.5, 0.99)])
def test_the_longest_rows_are_chosen_that_reach_the_chance(hashes: int, threshold: float, chance: float) -> None:
    found = chosen(hashes, threshold, chance)
    assert found.chance(threshold) >= chance
    longer = Banding(hashes // (found.rows + 1), found.rows + 1)
    assert longer.chance(threshold) < chance
    assert found.bands * found.rows <= hashes


def test_a_chance_out_of_reach_gives_bands_of_one_row() -> None:
    assert chosen(16, 0.01, 0.999) == Banding(16, 1)


def test_the_same_values_in_another_band_are_another_bucket() -> None:
    found = buckets(np.full((1, 20), 7, np.uint32), Banding(4, 5))
    assert len(set(found[0].tolist())) == 4
