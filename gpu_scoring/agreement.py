"""How far oracles agree: with each other, or with themselves when asked again. What a scorer can learn at most.

Reads   annotate/labels
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pyarrow.compute as pc

from gpu_scoring.metrics import cmae, rank_correlation
from schemas.annotate import LABELS
from schemas.lake import Lake

SCORES = 11  # whole ratings, 0 to 10


@dataclass(frozen=True)
class Agreement:
    """Of two series of ratings of the same files. Ratings are rounded to whole ones for `equal_share` and `kappa`.

    mae: mean absolute difference. cmae: the mean over the first one's whole ratings of the mean difference there, as the Seed-Coder report
    averages per score because scores are far from uniform. spearman: of ranks; None where one of them never varies. kappa: Cohen's with
    quadratic weights; 1 is equal, 0 what chance gives.
    """

    one: str
    other: str
    files: int
    mae: float
    cmae: float
    equal_share: float
    within_one_share: float
    spearman: float | None
    kappa: float


def agreements(lake: Lake) -> list[Agreement]:
    """Of every two of (oracle, version, turn) that rated at least two files in common."""
    rows = lake.read(
        LABELS, ["content_sha256", "language", "version", "turn", "oracle", "score"], pc.field("status") == "rated"
    ).to_pylist()
    series: dict[tuple[str, str, int], dict[tuple[str, str], float]] = {}
    for row in rows:
        name = (row["oracle"], row["version"], row["turn"])
        series.setdefault(name, {})[row["content_sha256"], row["language"]] = row["score"]
    found = []
    for one, other in combinations(sorted(series), 2):
        common = sorted(series[one].keys() & series[other].keys())
        if len(common) > 1:
            ratings = [np.array([series[name][key] for key in common]) for name in (one, other)]
            found.append(agreement(_named(one), _named(other), *ratings))
    return found


def _named(name: tuple[str, str, int]) -> str:
    oracle, version, turn = name
    return f"{oracle} ({version[:6]})" + (f", turn {turn}" if turn else "")


def agreement(one: str, other: str, first: np.ndarray, second: np.ndarray) -> Agreement:
    difference = np.abs(first - second)
    whole, whole_second = np.floor(first + 0.5).astype(int), np.floor(second + 0.5).astype(int)
    return Agreement(
        one,
        other,
        len(first),
        float(difference.mean()),
        cmae(first, difference),
        float((whole == whole_second).mean()),
        float((np.abs(whole - whole_second) <= 1).mean()),
        rank_correlation(first, second),
        _kappa(whole, whole_second),
    )


def _kappa(one: np.ndarray, other: np.ndarray) -> float:
    weights = (np.arange(SCORES)[:, None] - np.arange(SCORES)) ** 2
    observed = np.zeros((SCORES, SCORES))
    np.add.at(observed, (one, other), 1 / len(one))
    chance = np.outer(observed.sum(axis=1), observed.sum(axis=0))
    expected = (weights * chance).sum()
    return float(1 - (weights * observed).sum() / expected) if expected else 1.0
