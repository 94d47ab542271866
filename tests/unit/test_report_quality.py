"""The report's facts of quality against counts that are made from the same rows without a query."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from jobs.report.facts import collect
from jobs.report.page import render
from jobs.report.quality import EXAMPLES, Quality
from schemas.lake import SCORERS, Lake
from tests.lake_builder import SCORER, LakeRows, lake_rows
from tests.source_files import standard_library

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def built() -> LakeRows:
    return lake_rows(standard_library(250))


@pytest.fixture(scope="module")
def quality(built: LakeRows, tmp_path_factory: pytest.TempPathFactory) -> Quality:
    found = collect(str(built.write(tmp_path_factory.mktemp("quality") / "lake"))).quality
    assert isinstance(found, Quality)
    return found


def scored(built: LakeRows) -> list[dict[str, Any]]:
    both = [*built.rows["decide/kept"], *built.rows["decide/dropped"]]
    return [row for row in both if row.get("score_percent") is not None]


def test_every_score_is_counted_once_and_what_is_kept_apart(built: LakeRows, quality: Quality) -> None:
    assert quality.scorer == SCORER
    assert {percent: n for percent, n in enumerate(quality.counts) if n} == Counter(row["score_percent"] for row in scored(built))
    kept = Counter(row["score_percent"] for row in built.rows["decide/kept"])
    assert {percent: n for percent, n in enumerate(quality.kept) if n} == kept
    assert quality.low == sum(row["reasons"] == ["low_score"] for row in built.rows["decide/dropped"]) > 0


def test_languages_have_their_counts_mean_and_limit(built: LakeRows, quality: Quality) -> None:
    by_language: dict[str, list[int]] = {}
    for row in scored(built):
        by_language.setdefault(row["language"] or "(none)", []).append(row["score_percent"])
    assert {one.name: one.scored for one in quality.languages} == {name: len(found) for name, found in by_language.items()}
    (cut,) = built.rows["decide/cuts"]
    for one in quality.languages:
        found = by_language[one.name]
        assert one.mean == pytest.approx(sum(found) / len(found))
        assert one.least == cut["min_score_percent"] and one.low == sum(percent < one.least for percent in found)
        assert one.by_part == tuple(sum(min(4, percent // 20) == part for percent in found) for part in range(5))


def test_the_cut_is_told_with_its_origin(built: LakeRows, quality: Quality) -> None:
    (cut,) = built.rows["decide/cuts"]
    (told,) = quality.cuts
    assert vars(told) == {name: cut[name] for name in vars(told)}


def test_another_policys_cut_that_asks_for_as_much_is_not_told(built: LakeRows, quality: Quality, tmp_path: Path) -> None:
    (cut,) = built.rows["decide/cuts"]
    cuts = [cut, cut | {"policy": "paper", "file_count": 7, "below_count": 1}]
    assert collect(str(LakeRows(built.rows | {"decide/cuts": cuts}).write(tmp_path / "lake"))).quality.cuts == quality.cuts


def test_examples_are_the_ends_and_both_sides_of_the_limit(built: LakeRows, quality: Quality) -> None:
    rows = sorted(scored(built), key=lambda row: (row["score_percent"], row["candidate"]))
    percents = [row["score_percent"] for row in rows]
    least = rows[0]["least_score_percent"]
    expected = {
        "worst": percents[:EXAMPLES],
        "just below the limit": [percent for percent in percents if percent < least][: -EXAMPLES - 1 : -1],
        "just above the limit": [percent for percent in percents if percent >= least][:EXAMPLES],
        "best": percents[: -EXAMPLES - 1 : -1],
    }
    assert {name: [one.score_percent for one in examples] for name, examples in quality.ends} == expected
    assert all(one.text for _, examples in quality.ends for one in examples)


def test_without_scores_the_page_says_that_nothing_was_judged(built: LakeRows, tmp_path: Path) -> None:
    plain = {"scorer": None, "score_percent": None, "least_score_percent": None}
    rows = {name: [row | plain for row in built.rows[name]] for name in ("decide/kept", "decide/dropped")}
    facts = collect(str(LakeRows(built.rows | rows).write(tmp_path / "lake")))
    assert facts.quality is None
    assert "Quality was not judged" in render(facts)


def test_whose_ratings_the_scorer_learned_is_told_where_it_is_known(built: LakeRows, tmp_path: Path) -> None:
    folder = built.write(tmp_path / "lake")
    assert "which learned from" not in render(collect(str(folder)))
    for oracle, warned in (("rubric", True), ("judge m", False)):
        Lake.at(str(folder)).write_json(f"{SCORERS}/{SCORER}.json", {"oracle": oracle})
        page = render(collect(str(folder)))
        assert f"which learned from <bdi>{oracle}</bdi>" in page and ("counts and does not judge" in page) == warned


def test_what_waits_for_a_score_is_told(built: LakeRows, tmp_path: Path) -> None:
    dropped = [row | {"reasons": ["not_scored"]} if index < 3 else row for index, row in enumerate(built.rows["decide/dropped"])]
    facts = collect(str(LakeRows(built.rows | {"decide/dropped": dropped}).write(tmp_path / "lake")))
    assert isinstance(facts.quality, Quality) and facts.quality.waiting == 3
    assert "3 more wait for their score" in render(facts)
