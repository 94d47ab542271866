"""Estimates of mistakes against mistakes that were made: pairs whose true similarity is known, signatures drawn as theory has them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import binom

from jobs.annotate.candidates import Target
from jobs.report.estimates import Estimate, agreement, chance_below, chance_of_agreeing, false_merges, misses
from udfs.bands import Banding
from udfs.buckets import similarity

HASHES, THRESHOLD = 128, 0.7
JUDGED = Target(HASHES, THRESHOLD, 0.97, 2.0)


@given(st.floats(0, 1), st.sampled_from([16, 128, 256]))
def test_agreement_is_the_estimator_turned_round(jaccard: float, hashes: int) -> None:
    agreeing = np.array([agreement(jaccard) * hashes])
    assert similarity(agreeing, hashes)[0] == pytest.approx(jaccard, abs=1e-12)


@pytest.mark.parametrize("least", [0, 1, 80, 101, 128])
def test_the_chance_of_agreeing_is_the_binomial_one(least: int) -> None:
    assert chance_of_agreeing(0.7, HASHES, least) == pytest.approx(binom.sf(least - 1, HASHES, 0.7 * 255 / 256 + 1 / 256))


@pytest.mark.parametrize("agreeing", [80, 95, 101, 110])
@pytest.mark.parametrize("denser", [1.0, 4.0])
def test_the_chance_of_being_below_is_bayes_rule(agreeing: int, denser: float) -> None:
    """Integrated over similarities from 0 to 1 step by step, where the formula has beta functions."""
    likelihood = [quad(lambda s: binom.pmf(agreeing, HASHES, agreement(s)), *ends)[0] for ends in ((0, THRESHOLD), (THRESHOLD, 1))]
    expected = denser * likelihood[0] / (denser * likelihood[0] + likelihood[1])
    assert chance_below(agreeing, HASHES, THRESHOLD, denser) == pytest.approx(expected, rel=1e-3)


def test_more_agreement_makes_a_false_merge_less_likely() -> None:
    chances = [chance_below(agreeing, HASHES, THRESHOLD, 1) for agreeing in range(HASHES + 1)]
    assert chances == sorted(chances, reverse=True)
    assert chances[0] == pytest.approx(1) and chances[-1] < 1e-15


@pytest.mark.parametrize("slope", [0.0, 3.0, 6.0, 12.0])
def test_false_merges_are_about_as_many_as_there_are_or_fewer(slope: float) -> None:
    """Pairs thin out with similarity as exp(-slope s)."""
    rng = np.random.default_rng(7)
    made, expected, inside, above = 0, 0.0, 0, 0
    for _ in range(60):
        true = rng.uniform(0.45, 1, 60_000)
        true = true[rng.random(len(true)) < np.exp(-slope * (true - 0.45))]
        agreeing = rng.binomial(HASHES, true * 255 / 256 + 1 / 256)
        accepted, checked = agreeing >= JUDGED.high, (agreeing >= JUDGED.low) & (agreeing < JUDGED.high)
        below = true < THRESHOLD
        edges = {int(a): int(n) for a, n in zip(*np.unique(agreeing[accepted], return_counts=True), strict=True)}
        unlike = np.histogram(true[checked & below], 1_000, (0, 1))[0]
        found = false_merges(edges, [((p + 1) / 1_000, int(n)) for p, n in enumerate(unlike) if n], JUDGED, 1.0)
        wrong = int((accepted & below).sum())
        made, expected = made + wrong, expected + found.value
        inside, above = inside + (found.low <= wrong <= found.high), above + (wrong > found.high)
    assert made - 3 * made**0.5 < expected < 1.5 * made
    assert above <= 4 and inside >= 45  # of 60


def test_without_checked_pairs_false_merges_are_told_from_the_edges() -> None:
    edges = {101: 10, 110: 40}
    one = sum(count * chance_below(agreeing, HASHES, THRESHOLD, 2) for agreeing, count in edges.items())
    assert false_merges(edges, [], JUDGED, 2).value == one > 0.2
    assert false_merges(edges, [(0.69, 1_000)], JUDGED, 2).value > 10 * one


@pytest.mark.parametrize("count", [30, 3_000])
@pytest.mark.parametrize("kinds", [(0.7,), (0.55, 0.6, 0.7, 0.8)])
def test_misses_are_in_their_interval_in_95_of_100_cases(kinds: tuple[float, ...], count: int) -> None:
    rng = np.random.default_rng(11)
    chances = [Banding(12, 6).chance(similarity) for similarity in kinds]
    missing, expected, inside, rounds = 0, 0.0, 0, 1_500
    for _ in range(rounds):
        met = [int(rng.binomial(count, chance)) for chance in chances]
        estimate = misses(zip(chances, met, strict=True))
        missed = count * len(kinds) - sum(met)
        missing, expected, inside = missing + missed, expected + estimate.value, inside + (estimate.low <= missed <= estimate.high)
    assert expected == pytest.approx(missing, rel=0.02)
    assert 0.93 <= inside / rounds <= 0.99


def test_pairs_that_are_always_found_leave_nothing_to_miss() -> None:
    assert misses([(1.0, 1_000)]) == misses([]) == misses([(0.5, 0)]) == Estimate(0, 0, 0)
    assert false_merges({}, [], JUDGED, 1) == Estimate(0, 0, 0)


def test_a_chance_near_one_keeps_the_interval_a_number() -> None:
    found = misses([(1 - 1e-13, 10), (0.999, 500)])
    assert found.value == pytest.approx(0.5, rel=0.01) and (found.low, found.high) == (0, 2)


def test_what_is_never_found_stands_for_nothing() -> None:
    assert misses([(0.0, 5), (0.5, 10)]).value == 10
