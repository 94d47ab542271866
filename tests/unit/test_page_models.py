"""Training and prediction of the models of pages: the same bytes twice, thresholds that reach their recall, hosts on one side only."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from tests.page_corpus import pages
from udfs import page_evaluation, page_training
from udfs.intervals import share, wilson
from udfs.page_card import card as markdown_of
from udfs.page_models import FastTextParams, PageModels, fit, load, most_likely, quality_percents, relevance_percents
from udfs.page_rubric import label
from udfs.page_training import SAMPLE, TooFewPagesError, TrainingParams, split, train
from udfs.page_words import page_words

SMALL = FastTextParams(buckets=1000, least_updates=6000)
PARAMS = TrainingParams(model=SMALL, first_share=0.3)
PAGES = pages(420)
Trained = tuple[PageModels, dict]


@pytest.fixture(scope="module")
def sample() -> pa.Table:
    found = [label(page) for page in PAGES]
    words = page_words(pa.array([page.title for page in PAGES]), pa.array([page.text for page in PAGES]))
    columns = [[f"p{number}" for number in range(len(PAGES))], [page.host for page in PAGES], [False] * len(PAGES), words]
    columns += [[getattr(one, name) for one in found] for name in ("is_relevant", "category", "score")]
    return pa.table(columns, schema=SAMPLE)


@pytest.fixture(scope="module")
def trained(sample: pa.Table) -> Trained:
    return train(sample, PARAMS)


def test_training_twice_gives_the_same_bytes_whatever_the_order_of_the_rows(sample: pa.Table, trained: Trained) -> None:
    backwards = sample.take(pa.array(range(len(sample))[::-1]))
    models, card = train(backwards, PARAMS)
    assert models == trained[0] and models.model_hash == trained[0].model_hash
    assert json.dumps(card, sort_keys=True) == json.dumps(trained[1], sort_keys=True)


def test_another_seed_or_threshold_is_another_model(trained: Trained) -> None:
    models, _ = trained
    assert replace(models, threshold_percent=models.threshold_percent + 1).model_hash != models.model_hash
    assert replace(models, quality=models.category).model_hash != models.model_hash


def test_predictions_of_a_list_are_those_of_its_texts_one_by_one(sample: pa.Table, trained: Trained) -> None:
    texts = [*sample["words"].to_pylist()[:60], "", "never_seen_word", "x " * 3000]
    for name, model in trained[0].loaded.items():
        found, chances = model.predict(texts, k=-1)
        for text, names, values in zip(texts, found, chances, strict=True):
            one, alone = model.predict(text, k=-1)
            assert list(names) == list(one) and np.array_equal(values, alone), name
            assert sum(values) == pytest.approx(1, abs=1e-3)


def test_a_judgement_is_what_single_predictions_say(sample: pa.Table, trained: Trained) -> None:
    models, _ = trained
    words = sample["words"].combine_chunks()[:40]
    rows = models.judgements(words).to_pylist()
    for row, text in zip(rows, words.to_pylist(), strict=True):
        chance = dict(zip(*models.loaded["relevance"].predict(text, k=2), strict=True))["__label__code"]
        assert (row["relevance_percent"] > 50) >= (chance > 0.52) and (row["relevance_percent"] < 50) >= (chance < 0.48)
        names, values = models.loaded["category"].predict(text)
        assert (row["category"], row["category_percent"]) == (names[0].removeprefix("__label__"), round(100 * float(values[0])))
        ratings = zip(*models.loaded["quality"].predict(text, k=-1), strict=True)
        mean = sum(int(name.removeprefix("__label__")) * value for name, value in ratings)
        assert row["quality_percent"] == pytest.approx(10 * mean, abs=0.6)


def test_no_lines_have_no_judgements(trained: Trained) -> None:
    assert trained[0].judgements(pa.array([], pa.string())).num_rows == 0


def test_a_page_that_writes_a_label_does_not_teach_it() -> None:
    lines = page_words(pa.array([""] * 4), pa.array(["__label__x good words", "__label__y other words"] * 2)).to_pylist()
    assert set(load(fit(lines, ["a", "b"] * 2, SMALL)).get_labels()) == {"__label__a", "__label__b"}


def test_relevance_rises_with_the_odds_and_is_50_where_they_are_even() -> None:
    class Model:
        def predict(self, texts: list[str], k: int) -> tuple[list[list[str]], list[list[float]]]:
            chances = [float(text) for text in texts]
            return [["__label__not_code", "__label__code"]] * len(texts), [[1 - chance, chance] for chance in chances]

    found = relevance_percents(Model(), ["0", "0.0001", "0.01", "0.5", "0.99", "0.9999", "1"]).tolist()
    assert found[3] == 50 and found == sorted(found) and len(set(found)) == 7
    assert all(0 <= value <= 100 for value in found) and [100 - value for value in found[::-1]] == found


def test_hosts_are_on_one_side_only_and_held_out_ones_on_neither(sample: pa.Table) -> None:
    hosts = sample["host"].to_pylist()
    held = {hosts[0], hosts[1]}
    marked = sample.set_column(2, SAMPLE.field(2), pa.array([host in held for host in hosts]))
    parts = split(marked, PARAMS)
    sides = [set(parts[name].hosts) for name in ("train", "validation", "held_out")]
    assert sides[2] == held and not sides[0] & sides[1] and not sides[2] & (sides[0] | sides[1])
    assert sum(map(len, parts.values())) == len(sample)
    models, card = train(marked, PARAMS)
    without = train(marked.filter(pa.array([host not in held for host in hosts])), PARAMS)
    assert models == without[0]
    assert card["held_out"]["relevance"]["pages"] > 0 and without[1]["held_out"]["relevance"]["pages"] == 0


def test_validation_teaches_nothing_but_the_threshold(sample: pa.Table, trained: Trained) -> None:
    """With the labels of the validation turned round, the models are the same bytes."""
    validation = set(split(sample, PARAMS)["validation"].hosts)
    is_there = [host in validation for host in sample["host"].to_pylist()]
    turned = [None if r is None else (not r if there else r) for r, there in zip(sample["is_relevant"].to_pylist(), is_there, strict=True)]
    models, _ = train(sample.set_column(4, SAMPLE.field(4), pa.array(turned, pa.bool_())), PARAMS)
    assert (models.relevance, models.category, models.quality) == (trained[0].relevance, trained[0].category, trained[0].quality)


def test_rounds_add_what_was_missed_and_the_card_says_how_many(sample: pa.Table) -> None:
    labels = sample["is_relevant"].to_pylist()
    noisy = [None if r is None else r != (number % 10 == 0) for number, r in enumerate(labels)]
    _, card = train(sample.set_column(4, SAMPLE.field(4), pa.array(noisy, pa.bool_())), PARAMS)
    pages = [one["pages"] for one in card["rounds"]]
    assert pages == sorted(set(pages)) and 1 < len(pages) <= PARAMS.rounds
    for before, after in zip(card["rounds"], card["rounds"][1:], strict=False):
        assert after["pages"] - before["pages"] == sum(after["added"].values()) > 0


def test_mistakes_are_missed_pages_and_hard_negatives() -> None:
    percents, relevant = np.array([90, 40, 60, 10, 80]), np.array([1, 1, 0, 0, 1])
    assert page_training.mistakes(percents, relevant, PARAMS).tolist() == [False, True, True, False, False]


def test_the_models_learn_and_the_card_beats_its_baselines(trained: Trained) -> None:
    models, card = trained
    found = card["validation"]
    assert found["relevance"]["recall"]["value"] >= PARAMS.recall
    assert found["relevance"]["precision"]["value"] > 0.9
    assert found["category"]["accuracy"]["value"] > found["category"]["commonest_class_share"] + 0.2
    assert found["quality"]["model"]["mae"] < found["quality"]["constant"]["mae"]
    assert card["model_hash"] == models.model_hash


def test_shuffled_labels_teach_nothing(sample: pa.Table) -> None:
    order = np.random.default_rng(0).permutation(len(sample))
    shuffled = sample
    for name in ("is_relevant", "category", "score"):
        place = SAMPLE.get_field_index(name)
        shuffled = shuffled.set_column(place, SAMPLE.field(name), sample[name].take(pa.array(order)))
    _, card = train(shuffled, PARAMS)
    found = card["validation"]
    prevalence = found["relevance"]["relevant_pages"] / found["relevance"]["pages"]
    assert found["relevance"]["precision"]["value"] == pytest.approx(prevalence, abs=0.05)
    assert found["category"]["accuracy"]["value"] < found["category"]["commonest_class_share"] + 0.1


@pytest.mark.parametrize(
    ("keep", "lack"),
    [
        (lambda row: int(row["page"][1:]) < 50, "pages have a label of relevance, 200 are needed"),
        (lambda row: row["is_relevant"] is not False, "no page about something else for train"),
        (lambda row: row["category"] == "documentation", "fewer than two categories of sites"),
        (lambda row: row["host"].startswith("docs.ash"), "of two hosts for"),
        (lambda row: False, "0 pages have a label of relevance"),
    ],
)
def test_too_few_pages_are_named(sample: pa.Table, keep, lack: str) -> None:
    rows = [row for row in sample.to_pylist() if keep(row)]
    with pytest.raises(TooFewPagesError, match=lack):
        train(pa.Table.from_pylist(rows, schema=SAMPLE), PARAMS)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=60), st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_a_threshold_is_the_highest_that_reaches_the_recall(percents: list[int], recall: float) -> None:
    found = page_evaluation.threshold_for(recall, np.array(percents))
    reaching = [t for t in range(101) if sum(p >= t for p in percents) >= recall * len(percents) - 1e-9]
    assert found == max(reaching)


@given(st.integers(0, 400), st.integers(1, 400))
def test_wilson_is_that_of_scipy(hits: int, cases: int) -> None:
    hits = min(hits, cases)
    expected = binomtest(hits, cases).proportion_ci(0.95, method="wilson")
    assert wilson(hits, cases) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_pages_of_one_host_that_are_alike_widen_the_interval_over_hosts() -> None:
    hosts = np.repeat([f"h{n}" for n in range(10)], 100)
    alike = np.repeat([True] * 8 + [False] * 2, 100)
    mixed = np.tile([True] * 8 + [False] * 2, 100)
    one, other = share(alike, hosts), share(mixed, hosts)
    assert one.value == other.value == 0.8 and (one.low, one.high) == (other.low, other.high)
    assert one.group_high - one.group_low > 3 * (one.high - one.low)  # type: ignore[operator]
    assert other.group_low == other.group_high == pytest.approx(0.8)
    assert share(np.array([], bool), np.array([], str)).value is None
    assert share(np.array([True]), np.array(["a"])).group_low is None


def test_measures_by_hand() -> None:
    hosts = np.array(["a", "a", "b", "b"])
    found = page_evaluation.relevance(np.array([90, 60, 70, 10]), np.array([True, True, False, False]), hosts, 65)
    assert (found["recall"]["hits"], found["recall"]["cases"], found["precision"]["hits"], found["precision"]["cases"]) == (1, 2, 1, 2)
    kinds = page_evaluation.categories(["x", "y", "y", "x"], ["x", "x", "y", "x"], hosts)
    assert kinds["accuracy"]["value"] == 0.75 and kinds["commonest_class_share"] == 0.75
    assert kinds["confusion"] == {"x": {"x": 2, "y": 1}, "y": {"y": 1}}
    assert kinds["classes"]["y"]["precision"]["value"] == 0.5 and kinds["classes"]["x"]["recall"]["hits"] == 2
    errors = page_evaluation.quality(np.array([1.0, 1.0, 1.0, 8.0]), np.array([0.0, 0.0, 0.0, 10.0]), 0.0)
    assert errors["model"] == {"mae": 1.25, "cmae": 1.5} and errors["constant"] == {"mae": 2.5, "cmae": 5.0}


def test_the_card_for_people_says_what_the_card_says(trained: Trained) -> None:
    _, card = trained
    text = markdown_of(card)
    assert f"# Models of pages {card['model_hash'][:16]}" in text and "which counts and does not judge" in text
    assert f"{card['threshold_percent']} percent" in text and "On validation hosts" in text and "On held-out hosts" not in text
    for number, one in enumerate(card["rounds"], 1):
        assert f"| {number} | {one['pages']:,} |" in text
    assert f"{card['validation']['quality']['model']['mae']:.2f}" in text
    assert all(f"| {name} |" in text for name in card["validation"]["category"]["classes"])


def test_parts_of_predictions_of_nothing_are_nothing(trained: Trained) -> None:
    models = trained[0].loaded
    assert len(relevance_percents(models["relevance"], [])) == len(quality_percents(models["quality"], [])) == 0
    assert most_likely(models["category"], [])[0] == []
