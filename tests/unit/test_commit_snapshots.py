"""A history cut into ranges anywhere gives the same snapshots, searches and documents as one range; broken and too large ones too."""

import random
import subprocess
from collections import Counter
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs import sources
from jobs.assemble import commit_snapshots
from jobs.assemble.commit_rows import CommitsParams, made, without
from jobs.assemble.commit_snapshots import Remembered, Walk
from jobs.ingest.commits import commit_row
from jobs.sources.bundles import commit_ids, open_bundle
from jobs.sources.history import read_commits
from jobs.sources.snapshots import open_blobs, tree_changes, trees_of
from jobs.sources.source import SourceError
from tests.git_history import History
from udfs import bounded_index
from udfs.bm25 import Index, file_terms
from udfs.bounded_index import BoundedIndex, places_of
from udfs.directories import Directories, cut_to

WORDS = ["parse", "option", "read", "write", "index", "value", "error", "path", "token", "line"]
NAMES = ["a.py", "b/a.py", "b/c/d.py", "vendor/x.py", "data.json", "README.md", "b/README", "e", "e/f.py", "g.png"]
PLAN = CommitsParams(budget_bytes=3000).plan


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A repository of ours with a random history of two branches, and its commits as rows, parents first."""
    draw = random.Random(7)
    history = History(tmp_path_factory.mktemp("snapshots") / "repository")
    for number in range(45):
        if number in (15, 35):
            history.git("checkout", "-qb", f"side{number}", "HEAD~5")
        elif number in (25, 40):
            history.git("merge", "-q", "-m", "Merge them", "-s", "ours", "main")
        changes = {}
        for name in draw.sample(NAMES, draw.randrange(1, 4)):
            path = history.path / name
            if path.is_dir() or any(parent.is_file() for parent in path.parents):
                continue
            gone = path.exists() and draw.random() < 0.3
            text = "".join(f"{' '.join(draw.choices(WORDS, k=4))}\n" for _ in range(draw.randrange(1, 30)))
            changes[name] = None if gone else b"\x89\0png" if name.endswith("png") else text
        history.commit(f"Let {' '.join(draw.sample(WORDS, 3))} go on", changes)
    bundle = tmp_path_factory.mktemp("bundle") / "bundle"
    assert sources.keep_history(sources.parse_source(f"git:{history.path}"), bundle)
    with open_bundle(bundle) as repository:
        yield repository, rows_of(repository, history)


def rows_of(repository, history):
    ids = list(commit_ids(repository, history.git("rev-parse", "HEAD")))
    return [commit_row("r", one) for one in read_commits(repository, ids)]


def rows_made(repository, ranges, most_entries):
    found = []
    for commits in ranges:
        with open_blobs(repository) as blobs:
            for commit, snapshot, patch in Walk(repository, blobs, most_entries).over(commits):
                found.append(without(commit, PLAN, snapshot) if isinstance(snapshot, str) else made(commit, snapshot, patch, PLAN))
    return found


@pytest.mark.parametrize("most_entries", [1_000_000, 60])
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_any_ranges_give_the_documents_of_one(opened, most_entries, data):
    repository, commits = opened
    cuts = data.draw(st.sets(st.integers(1, len(commits) - 1), max_size=4).map(sorted))
    ranges = [commits[start:end] for start, end in zip([0, *cuts], [*cuts, len(commits)], strict=True)]
    whole = rows_made(repository, [commits], most_entries)
    assert sum(row["text"] is not None for row in whole) > 20
    assert any("index" in row["cuts"] for row in whole) is (most_entries == 60)
    assert rows_made(repository, ranges, most_entries) == whole


def test_a_walk_goes_on_over_the_next_commits(opened):
    repository, commits = opened
    with open_blobs(repository) as blobs:
        walk = Walk(repository, blobs)
        steps = [made(*one, PLAN) for start in range(0, len(commits), 7) for one in walk.over(commits[start : start + 7])]
    assert steps == rows_made(repository, [commits], 1_000_000)


def test_a_snapshot_with_too_many_files_has_a_reason_and_those_after_it_do_not(opened, monkeypatch):
    repository, commits = opened
    monkeypatch.setattr(commit_snapshots, "MAX_FILES", 5)
    found = rows_made(repository, [commits], 1_000_000)
    reasons = Counter(row["reason"] for row in found)
    assert reasons["too_many_files"] > 3 and reasons[None] > 3
    assert rows_made(repository, [[one] for one in commits], 1_000_000) == found


def test_a_tree_that_is_not_there_costs_the_commits_whose_snapshot_has_it(tmp_path):
    history = History(tmp_path / "repository")
    history.commit("Add the parser of options", {"a/x.py": "x = 1\n", "b.py": "b = 1\n"})
    history.commit("Let the parser read more of them", {"a/x.py": "x = 2\n"})
    broken = history.git("rev-parse", "HEAD:a")
    history.commit("Give b another value now", {"b.py": "b = 2\n"})
    history.commit("Let the parser read less of them", {"a/x.py": "x = 3\n"})
    history.commit("Give b a third value now", {"b.py": "b = 3\n"})
    bundle = tmp_path / "bundle"
    sources.keep_history(sources.parse_source(f"git:{history.path}"), bundle)
    with open_bundle(bundle) as repository:
        commits = rows_of(repository, history)
        for pack in sorted((repository.path / "objects" / "pack").iterdir()):  # as loose objects, one of which can be taken away
            moved = pack.rename(tmp_path / pack.name)
            if moved.suffix == ".pack":
                subprocess.run(["git", f"--git-dir={repository.path}", "unpack-objects", "-q"], stdin=moved.open("rb"), check=True)
        (repository.path / "objects" / broken[:2] / broken[2:]).unlink()
        found = rows_made(repository, [commits], 1_000_000)
        assert rows_made(repository, [[one] for one in commits], 1_000_000) == found
        trees = trees_of(repository, ["1" * 40, commits[0]["commit"]])
        assert trees == [None, history.git("rev-parse", "HEAD~4^{tree}")]
        last = history.git("rev-parse", "HEAD~3^{tree}")
        with pytest.raises(SourceError, match="cannot be compared"):
            list(tree_changes(repository, [(trees[1], last)]))
    assert [row["reason"] for row in found] == [None, "unreadable", "unreadable", "unreadable", None]


@pytest.mark.parametrize("few", [0, 8])
@given(st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 12)), max_size=30), st.integers(0, 30))
def test_a_bounded_index_holds_as_many_files_as_fit_in_their_order(few, changes, most):
    """An oracle that knows the last snapshot alone: files in order until one does not fit. 0 is a file that is gone, 12 no text."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounded_index, "FEW", few)
        assert_it_holds_as_many_as_fit(changes, most)


def assert_it_holds_as_many_as_fit(changes, most):
    bounded, files, looked = BoundedIndex(most), {}, Counter()

    def terms_of(path):
        looked[path] += 1
        return None if files[path] == 12 else file_terms(path, " ".join(f"w{'abcdefghijkl'[n]}" for n in range(files[path])))

    for start in range(0, len(changes), 3):
        step = dict(changes[start : start + 3])
        gone = [path for path, words in step.items() if not words]
        for path in gone:
            files.pop(path, None)
        files |= {path: words for path, words in step.items() if words}
        bounded.change(gone, [path for path in step if path not in gone], files, terms_of)
    expected, is_full = Index(), False
    for _, _, path in sorted(places_of(list(files))):
        counts = terms_of(path)
        if counts is not None and expected.entries + len(counts) > most:
            is_full = True
            break
        if counts is not None:
            expected.add(path, counts)
    assert vars(bounded.index) == vars(expected) and bounded.is_full is is_full


@given(st.lists(st.sampled_from([*NAMES, "b/c/h.py", "b/c/README.rst", "i/j/k/l.py"]), max_size=40))
def test_directories_that_were_carried_along_are_those_made_from_scratch(toggled):
    carried, there = Directories(), set()
    for path in toggled:
        (carried.remove if path in there else carried.add)(path)
        there ^= {path}
    fresh = Directories()
    for path in sorted(there):
        fresh.add(path)
    assert vars(carried) == vars(fresh)
    changed = ["b/c/d.py", "b/new.py"]
    text, is_cut = carried.text(changed, 10_000)
    listed = [line for line in text.split("\n") if line]
    shown = there & {"README.md", "b/README", "b/c/README.rst"}
    assert not is_cut and sum("README" in line for line in listed) == len(shown)
    assert carried.readme(changed) == next((path for path in ("b/README", "README.md") if path in there), None)


def test_a_tree_that_does_not_fit_shows_fewer_files_and_then_fewer_lines():
    found = Directories()
    for number in range(100):
        found.add(f"src/f{number:03}.py")
        found.add(f"d{number:03}/x")
    text, is_cut = found.text(["src/new.py"], 10_000)
    assert not is_cut and "... 40 more files" in text and "  f059.py" in text and "f060.py" not in text and "d099/ (1 file)" in text
    text, is_cut = found.text(["src/new.py"], 400)
    assert is_cut and len(text.encode()) <= 400 and text.endswith("more lines\n")
    assert cut_to("", 100) == "... 0 more lines\n" and cut_to("é\n" * 50, 70) == "é\n" * 10 + "... 40 more lines\n"


def test_what_is_remembered_is_bounded_and_the_newest_is_always_there():
    asked = []

    def made_of(key, size):
        asked.append(key)
        return "x" * size

    found = Remembered(10, len)
    for key, size in (("a", 4), ("b", 4), ("a", 0), ("c", 4), ("b", 4), ("d", 99), ("d", 0)):
        assert len(found.get(key, partial(made_of, key, size))) >= size
    assert asked == ["a", "b", "c", "b", "d"]
