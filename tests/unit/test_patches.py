"""What a patch is made of, and its name: against patches that git itself writes."""

from pathlib import Path

import pytest

from tests.git_history import History
from udfs.patches import FilePatch, changes_only_space, file_patches, identity

TEXT = "".join(f"def f{n}():\n    return {n}\n\n\n" for n in range(20))


def patch_of(repository: History, commit: str = "HEAD") -> bytes:
    return repository.git("log", "-1", "--format=", "--patch", "--unified=0", "--full-index", commit).encode()


def files_of(repository: History, commit: str = "HEAD") -> list[FilePatch]:
    return list(file_patches(patch_of(repository, commit)))


@pytest.fixture
def repository(tmp_path: Path) -> History:
    found = History(tmp_path / "repository")
    found.commit("first", {"a.py": TEXT, "b.c": "int a;\nint b;\n"})
    return found


def test_lines_of_a_patch_that_look_like_heads_are_lines(repository: History) -> None:
    repository.commit("a diff of a diff", {"d.txt": "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n", "a.py": TEXT + "-- x\n++ y\n"})
    one, other = file_patches(patch_of(repository))
    assert [(hunk.removed, hunk.added) for hunk in one.hunks] == [([], [b"-- x", b"++ y"])]
    assert other.hunks[0].added == [b"diff --git a/x b/x", b"--- a/x", b"+++ b/x", b"@@ -1 +1 @@"]


def test_the_end_of_a_file_without_a_line_feed_is_known(repository: History) -> None:
    repository.commit("cut both", {"b.c": "int a;\nlong b;"})
    (one,) = file_patches(patch_of(repository))
    assert [(hunk.old_start, hunk.is_end_cut) for hunk in one.hunks] == [(2, [False, True])]
    repository.commit("mend it", {"b.c": "int a;\nlong c;\n"})
    (one,) = file_patches(patch_of(repository))
    assert [(hunk.removed, hunk.added, hunk.is_end_cut) for hunk in one.hunks] == [([b"long b;"], [b"long c;"], [True, False])]


def test_a_cherry_pick_elsewhere_has_the_same_name(repository: History) -> None:
    repository.git("checkout", "-qb", "other")
    repository.commit("far above", {"a.py": "import os\n" * 30 + TEXT})
    repository.git("checkout", "-q", "main")
    change = repository.commit("change f7", {"a.py": TEXT.replace("return 7", "return 77"), "b.c": "int a;\nlong b;\n"})
    repository.git("checkout", "-q", "other")
    repository.git("cherry-pick", change)
    assert repository.git("rev-parse", "HEAD") != change
    assert identity(files_of(repository)) == identity(files_of(repository, change))


def test_another_change_or_another_path_has_another_name(repository: History) -> None:
    names = {identity(files_of(repository))}
    for message, files in (("one", {"b.c": "int a;\nlong b;\n"}), ("two", {"c.c": "long b;\n"}), ("three", {"b.c": "int a;\nint b;\n"})):
        repository.commit(message, files)
        names.add(identity(files_of(repository)))
    assert len(names) == 4 and None not in names


def test_what_changes_no_line_has_no_name(repository: History) -> None:
    repository.git("mv", "b.c", "c.c")
    repository.commit("move")
    assert identity(files_of(repository)) is None and not changes_only_space(files_of(repository))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"b.c": "int   a;\n  int b;\n"}, True),
        ({"b.c": "int a; int b;\n"}, True),
        ({"b.c": "int a;\nint c;\n"}, False),
        ({"b.c": "int b;\nint a;\n"}, False),
        ({"a.py": TEXT + "\n\n"}, True),
        ({"a.py": TEXT.replace("    return 3", "  return 3")}, False),
        ({"a.py": TEXT.replace("return 3", "return  3")}, True),
        ({"b.c": "int  a;\nint b;\n", "a.py": TEXT + "x = 1\n"}, False),
    ],
)
def test_white_space_alone_is_seen_and_indentation_counts_where_it_means_something(
    repository: History, files: dict[str, str | bytes | None], expected: bool
) -> None:
    repository.commit("change", files)
    assert changes_only_space(files_of(repository)) is expected
