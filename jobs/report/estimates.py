"""How often the search for duplicates is expected to be wrong: from what it found to what it joined wrongly and what it missed.

Two hashes agree with the chance of the Jaccard similarity s, so of k of them so many do as of k throws of a coin (`agreement` adds the
chance that unlike hashes have equal bytes). The sketch's own error is at most that of independent hashes (`udfs.minhash`), so
what is computed here from binomial laws errs towards more mistakes. Intervals are the middle 95 % of the numbers that are to be expected.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from udfs.buckets import similarity

OUTSIDE = 0.025  # of the distribution, on each side of an interval


@dataclass(frozen=True)
class Estimate:
    """An expected number, and the whole numbers between which it is in 95 of 100 cases."""

    value: float
    low: int
    high: int


class Judged(Protocol):
    """How pairs are judged by their signatures: `jobs.annotate.candidates.Target` is one."""

    @property
    def hashes(self) -> int: ...

    @property
    def threshold(self) -> float: ...

    @property
    def low(self) -> int: ...

    @property
    def high(self) -> int: ...


def agreement(jaccard: float) -> float:
    """Chance that the compared bytes of two texts' hashes agree: `udfs.buckets.similarity` turned round."""
    none, all_of_them = similarity(np.array([0, 1]), 1)
    return float((jaccard - none) / (all_of_them - none))


def chance_of_agreeing(jaccard: float, hashes: int, least: int) -> float:
    """Chance that at least so many of the hashes of two texts agree."""
    from scipy.special import bdtrc  # a quarter of a second to import

    return 1.0 if least <= 0 else float(bdtrc(least - 1, hashes, agreement(jaccard)))


def chance_below(agreeing: int, hashes: int, threshold: float, denser: float) -> float:
    """Chance that two texts, so many of whose hashes agree, are in truth less alike than the threshold.

    Bayes' rule with the binomial error of the estimate and a prior that is flat on both sides of the threshold, `denser` times as high
    below it: with I = P(Beta(agreeing + 1, hashes - agreeing + 1) < agreement(threshold)) it is denser I / (denser I + 1 - I)
    (BayesLSH, Satuluri and Parthasarathy, PVLDB 5(5), 2012, with their Beta prior cut at the threshold).
    """
    from scipy.special import betainc

    below = denser * float(betainc(agreeing + 1, hashes - agreeing + 1, agreement(threshold)))
    above = float(betainc(hashes - agreeing + 1, agreeing + 1, 1 - agreement(threshold)))
    return below / (below + above)


def false_merges(edges: Mapping[int, int], checked: Iterable[tuple[float, int]], judged: Judged, denser: float) -> Estimate:
    """Edges below the threshold in truth, among those that were accepted by signature alone: the larger of two estimates.

    From the edges (how many, by how many of their hashes agree): the sum of `chance_below`. It depends on the prior, and is up to a
    fifth too low where pairs thin out fast towards higher similarities. Its interval is Poisson's, which is wider than that of a sum
    of independent chances (Hodges and Le Cam 1960). From the checked pairs that are below the threshold (true similarity, how many):
    each was checked and not accepted with a chance that is known, so it stands for others that were accepted, as in `misses`. It needs no
    prior, and says nothing where few pairs were checked.
    """
    expected = sum(count * chance_below(agreeing, judged.hashes, judged.threshold, denser) for agreeing, count in edges.items())
    from_edges = Estimate(expected, *_interval(expected, expected))
    from_checked = misses([(1 - chance_of_acceptance(similarity, judged), count) for similarity, count in checked])
    return max(from_edges, from_checked, key=lambda estimate: (estimate.value, estimate.high))


def chance_of_acceptance(jaccard: float, judged: Judged) -> float:
    """Chance that a pair which is not set aside is accepted without a look at its texts."""
    not_set_aside = chance_of_agreeing(jaccard, judged.hashes, judged.low)
    return chance_of_agreeing(jaccard, judged.hashes, judged.high) / not_set_aside if not_set_aside > 0 else 0.0


def misses(found: Iterable[tuple[float, int]]) -> Estimate:
    """Pairs that were not found, from pairs that were: (chance with which such a pair is found, how many were).

    A pair that is found with chance c stands for 1/c pairs (Horvitz and Thompson 1952), so (1 - c)/c of its kind are missing. The number
    missing beside n found ones is negative binomial, with variance n (1 - c)/c**2; for kinds of several c the one with the sum's mean
    and variance is taken. Pairs are taken as independent of each other.
    """
    kinds = [(chance, count) for chance, count in found if chance > 0]
    expected = math.fsum(count * (1 - chance) / chance for chance, count in kinds)
    return Estimate(expected, *_interval(expected, math.fsum(count * (1 - chance) / chance**2 for chance, count in kinds)))


def _interval(mean: float, variance: float) -> tuple[int, int]:
    """The middle 95 % of Poisson's distribution, or, where the variance is above the mean, of the negative binomial one."""
    if mean <= 0:
        return 0, 0
    from scipy.stats import nbinom, poisson  # half a second, which every command would spend

    is_poisson = variance - mean <= 1e-9 * mean
    law = poisson(mean) if is_poisson else nbinom(mean**2 / (variance - mean), mean / variance)
    return int(law.ppf(OUTSIDE)), int(law.ppf(1 - OUTSIDE))
