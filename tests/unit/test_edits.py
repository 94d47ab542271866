"""Edits made of git's hunks give git's new text, and each fits one place only."""

import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from udfs.edits import Edit, EditError, apply, edits_of, lines_of, places
from udfs.patches import Hunk, file_patches

# Few different lines, so that most of them stand in many places; with and without a line feed at the end.
texts = st.lists(st.sampled_from(["a", "b", "", "  a", "\r", "\x0c", "\u2028 c"]), max_size=14).flatmap(
    lambda lines: st.sampled_from(["\n".join(lines), "\n".join([*lines, ""])])
)


def edits_by_git(folder: Path, old: str, new: str) -> list[Edit]:
    (folder / "old").write_bytes(old.encode())
    (folder / "new").write_bytes(new.encode())
    done = subprocess.run(["git", "diff", "--no-index", "--unified=0", "old", "new"], cwd=folder, capture_output=True)
    return [edit for one in file_patches(done.stdout) for edit in edits_of(old, one.hunks)]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts, texts)
@example("", "a\n")
@example("a\n", "")
@example("a", "a\n")
@example("a\n" * 9, "a\n" * 4 + "b\n" + "a\n" * 5)
def test_edits_give_the_new_text_and_each_search_is_there_once(tmp_path: Path, old: str, new: str) -> None:
    edits = edits_by_git(tmp_path, old, new)
    assert apply(old, edits) == new
    assert all(len(list(places(old, edit.search))) == 1 for edit in edits)
    assert all(old.count("\n") >= edit.search.count("\n") for edit in edits)


def test_a_wide_edit_takes_those_before_it_in(tmp_path: Path) -> None:
    """The last change stands in lines that are all alike, so that only nearly all of the text around it tells where."""
    old = "first\n" + "same\n" * 6 + "middle\n" + "same\n" * 40
    new = "FIRST\n" + "same\n" * 6 + "MIDDLE\n" + "same\n" * 20 + "new\n" + "same\n" * 20
    edits = edits_by_git(tmp_path, old, new)
    assert apply(old, edits) == new and len(edits) == 1


def test_a_change_in_a_long_text_is_a_short_edit(tmp_path: Path) -> None:
    old = "".join(f"def f{n}():\n    return {n}\n\n" for n in range(500))
    (edit,) = edits_by_git(tmp_path, old, old.replace("return 77\n", "return 78\n"))
    assert edit == Edit("def f77():\n    return 77\n\n", "def f77():\n    return 78\n\n")


@given(st.text(alphabet="a\n\r\x0b\u2028", max_size=30))
def test_lines_join_to_their_text(text: str) -> None:
    assert "".join(lines_of(text)) == text
    assert all(line.endswith("\n") for line in lines_of(text)[:-1])


@pytest.mark.parametrize(
    ("text", "edits"),
    [
        ("a\na\n", [Edit("a\n", "b\n")]),
        ("a\n", [Edit("c\n", "b\n")]),
        ("ab\n", [Edit("b\n", "c\n")]),
        ("a\nb\nc\n", [Edit("a\nb\n", "x\n"), Edit("b\nc\n", "y\n")]),
        ("a\n", [Edit("", "b\n")]),
    ],
)
def test_an_edit_that_does_not_fit_is_refused(text: str, edits: list[Edit]) -> None:
    with pytest.raises(EditError):
        apply(text, edits)


def test_one_changed_line_among_very_many_equal_ones_is_found_at_once() -> None:
    old = "x\n" * 400_000
    change = Hunk(200_000, [b"x"], [b"y"])
    start = time.process_time()
    (edit,) = edits_of(old, [change])
    assert time.process_time() - start < 10  # minutes, where all places of a block are listed
    assert edit.search == old and edit.replace == "x\n" * 199_999 + "y\n" + "x\n" * 200_000
