"""Scorers of pages beside those of files: which is asked of what, and what a policy that names one asks."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_scoring.model_folder import load_scorer, save
from gpu_scoring.scorer import ScorerError, Shape, new_scorer
from jobs.cli import main
from jobs.commands.tallies import Scored, Tally
from jobs.decide.page_quality import page_limits, page_reasons_of
from jobs.decide.policy import Policy, with_changes
from jobs.decide.quality import chosen_scorer
from jobs.runtime.errors import UsageError
from jobs.runtime.ledger import job_fingerprint
from jobs.score.files import JOB as SCORING
from jobs.score.files import ScoreParams, check_model
from schemas.decide import CUTS
from udfs.page_categories import CATEGORIES

BY_SCORER = with_changes(Policy("p"), {"page_quality": "scorer"})


def folder_of(path, **declared):
    path.mkdir()
    (path / "scorer.json").write_text(json.dumps({"window": 8, "offset": 0.0} | declared))
    return str(path)


def test_a_model_of_another_kind_is_refused_before_it_is_read(tmp_path, capsys):
    of_pages, of_files = folder_of(tmp_path / "pages", kind="page"), folder_of(tmp_path / "old")
    check_model(of_pages, "page")
    check_model(of_files, "file")  # what says nothing was made before there were kinds
    for model, kind in ((of_pages, "file"), (of_files, "page")):
        with pytest.raises(UsageError, match=f"Expected a scorer of {kind}s: `codemill train-scorer --kind {kind}`"):
            check_model(model, kind)
    with pytest.raises(UsageError, match="scores files, as its card says"):
        ScoreParams(page_model=of_files, wait_s=60).checked()  # it is there: nothing to wait for
    with pytest.raises(UsageError, match="is no scorer"):
        ScoreParams(page_model=str(tmp_path / "none")).checked()
    ScoreParams(page_model=str(tmp_path / "none"), wait_s=60).checked()
    for options in (["--page-scorer", of_files], ["--scorer", of_pages]):
        assert main(["run", "--lake", str(tmp_path / "lake"), "--source", str(tmp_path), "--quiet", *options]) == 2
        assert "as its card says. Expected a scorer of" in capsys.readouterr().err


def test_a_scorer_says_of_what_kind_it_is_and_its_hash_too(tmp_path):
    made = new_scorer(Shape(32, 1, 400), iter(["a b c\n" * 30]), 16, 0)
    save(made, tmp_path / "file", "# MODEL_HASH\n", {}, {})
    declared = json.loads((tmp_path / "file/scorer.json").read_text())
    assert declared["kind"] == "file"
    (tmp_path / "file/scorer.json").write_text(json.dumps(declared | {"kind": "commit"}))
    with pytest.raises(ScorerError, match=r"says that it scores 'commit'. Expected one of file, page"):
        load_scorer(tmp_path / "file")


def test_scorers_of_two_kinds_in_one_lake_are_no_question():
    kinds = {"a": "file", "b": "page"}
    assert (chosen_scorer(kinds, ""), chosen_scorer(kinds, "", "page")) == ("a", "b")
    assert chosen_scorer({"a": "file"}, "", "page") is None
    with pytest.raises(UsageError, match=r"--page-scorer a: scorer a scores files. Expected one of b"):
        chosen_scorer(kinds, "a", "page")
    with pytest.raises(UsageError, match=r"--scorer b: scorer b scores pages"):
        chosen_scorer(kinds, "b")
    with pytest.raises(UsageError, match=r"scores of pages by b, c: name one \(--page-scorer VERSION\)"):
        chosen_scorer(kinds | {"c": "page"}, "", "page")


def test_another_scorer_in_the_same_folder_is_another_input(tmp_path):
    def fingerprint():
        return job_fingerprint(SCORING, ScoreParams(model=str(tmp_path)))

    before = fingerprint()  # a folder may be there later
    for model_hash in ("a" * 16, "b" * 16):
        (tmp_path / "scorer.json").write_text(json.dumps({"model_hash": model_hash}))
        assert fingerprint() != before
        before = fingerprint()
    assert fingerprint() == before
    with pytest.raises(UsageError, match="folder of this machine"):
        ScoreParams(model="s3://models/scorer").checked()


@given(st.sampled_from([*CATEGORIES, None]), st.integers(0, 100), st.floats(0, 100))
def test_a_page_is_out_by_its_score_as_it_would_be_by_the_models_rating(category, percent, least):
    policy = with_changes(
        BY_SCORER, {"min_page_quality_percent": "30", **({f"min_page_quality.{category}": repr(least)} if category else {})}
    )
    limits = page_limits(policy, pa.array([category], pa.string()))
    is_seen = pa.array([True, False, True])
    reasons = page_reasons_of(pa.array([percent, None, None], pa.int64()), is_seen, pa.concat_arrays([limits] * 3)).to_pylist()
    assert reasons == ["low_page_quality" if percent < (least if category else 30) else None, "not_scored", "score_not_finite"]


def test_gates_do_not_depend_on_limits_that_a_scorer_is_asked():
    def gates(**changes):
        return with_changes(Policy("p"), changes).gates_hash

    assert gates(page_quality="scorer") != gates()
    assert gates(page_quality="scorer", **{"min_page_quality.forum": "1"}) == gates(page_quality="scorer")
    assert gates(**{"min_page_quality.forum": "1"}) != gates()
    assert gates(page_quality="scorer", **{"page_rate.forum": "0.1"}) != gates(page_quality="scorer")


@pytest.mark.parametrize("change", ["page_quality=nobody", "min_page_quality.forum=101", "min_page_quality.forum=-1", "page_rate.news=2"])
def test_a_judge_or_a_limit_that_cannot_be_is_refused(change):
    with pytest.raises(UsageError, match=r"expected (models or scorer|a number from 0 to)"):
        with_changes(Policy("p"), dict([change.split("=")]))


def test_verdicts_refuse_a_page_scorer_that_the_policy_does_not_ask(tmp_path, capsys):
    assert main(["decide.verdicts", "--lake", str(tmp_path / "lake"), "--page-scorer", "a", "--quiet"]) == 2
    assert "Add page_quality=scorer to it" in capsys.readouterr().err


def test_what_if_asks_each_page_what_its_kind_of_site_needs():
    rows = {"candidate": ["a", "b", "c", "d"], "language": ["none"] * 4, "size": [1] * 4, "category": ["forum", "commerce", None, "forum"]}
    scores = pa.table({"candidate": ["a", "b", "c"], "score_percent": pa.array([25, 59, 30], pa.int32()), "is_seen": [True] * 3})
    found = Tally(passing=[pa.table(rows)])
    found.judge_quality(BY_SCORER, Scored("s", scores, CUTS.arrow_schema.empty_table(), kind="page"))
    assert (found.kept, dict(found.dropped)) == (2, {"low_page_quality": 1, "not_scored": 1})
    assert np.sum(list(found.documents.values())) == 2
