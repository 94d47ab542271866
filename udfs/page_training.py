"""Trains the models of pages: 70 % of the hosts teach, 30 % choose the threshold and measure, held-out hosts are only measured.

Relevance is learned in rounds. The first sees a part of the pages of the training hosts; each further one sees besides what the last got
wrong among those it had not seen: pages about code that it missed, and others that it took for them. Hosts of the validation never teach,
so a round cannot learn what it is measured by. Its threshold is the highest that reaches the stated recall on the validation hosts.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from udfs import page_evaluation, page_models, page_rubric, page_words
from udfs.draws import uniform
from udfs.page_models import IRRELEVANT, RELEVANT, FastTextParams, PageModels, fit, library, load

SAMPLE = pa.schema(
    [
        pa.field("page", pa.string(), False),
        pa.field("host", pa.string(), False),
        pa.field("is_held_out", pa.bool_(), False),
        pa.field("words", pa.string(), False),
        pa.field("is_relevant", pa.bool_()),
        pa.field("category", pa.string()),
        pa.field("score", pa.float64(), False),
    ]
)
LEAST_WORDS = 5  # a page of fewer words teaches nothing
TRAIN, VALIDATION, HELD_OUT = "train", "validation", "held_out"


class TooFewPagesError(Exception):
    """The pages cannot teach and measure a model; the message says what is missing."""


@dataclass(frozen=True)
class TrainingParams:
    recall: float = 0.99  # of relevance on the validation hosts: Seed-Coder report, 2.2.3
    train_share: float = 0.7  # of hosts, the same
    rounds: int = 3
    first_share: float = 0.5  # of the training pages that the first round sees
    least_pages: int = 200  # with a label of relevance, training and validation together
    seed: str = "pages"
    model: FastTextParams = field(default_factory=FastTextParams)


@dataclass(frozen=True)
class _Part:
    """Pages of some hosts, as arrays. `relevant` is 1, 0, or -1 without a label; `category` is empty without one."""

    pages: pa.Array
    hosts: np.ndarray
    lines: np.ndarray
    relevant: np.ndarray
    category: np.ndarray
    score: np.ndarray

    def only(self, which: np.ndarray) -> "_Part":
        places = pa.array(np.flatnonzero(which) if which.dtype == bool else which)
        at = np.asarray(places)
        others = (self.hosts, self.lines, self.relevant, self.category, self.score)
        return _Part(self.pages.take(places), *(values[at] for values in others))

    def __len__(self) -> int:
        return len(self.hosts)


def train(sample: pa.Table, params: TrainingParams, oracle: str | None = None) -> tuple[PageModels, dict[str, Any]]:
    """The models, and what their card says, from rows of SAMPLE. The order of the rows does not matter; `page` names each once.

    `oracle` says whose labels they are; None: the rubric's."""
    parts = split(sample, params)
    check(parts, params)
    train_part, validation = parts[TRAIN], parts[VALIDATION]
    labelled, measured = train_part.only(train_part.relevant >= 0), validation.only(validation.relevant >= 0)
    relevance, rounds = in_rounds(labelled, measured, params)
    named = train_part.only(train_part.category != "")
    category = fit(list(named.lines), list(named.category), params.model)
    ratings = [str(int(rating)) for rating in np.floor(train_part.score + 0.5)]
    quality = fit(list(train_part.lines), ratings, params.model)
    models = PageModels(rounds[-1]["threshold_percent"], relevance, category, quality)
    median = float(np.median(train_part.score))
    card = {
        "threshold_percent": models.threshold_percent,
        "recall_wanted": params.recall,
        "labels": oracle or f"rubric of pages {page_rubric.VERSION}",
        "is_judged": oracle is not None and oracle.startswith("judge "),
        "counts": {name: counts(part) for name, part in parts.items()},
        "rounds": rounds,
        **{name: evaluated(models, parts[name], median) for name in (VALIDATION, HELD_OUT)},
        "parameters": asdict(params),
        "versions": {"library": library(), "models": page_models.VERSION, "words": page_words.VERSION, "rubric": page_rubric.VERSION},
        "model_hash": models.model_hash,
    }
    return models, card


def split(sample: pa.Table, params: TrainingParams) -> dict[str, _Part]:
    """Parts of the sample by hosts, each in an order drawn by page."""
    sample = sample.combine_chunks().filter(pc.greater_equal(pc.count_substring(sample["words"], " "), LEAST_WORDS - 1))
    pages = pc.cast(sample["page"], pa.string()).combine_chunks()
    relevant = np.array([-1 if value is None else int(value) for value in sample["is_relevant"].to_pylist()], int)
    hosts, lines = (np.array(sample[name].to_pylist(), object) for name in ("host", "words"))
    category = np.array([value or "" for value in sample["category"].to_pylist()], object)
    every = _Part(pages, hosts, lines, relevant, category, np.array(sample["score"].to_pylist(), float))
    every = every.only(np.lexsort([np.array(pages.to_pylist(), object), uniform(pages, f"{params.seed} order")]))
    is_held_out = dict(zip(sample["page"].to_pylist(), sample["is_held_out"].to_pylist(), strict=True))
    held_out = np.array([is_held_out[page] for page in every.pages.to_pylist()], bool)
    is_train = uniform(pa.array(every.hosts, pa.string()), f"{params.seed} hosts") < params.train_share
    where = {TRAIN: ~held_out & is_train, VALIDATION: ~held_out & ~is_train, HELD_OUT: held_out}
    return {name: every.only(which) for name, which in where.items()}


def check(parts: dict[str, _Part], params: TrainingParams) -> None:
    """Raises TooFewPagesError with all that keeps these pages from teaching and measuring models."""
    lacks = []
    pages = sum(int((parts[name].relevant >= 0).sum()) for name in (TRAIN, VALIDATION))
    if pages < params.least_pages:
        lacks.append(f"{pages} pages have a label of relevance, {params.least_pages} are needed")
    for name in (TRAIN, VALIDATION):
        found = parts[name]
        hosts = len(set(found.hosts[found.relevant >= 0]))
        if hosts < 2:
            lacks.append(f"{hosts} of two hosts for {name}")
        lacks += [
            f"no page {what} for {name}" for value, what in ((1, "about code"), (0, "about something else")) if value not in found.relevant
        ]
    if len(set(parts[TRAIN].category) - {""}) < 2:
        lacks.append("fewer than two categories of sites for train")
    if lacks:
        raise TooFewPagesError("; ".join(lacks))


def in_rounds(train_part: _Part, validation: _Part, params: TrainingParams) -> tuple[bytes, list[dict[str, Any]]]:
    """The last round's model of relevance, and of each round what it saw and how good it is."""
    seen = uniform(train_part.pages, f"{params.seed} first round") < params.first_share
    for label in (0, 1):  # neither may be missing, however few there are
        seen |= np.cumsum(train_part.relevant == label) == 1
    added = {"relevant": 0, "not_relevant": 0}
    rounds: list[dict[str, Any]] = []
    while True:
        taught = train_part.only(seen)
        model = fit(list(taught.lines), [RELEVANT if label else IRRELEVANT for label in taught.relevant], params.model)
        loaded = load(model)
        percents = page_models.relevance_percents(loaded, list(validation.lines))
        threshold = page_evaluation.threshold_for(params.recall, percents[validation.relevant == 1])
        measured = page_evaluation.relevance(percents, validation.relevant == 1, validation.hosts, threshold)
        rounds.append({"pages": len(taught), "added": added, "threshold_percent": threshold, "validation": measured})
        rest = np.flatnonzero(~seen)
        if len(rounds) == params.rounds or not len(rest):
            return model, rounds
        missed = rest[mistakes(page_models.relevance_percents(loaded, list(train_part.lines[rest])), train_part.relevant[rest], params)]
        if not len(missed):
            return model, rounds
        seen[missed] = True
        added = {"relevant": int(train_part.relevant[missed].sum()), "not_relevant": int((train_part.relevant[missed] == 0).sum())}


def mistakes(percents: np.ndarray, relevant: np.ndarray, params: TrainingParams) -> np.ndarray:
    """Which pages a round got wrong: at even odds, or at the threshold that these pages themselves give for the recall."""
    threshold = page_evaluation.threshold_for(params.recall, percents[relevant == 1]) if (relevant == 1).any() else 50
    is_missed = (relevant == 1) & (percents < max(50, threshold))
    return is_missed | ((relevant == 0) & (percents >= min(50, threshold)))


def counts(part: _Part) -> dict[str, Any]:
    names, pages = np.unique(part.category[part.category != ""].astype(str), return_counts=True)
    return {
        "hosts": len(set(part.hosts)),
        "pages": len(part),
        "relevant": int((part.relevant == 1).sum()),
        "not_relevant": int((part.relevant == 0).sum()),
        "unsure": int((part.relevant < 0).sum()),
        "categories": dict(zip(names.tolist(), pages.tolist(), strict=True)),
    }


def evaluated(models: PageModels, part: _Part, median: float) -> dict[str, Any]:
    """All three models on pages of hosts that taught none; and how many pages without a label of relevance reach the threshold."""
    found = models.judgements(pa.array(part.lines, pa.string()))
    percents, categories = np.asarray(found["relevance_percent"]), found["category"].to_pylist()
    known, named, unsure = part.relevant >= 0, np.flatnonzero(part.category != ""), part.relevant < 0
    threshold = models.threshold_percent
    return {
        "relevance": page_evaluation.relevance(percents[known], part.relevant[known] == 1, part.hosts[known], threshold),
        "unsure": {"pages": int(unsure.sum()), "reach_threshold": int((percents[unsure] >= threshold).sum())},
        "category": page_evaluation.categories([categories[i] for i in named], list(part.category[named]), part.hosts[named]),
        "quality": page_evaluation.quality(np.asarray(found["quality_percent"]) / 10, part.score, median),
    }
