"""A package's patches become commits, one by one, with their descriptions; a machine without sources says what is missing."""

import os

import pytest

from jobs import demo_patches
from jobs.demo_patches import NoSourcesError, committed, histories, made, message_of, source_lists
from tests.git_history import History

FIRST = """Description: Say hello to more people
 Who greets one greets all.
Author: A Name
---
--- a/hello.txt
+++ b/hello.txt
@@ -1 +1 @@
-hello
+hello all
"""
SECOND = """Subject: Say goodbye too
diff --git a/bye.txt b/bye.txt
new file mode 100644
--- /dev/null
+++ b/bye.txt
@@ -0,0 +1 @@
+bye
"""


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        (FIRST, "Say hello to more people\n\nWho greets one greets all."),
        (SECOND, "Say goodbye too"),
        ("Fix it\n\n--- a/x\n", "Fix it"),
        ("--- a/x\n", "No description"),
    ],
)
def test_the_description_of_a_patch_is_the_message(patch, message):
    assert message_of(patch) == message


def test_patches_are_committed_until_one_does_not_apply(tmp_path):
    tree = tmp_path / "package"
    patches = tree / "debian" / "patches"
    patches.mkdir(parents=True)
    (tree / "hello.txt").write_text("hello\n")
    (patches / "series").write_text("# a remark\none.patch\n\ntwo.patch -p1\nbroken.patch\n")
    for name, text in (("one", FIRST), ("two", SECOND), ("broken", FIRST)):
        (patches / f"{name}.patch").write_text(text)
    assert committed(tree) == 2
    found = History.__new__(History)
    found.path = tree
    assert found.git("log", "--format=%s").split("\n") == ["Say goodbye too", "Say hello to more people", "Import the upstream source"]
    assert found.git("ls-files").split() == ["bye.txt", "hello.txt"] and (tree / "hello.txt").read_text() == "hello all\n"


def test_a_machine_without_the_tools_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoSourcesError, match="apt-get is not there"):
        list(made(tmp_path / "out", ["sed"]))


def test_a_machine_without_archives_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(demo_patches, "CONFIGURATION", tmp_path)
    with pytest.raises(NoSourcesError, match="no archive"):
        source_lists(tmp_path)


def test_what_was_made_before_is_taken_without_a_fetch_and_what_cannot_be_had_is_said(tmp_path, monkeypatch, capsys):
    made_before = History(tmp_path / "patches" / "sed")
    made_before.commit("Import the upstream source", {"a.txt": "1\n"})
    monkeypatch.setenv("PATH", str(tmp_path))
    assert histories(tmp_path / "patches", ["sed"]) == [made_before.path] and capsys.readouterr().err == ""
    assert histories(tmp_path / "patches", ["grep", "sed"]) == [made_before.path]
    assert capsys.readouterr().err.startswith("demo: patches of source packages are left out: the program apt-get is not there")
    assert [path.name for path in (tmp_path / "patches").iterdir()] == ["sed"]


def test_an_apt_that_does_not_answer_is_given_up(tmp_path, monkeypatch):
    """A program called apt-get that waits, as the real one does for a network that swallows what it is sent."""
    program = tmp_path / "apt-get"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(demo_patches, "FETCH_S", 0.2)
    with pytest.raises(NoSourcesError, match="no answer within"):
        demo_patches.asked_of_apt("update", folder=tmp_path)
