"""How good models of pages are, on pages of hosts that they were not trained on. Plain numbers, ready for JSON."""

from collections import Counter
from dataclasses import asdict
from typing import Any

import numpy as np

from udfs.intervals import share

RATINGS = 11  # whole ones, 0 to 10


def threshold_for(recall: float, percents: np.ndarray) -> int:
    """The highest whole percent that at least this share of the relevant pages reach; `percents` are theirs, one at least."""
    ordered = np.sort(percents)[::-1]
    return int(ordered[max(0, int(np.ceil(recall * len(ordered) - 1e-9)) - 1)])


def relevance(percents: np.ndarray, is_relevant: np.ndarray, hosts: np.ndarray, threshold: int) -> dict[str, Any]:
    """Recall and precision of `percents >= threshold` over pages that have a label."""
    passes = percents >= threshold
    return {
        "pages": len(percents),
        "relevant_pages": int(is_relevant.sum()),
        "recall": asdict(share(passes[is_relevant], hosts[is_relevant])),
        "precision": asdict(share(is_relevant[passes], hosts[passes])),
    }


def categories(predicted: list[str], true: list[str], hosts: np.ndarray) -> dict[str, Any]:
    """`accuracy`; of each class its recall and precision; `confusion[true][predicted]` in pages."""
    said, meant = np.array(predicted, object), np.array(true, object)
    names = sorted(set(true) | set(predicted))
    confusion = {name: dict(sorted(Counter(said[meant == name]).items())) for name in names if (meant == name).any()}
    classes = {}
    for name in names:
        is_true, is_said = meant == name, said == name
        classes[name] = {
            "pages": int(is_true.sum()),
            "recall": asdict(share(is_said[is_true], hosts[is_true])),
            "precision": asdict(share(is_true[is_said], hosts[is_said])),
        }
    commonest = Counter(true).most_common(1)[0][1] / len(true) if true else None
    accuracy = asdict(share(said == meant, hosts))
    return {"accuracy": accuracy, "commonest_class_share": commonest, "classes": classes, "confusion": confusion}


def quality(predicted: np.ndarray, true: np.ndarray, constant: float) -> dict[str, Any]:
    """Errors on the scale of ratings, beside those of saying `constant` (the median rating of training) of every page.

    mae: mean absolute error. cmae: the mean over whole true ratings of the mean error there, since ratings are far from uniform.
    """
    found = {}
    for name, said in (("model", predicted), ("constant", np.full(len(true), constant))):
        found[name] = _errors(np.abs(said - true), true)
    return {"pages": len(true), "constant_rating": constant, **found}


def _errors(error: np.ndarray, true: np.ndarray) -> dict[str, float | None]:
    if not len(error):
        return {"mae": None, "cmae": None}
    rating = np.clip(np.floor(true + 0.5).astype(int), 0, RATINGS - 1)
    return {"mae": float(error.mean()), "cmae": float(np.mean([error[rating == one].mean() for one in np.unique(rating)]))}
