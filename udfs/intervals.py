"""95 % intervals of shares: Wilson's over single cases, and a bootstrap over groups where cases of one group are alike."""

from dataclasses import dataclass

import numpy as np

_Z = 1.959963984540054  # of the normal distribution, two-sided 95 %
RESAMPLES = 1000


@dataclass(frozen=True)
class Share:
    """`hits` of `cases`. `low` and `high` are Wilson's; `group_low` and `group_high` the bootstrap's over `groups`, None for a single one.

    Wilson's interval takes cases as independent, which pages of one host are not: the wider of the two is the one to believe.
    """

    hits: int
    cases: int
    groups: int
    value: float | None
    low: float | None
    high: float | None
    group_low: float | None
    group_high: float | None


def wilson(hits: int, cases: int) -> tuple[float, float]:
    """Wilson's score interval; (0, 1) where there is no case."""
    if not cases:
        return 0.0, 1.0
    share, spread = hits / cases, _Z * _Z / cases
    centre = share + spread / 2
    margin = _Z * np.sqrt(share * (1 - share) / cases + spread / (4 * cases))
    return max(0.0, float((centre - margin) / (1 + spread))), min(1.0, float((centre + margin) / (1 + spread)))


def share(is_hit: np.ndarray, groups: np.ndarray) -> Share:
    """Of cases with their groups. `value` and all intervals are None where there is no case."""
    names, place = np.unique(groups, return_inverse=True)
    hits, cases = int(is_hit.sum()), len(is_hit)
    if not cases:
        return Share(0, 0, 0, None, None, None, None, None)
    low, high = wilson(hits, cases)
    group_low = group_high = None
    if len(names) > 1:
        counts = np.stack([np.bincount(place, is_hit, len(names)), np.bincount(place, minlength=len(names))])
        draws = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES)
        drawn = draws @ counts.T
        group_low, group_high = (float(value) for value in np.percentile(drawn[:, 0] / drawn[:, 1], [2.5, 97.5]))
    return Share(hits, cases, len(names), hits / cases, low, high, group_low, group_high)
