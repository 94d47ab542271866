"""How good predicted scores are. All errors are on the oracle's scale, 0 to 10."""

from dataclasses import dataclass

import numpy as np

SCALE = 10.0
RESAMPLES = 1000


@dataclass(frozen=True)
class Measures:
    """mae: mean absolute error, `mae_low` to `mae_high` its 95 % interval over resampled files (percentile bootstrap). cmae: the error
    averaged per whole true rating first (Seed-Coder report, appendix A), since ratings are far from uniform. spearman: rank
    correlation, None where a series does not vary."""

    files: int
    mae: float
    mae_low: float
    mae_high: float
    cmae: float
    spearman: float | None


@dataclass(frozen=True)
class CalibrationBin:
    """Files whose prediction lies from `low` to `high`: the mean prediction and the mean true score."""

    low: float
    high: float
    files: int
    predicted: float
    true: float


def cmae(true: np.ndarray, error: np.ndarray) -> float:
    """The mean over whole true ratings (0 to 10) of the mean error there."""
    rating = np.floor(true + 0.5).astype(int)
    return float(np.mean([error[rating == value].mean() for value in np.unique(rating)]))


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float | None:
    """Spearman's; None where a series does not vary."""
    from scipy.stats import spearmanr  # half a second, which every command would spend

    return float(spearmanr(one, other).statistic) if np.ptp(one) > 0 and np.ptp(other) > 0 else None


def measures(true: np.ndarray, predicted: np.ndarray) -> Measures:
    """Of scores on [0, 1]."""
    error = SCALE * np.abs(true - predicted)
    draw = np.random.default_rng(0)
    means = [error[draw.integers(0, len(error), len(error))].mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return Measures(
        len(true),
        float(error.mean()),
        float(low),
        float(high),
        cmae(SCALE * true, error),
        rank_correlation(true, predicted),
    )


def by_language(true: np.ndarray, predicted: np.ndarray, languages: list[str]) -> dict[str, tuple[int, float, float]]:
    """Of each language: files, mae, mean error (predicted - true)."""
    names = np.array(languages)
    found = {}
    for name in np.unique(names):
        error = SCALE * (predicted - true)[names == name]
        found[str(name)] = len(error), float(np.abs(error).mean()), float(error.mean())
    return found


def calibration(true: np.ndarray, predicted: np.ndarray, bins: int = 10) -> list[CalibrationBin]:
    """Over equal parts of [0, 1]; empty ones are left out."""
    place = np.clip((predicted * bins).astype(int), 0, bins - 1)
    found = []
    for number in np.unique(place):
        at = place == number
        width = SCALE / bins
        low = float(number * width)
        found.append(CalibrationBin(low, low + width, int(at.sum()), SCALE * float(predicted[at].mean()), SCALE * float(true[at].mean())))
    return found
