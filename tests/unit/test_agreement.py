"""Agreement of two oracles, on numbers that were worked out by hand."""

import numpy as np
import pytest

from gpu_scoring.agreement import agreement


def test_equal_ratings_agree_wholly() -> None:
    ratings = np.array([0.0, 3, 5, 10])
    found = agreement("a", "b", ratings, ratings)
    assert (found.mae, found.cmae, found.equal_share, found.spearman, found.kappa) == (0, 0, 1, pytest.approx(1), 1)


def test_cmae_weighs_every_rating_the_same() -> None:
    first = np.array([0.0, 0, 0, 0, 10])  # four easy files, one that is missed by five
    found = agreement("a", "b", first, np.array([0.0, 0, 0, 0, 5]))
    assert (found.mae, found.cmae) == (1, 2.5)
    assert (found.equal_share, found.within_one_share) == (0.8, 0.8)


def test_kappa_is_cohens_with_quadratic_weights() -> None:
    first, second = np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 4, 3])
    # observed (0 + 0 + 1 + 1) / 4; by chance the mean of all 16 squared differences of 1 to 4, 40 / 16
    assert agreement("a", "b", first, second).kappa == pytest.approx(1 - 0.5 / 2.5)


def test_one_that_never_varies_has_no_rank_and_agrees_by_chance() -> None:
    found = agreement("a", "b", np.array([1.0, 5, 9]), np.array([5.0, 5, 5]))
    assert found.spearman is None
    assert found.kappa == pytest.approx(0)


def test_halves_are_rounded_up() -> None:
    assert agreement("a", "b", np.array([2.5, 4]), np.array([3.0, 4])).equal_share == 1
