"""Documents of a real history, by what git itself has of each commit and of its parent; and that what is wrong with one is seen."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.commit_context import from_scratch
from benchmarks.commit_survey import flagged, flaw_of, is_cut_from, surveyed
from benchmarks.histories import PROJECT, bundle_of
from jobs.assemble.commit_rows import CommitsParams, made
from jobs.assemble.commit_snapshots import walk
from jobs.sources import SourceError
from jobs.sources.bundles import open_bundle
from jobs.sources.snapshots import open_blobs
from tests.git_history import History
from udfs.bm25 import terms
from udfs.commit_layout import read, written

MOST = 60


@pytest.fixture(scope="module")
def own_history():
    """The bundle of this project's history, and its newest commits without a flag."""
    if not (PROJECT / ".git").exists():
        pytest.skip("the project is no git repository here")
    try:
        with bundle_of(str(PROJECT)) as (bundle, tip):
            commits, flags = flagged(bundle, tip, MOST)
            yield bundle, [commit for commit, some in zip(commits, flags, strict=True) if not some]
    except (SourceError, SystemExit) as error:
        pytest.skip(f"the project's history is not whole here: {error}")


def test_documents_of_this_projects_history_give_its_commits_and_hold_nothing_from_after_them(own_history):
    bundle, kept = own_history
    outcomes, found, asked = surveyed(bundle, kept)
    assert {name for name in outcomes if name.startswith("document")} == {"document"} and sum(outcomes.values()) == len(kept)
    assert all(len(ranks) == asked for ranks in found.values()) and any(found["weighted"])


def test_scores_at_commits_drawn_from_this_projects_history_are_those_of_a_library(own_history):
    bundle, kept = own_history
    drawn = {commit["commit"] for commit in random.Random(6).sample(kept, 3)}
    with open_bundle(bundle) as repository:
        for commit, snapshot, _ in walk(repository, kept):
            if commit["commit"] in drawn:
                asked = terms(commit["message"])
                expected = {path: score for path, score in from_scratch(snapshot, asked).items() if score > 0}
                assert expected and snapshot.index.scores(asked) == pytest.approx(expected, rel=1e-9)


def test_a_context_from_after_the_commit_and_a_change_of_another_are_seen(tmp_path: Path):
    history = History(tmp_path / "repository")
    long = "".join(f"line {number} of the parser\n" for number in range(3000))
    history.commit("Begin with a parser of lines", {"parser.py": "x = 1\n", "long.py": long, "README": "A parser\n"})
    history.commit("Let the parser of lines say two", {"parser.py": "x = 2\n"})
    with bundle_of(str(history.path)) as (bundle, tip):
        commits, _ = flagged(bundle, tip, 10)
        with open_bundle(bundle) as repository, open_blobs(repository) as blobs:
            walked = walk(repository, commits)
            rows = [made(commit, snapshot, patch, CommitsParams().plan) for commit, snapshot, patch in walked]
            document = read(rows[1]["text"])
            assert [path for path, _ in document.files] == ["parser.py", "long.py"] and "found" in rows[1]["cuts"]
            assert flaw_of(rows[1]["text"], commits[1], blobs) == ""
            later = replace(document, files=(("parser.py", "x = 2\n"), *document.files[1:]))
            assert flaw_of(written(later), commits[1], blobs) == ", context from elsewhere"
            (change,) = document.changes
            other = replace(document, changes=(replace(change, edits=(replace(change.edits[0], replace="x = 3\n"),)),))
            assert flaw_of(written(other), commits[1], blobs) == ", another commit"
            assert not is_cut_from("line 0\nline 2\n... 9 more lines\n", long) and not is_cut_from("line 0 of the parser\n", long)
