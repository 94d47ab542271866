"""Cuts on scores: what they drop, whom they are asked of, and which scorer counts."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.decide.policy import Policy, with_changes
from jobs.decide.quality import chosen_scorer, cut, cut_by_language, limits, new_cuts, reasons_of
from jobs.runtime.errors import UsageError


@given(st.lists(st.integers(0, 100), min_size=1, max_size=300), st.floats(0, 1))
def test_no_other_cut_is_nearer_to_the_share_that_was_asked(percents, share):
    counts = np.bincount(percents, minlength=101)
    found = cut(counts, share)
    off = [abs(sum(percent < limit for percent in percents) - share * len(percents)) for limit in range(101)]
    assert off[found] == pytest.approx(min(off))
    assert all(one > off[found] - 1e-9 for one in off[:found])


@given(st.lists(st.integers(0, 100), min_size=1, max_size=50), st.floats(0, 1), st.floats(0, 1))
def test_who_drops_more_drops_all_that_the_other_does(percents, one, other):
    counts = np.bincount(percents, minlength=101)
    assert (cut(counts, one) - cut(counts, other)) * (one - other) >= 0


def test_the_stricter_of_limit_and_cut_is_asked_and_unknown_languages_have_that_of_all():
    cuts = {"": 30, "C": 50}
    language = pa.chunked_array([["C", "Java"], [None, "C"]])
    assert limits(Policy("p", min_score_percent=40), cuts, language).to_pylist() == [50, 40, 40, 50]
    assert limits(Policy("p"), cuts, language).to_pylist() == [50, 30, 30, 50]
    assert limits(Policy("p"), {}, language).to_pylist() == [0, 0, 0, 0]


def test_a_score_is_low_below_the_limit_and_none_is_a_reason_of_its_own():
    found = reasons_of(pa.array([29, 30, None, None], pa.int64()), pa.array([True, True, False, True]), pa.array([30] * 4))
    assert found.to_pylist() == ["low_score", None, "not_scored", "score_not_finite"]


def test_a_language_with_few_files_has_no_cut_of_its_own():
    counts = {"C": np.bincount([10, 20] * 100, minlength=101), "R": np.bincount([90] * 199, minlength=101)}
    policy = Policy("p", drop_worst=0.5, drop_worst_per_language=True)
    assert cut_by_language(new_cuts(policy, "s", counts)) == {"": 21, "C": 11}
    assert new_cuts(policy, "s", {}).num_rows == 0
    assert new_cuts(Policy("p", drop_worst=None), "s", counts).num_rows == 0


@pytest.mark.parametrize(
    ("versions", "asked", "expected"), [([], "", None), (["a"], "", "a"), (["a", "b"], "b", "b"), (["a", "b"], "none", None)]
)
def test_the_scorer_is_the_one_that_is_named_or_the_only_one(versions, asked, expected):
    assert chosen_scorer(dict.fromkeys(versions, "file"), asked) == expected


def test_a_folder_names_what_it_has_scored_by_in_whatever_precision(tmp_path):
    (tmp_path / "scorer.json").write_text(json.dumps({"model_hash": "abc"}))
    folder = str(tmp_path)
    assert chosen_scorer({"abc-bf16": "file", "abcd": "file"}, folder) == "abc-bf16"
    assert chosen_scorer({"abc": "file", "abcd-bf16": "file"}, folder) == "abc"
    both = {"abc": "file", "abc-bf16": "file"}
    with pytest.raises(UsageError, match=r"in several precisions, .*: abc, abc-bf16\. Name one: --scorer VERSION"):
        chosen_scorer(both, folder)
    assert [chosen_scorer(both, version) for version in both] == list(both)
    with pytest.raises(UsageError, match="holds scores of files by abcd"):
        chosen_scorer({"abcd": "file"}, folder)


@pytest.mark.parametrize(("versions", "asked", "said"), [(["a", "b"], "", "name one"), (["a"], "c", "by a"), ([], "c", "nobody")])
def test_a_scorer_that_is_not_clear_is_asked_for(versions, asked, said):
    with pytest.raises(UsageError, match=said):
        chosen_scorer(dict.fromkeys(versions, "file"), asked)


@pytest.mark.parametrize("change", ["drop_worst=1.5", "drop_worst=-0.1", "min_score_percent=101"])
def test_a_share_that_is_none_is_refused(change):
    with pytest.raises(UsageError, match="expected a number from 0"):
        with_changes(Policy("p"), dict([change.split("=")]))


def test_gates_are_the_same_for_policies_that_differ_in_quality_alone():
    one, other = Policy("p", drop_worst=0.1), Policy("p", drop_worst=0.2, min_score_percent=5)
    assert one.hash != other.hash and one.gates_hash == other.gates_hash != Policy("p", min_stars=1).gates_hash
