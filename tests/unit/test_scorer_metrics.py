"""Measures of a scorer and the baselines that it must beat."""

import random

import numpy as np
import pytest

from gpu_scoring.baselines import features, hashed_ngrams, length_and_comments, mean, ngrams
from gpu_scoring.metrics import by_language, calibration, measures


def test_errors_are_on_the_oracles_scale() -> None:
    true, predicted = np.array([0.0, 0.0, 0.0, 1.0]), np.array([0.0, 0.0, 0.4, 0.5])
    found = measures(true, predicted)
    assert found.files == 4
    assert found.mae == pytest.approx((4 + 5) / 4)
    assert found.cmae == pytest.approx((4 / 3 + 5) / 2)
    assert found.mae_low <= found.mae <= found.mae_high
    assert measures(true, np.full(4, 0.3)).spearman is None


def test_the_interval_is_that_of_the_mean_of_many_files() -> None:
    draw = np.random.default_rng(1)
    error = draw.exponential(0.1, 2000)
    found = measures(np.zeros(2000), np.minimum(error, 1))
    half = 1.96 * 10 * np.minimum(error, 1).std() / np.sqrt(2000)
    assert found.mae_high - found.mae == pytest.approx(half, rel=0.2)
    assert found.mae - found.mae_low == pytest.approx(half, rel=0.2)


def test_languages_and_calibration_count_every_file_once() -> None:
    draw = np.random.default_rng(2)
    true, predicted = draw.random(500), np.concatenate([draw.random(498), [0.0, 1.0]])
    languages = by_language(true, predicted, ["C", "Go"] * 250)
    assert {name: files for name, (files, _, _) in languages.items()} == {"C": 250, "Go": 250}
    assert languages["C"][2] == pytest.approx(10 * (predicted - true)[::2].mean())
    bins = calibration(true, predicted)
    assert sum(one.files for one in bins) == 500
    assert all(one.low <= one.predicted <= one.high for one in bins)


def texts(count: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Good ones have comments and the word `clear`."""
    draw = random.Random(seed)
    scores = np.array([draw.random() for _ in range(count)])
    made = ["\n".join("# clear" if draw.random() < score else "x = murky(1)" for _ in range(20)) for score in scores]
    return made, scores


def test_baselines_learn_what_they_look_at_and_the_mean_nothing() -> None:
    known, scores = texts(300, 1)
    others, true = texts(100, 2)
    error = {
        name: np.abs(predict(known, scores, others) - true).mean() for name, predict in (("l", length_and_comments), ("n", hashed_ngrams))
    }
    assert error["l"] < 0.15 and error["n"] < 0.15 < np.abs(mean(scores, others) - true).mean()


def test_ngrams_are_rows_of_unit_length_and_of_empty_texts_empty() -> None:
    found = ngrams(["a b a b c", "", "π = 3"])
    assert found.shape[0] == 3 and found[1].nnz == 0
    assert np.sqrt(found.multiply(found).sum(axis=1)).A1.tolist() == pytest.approx([1, 0, 1])
    assert found[0].nnz == 6  # a, b, c; ab, ba, bc
    assert features(["", "a\n\n# b\n"]).shape == (2, 8)
