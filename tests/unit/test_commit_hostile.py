"""Histories with what no one expects give a document that holds, or a reason; never an error."""

import os
import subprocess
from dataclasses import replace

import pytest

from jobs import sources
from jobs.assemble import commit_snapshots
from jobs.assemble.commit_rows import SUBJECT_WEIGHT, CommitsParams, made, queries, without
from jobs.assemble.commit_snapshots import Walk
from jobs.ingest.commits import commit_row
from jobs.sources import history as git_history
from jobs.sources.bundles import commit_ids, open_bundle
from jobs.sources.history import read_commits
from jobs.sources.snapshots import open_blobs
from tests.git_history import History
from udfs.commit_layout import PathChange, applied, read

PLAN = CommitsParams().plan


def rows_by_message(history, tmp_path, plan=PLAN):
    bundle = tmp_path / "bundle"
    assert sources.keep_history(sources.parse_source(f"git:{history.path}"), bundle)
    found = {}
    with open_bundle(bundle) as repository, open_blobs(repository) as blobs:
        ids = list(commit_ids(repository, history.git("rev-parse", "HEAD")))
        for commit, snapshot, patch in Walk(repository, blobs).over([commit_row("r", one) for one in read_commits(repository, ids)]):
            row = without(commit, plan, snapshot) if isinstance(snapshot, str) else made(commit, snapshot, patch, plan)
            assert (row["text"] is None) is (row["reason"] is not None)
            found[commit["message"]] = row
    return found


@pytest.fixture
def history(tmp_path):
    return History(tmp_path / "repository")


def test_files_turn_into_directories_and_links_and_back(history, tmp_path):
    history.commit("Start", {"a": "a file\n", "d/x": "in a directory\n", "b": "b\n"})
    history.commit("File to directory", {"a": None})
    history.commit("File to directory, really", {"a/inside": "text\n", "d/x": None})
    (history.path / "d").rmdir()
    (history.path / "b").unlink()
    os.symlink("a/inside", history.path / "b")
    history.commit("Directory to file, file to link", {"d": "a file now\n"})
    history.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},module")
    history.git("commit", "-qm", "A submodule comes")
    (history.path / "b").unlink()
    history.git("add", "b")
    history.git("commit", "-qm", "The link is gone")
    found = rows_by_message(history, tmp_path)
    assert len(found) == 6
    reasons = {message: row["reason"] for message, row in found.items() if row["reason"]}
    assert reasons == {"A submodule comes": "submodule"}
    document = read(found["Directory to file, file to link"]["text"])
    assert PathChange("create", "b", None, "120000", "a/inside") in document.changes
    assert read(found["The link is gone"]["text"]).changes == (PathChange("delete", "b"),)


def test_files_become_links_and_submodules_and_the_other_way_round(history, tmp_path):
    """What is written gives git's own modes and texts; where a link leads nowhere, it is text like any other."""
    targets = {"plain": "where/it/leads", "empty": "@@@ end", "script": "two\nlines", "foreign": os.fsdecode(b"\xff")}
    start = {"plain": "a\nb\n", "empty": "", "script": "echo\n", "foreign": "x\n"}
    history.commit("Plain files", start)
    for name in ("plain", "empty", "script"):
        turned(history, name, targets[name])
    history.commit("Three become links")
    os.unlink(history.path / "plain")
    os.symlink("elsewhere", history.path / "plain")
    history.commit("One leads elsewhere")
    for name in ("plain", "empty", "script"):
        os.unlink(history.path / name)
    (history.path / "script").write_text("echo again\n")
    (history.path / "script").chmod(0o755)
    history.commit("They are files again", {"plain": "c\n", "empty": ""})
    turned(history, "foreign", targets["foreign"])
    history.commit("One leads to what is no text")
    history.git("rm", "-q", "plain")
    history.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},plain")
    history.git("commit", "-qm", "One becomes a submodule")
    history.git("update-index", "--cacheinfo", f"160000,{'2' * 40},plain")
    history.git("commit", "-qm", "The submodule moves")
    history.git("rm", "-q", "--cached", "plain")
    history.commit("The submodule is a file", {"plain": "d\n"})
    found = rows_by_message(history, tmp_path)
    reasons = {message: row["reason"] for message, row in found.items() if row["reason"]}
    submodules = ("One becomes a submodule", "The submodule moves", "The submodule is a file")
    assert reasons == dict.fromkeys(submodules, "submodule") | {"One leads to what is no text": "not_text"}
    for row in found.values():
        if row["text"]:
            assert_gives_the_commit(history, row)


def turned(history, name, target):
    os.unlink(history.path / name)
    os.symlink(target, history.path / name)


def assert_gives_the_commit(history, row):
    """The document, applied to the snapshot that git has before the commit, gives the snapshot after it."""
    before, after = (listed(history, f"{row['commit']}{suffix}") for suffix in ("^", ""))
    changed = applied(read(row["text"]).changes, before)
    assert {path: found for path, found in (before | changed).items() if found} == after


def listed(history, commit):
    """(mode, text) by path; nothing where there is no such commit."""
    done = subprocess.run(["git", "ls-tree", "-r", "-z", commit], cwd=history.path, capture_output=True)
    found = {}
    for line in done.stdout.decode().split("\0")[:-1]:
        (mode, _, blob), path = line.partition("\t")[0].split(" "), line.partition("\t")[2]
        text = subprocess.run(["git", "cat-file", "blob", blob], cwd=history.path, capture_output=True).stdout.decode("latin-1")
        found[path] = (mode, text)
    return found


def test_names_and_texts_in_no_encoding_and_of_two_spellings(history, tmp_path):
    names = [b"\xff.py", b"new\nline.py", b'quo"te.py', b" lead", "\N{LATIN SMALL LETTER E WITH ACUTE}.py".encode()]
    for number in range(3):
        for name in names:
            with open(os.fsencode(history.path) + b"/" + name, "wb") as file:
                file.write(b"x = %d\n" % number)
        history.commit(f"Number {number} for them all")
    history.commit("Bytes that are no text", {"latin.py": "é = 1\n".encode("latin-1")})
    history.commit("They become text", {"latin.py": "é = 1\n"})
    found = rows_by_message(history, tmp_path)
    assert len(found) == 5 and {found[name]["reason"] for name in ("Bytes that are no text", "They become text")} == {"not_text"}
    assert {row["reason"] for message, row in found.items() if message.startswith("Number")} == {None}


def test_two_names_that_are_one_as_text_have_no_document_for_as_long_as_both_are_there(history, tmp_path):
    for name in (b"\xff.py", b"\\xff.py"):
        with open(os.fsencode(history.path) + b"/" + name, "wb") as file:
            file.write(name + b"\n")
    history.commit("Two come")
    history.commit("Another file comes", {"a.py": "a\n"})
    os.unlink(os.fsencode(history.path) + b"/\xff.py")
    history.commit("One of them goes")
    history.commit("Another file changes", {"a.py": "b\n"})
    reasons = {message: row["reason"] for message, row in rows_by_message(history, tmp_path).items()}
    doubled = ("Two come", "Another file comes", "One of them goes")
    assert reasons == dict.fromkeys(doubled, "duplicate_path") | {"Another file changes": None}


def test_a_million_lines_and_an_empty_commit_and_a_message_of_nothing(history, tmp_path):
    history.commit("One large file", {"large.py": "x\n" * 400_000})
    history.commit("It changes in one line", {"large.py": "x\n" * 399_999 + "y\n"})
    history.commit("Nothing changes at all")
    history.commit("", {"a.py": "a\n"})
    found = rows_by_message(history, tmp_path)
    assert found["One large file"]["reason"] == "too_long" and found["Nothing changes at all"]["reason"] is None
    assert found["It changes in one line"]["reason"] == "too_long"  # no block of few lines is the only one of its kind
    assert found[""]["reason"] is None and read(found[""]["text"]).message == ""


def test_a_patch_that_is_too_large_has_a_reason_that_is_final(history, tmp_path, monkeypatch):
    monkeypatch.setattr(commit_snapshots, "MAX_PATCH_BYTES", 500)
    history.commit("One line", {"a.py": "a = 1\n"})
    history.commit("A hundred lines", {"a.py": "".join(f"a{n} = {n}\n" for n in range(100))})
    history.commit("One line again", {"a.py": "a = 1\n"})
    reasons = {message: row["reason"] for message, row in rows_by_message(history, tmp_path).items()}
    assert reasons == {"One line": None, "A hundred lines": "patch_too_large", "One line again": "patch_too_large"}


def test_a_commit_that_is_not_known_whole_has_that_as_its_reason(history, tmp_path, monkeypatch):
    monkeypatch.setattr(git_history, "MAX_CHANGES", 3)
    history.commit("Four at once", {f"{n}.py": f"{n}\n" for n in range(4)})
    history.commit("One of them", {"0.py": "other\n"})
    assert {message: row["reason"] for message, row in rows_by_message(history, tmp_path).items()} == {
        "Four at once": "many_changes",
        "One of them": None,
    }


KEY = "AKIA" + "A1" * 8


def test_a_file_that_holds_a_key_is_left_out_of_the_context_and_of_what_is_predicted(history, tmp_path):
    history.commit("Begin with a parser", {"parser.py": "def parse():\n    return 1\n", "README.md": "A parser\n"})
    history.commit("Settings come with a key", {"settings.py": f"region = 1\nkey = '{KEY}'\n\n\n\nsize = 1\n"})
    history.commit("The README has one too", {"README.md": f"A parser that says {KEY}\n"})
    history.commit("Let the parser of settings return more", {"parser.py": "def parse():\n    return 2\n"})
    history.commit("The settings of size are more", {"settings.py": f"region = 1\nkey = '{KEY}'\n\n\n\nsize = 2\n"})
    history.commit("The settings of a region are more", {"settings.py": f"region = 2\nkey = '{KEY}'\n\n\n\nsize = 2\n"})
    found = rows_by_message(history, tmp_path)
    reasons = {message: row["reason"] for message, row in found.items() if row["reason"]}
    assert set(reasons.values()) == {"secret"} and list(reasons) == [
        "Settings come with a key", "The README has one too", "The settings of a region are more",
    ]  # fmt: skip
    for message in ("Let the parser of settings return more", "The settings of size are more"):
        assert "secret" in found[message]["cuts"] and KEY not in found[message]["text"]
    shown = rows_by_message(history, tmp_path, replace(PLAN, shows_secrets=True))
    assert not any(row["reason"] for row in shown.values())
    assert all(KEY in shown[message]["text"] for message in [*reasons, "The settings of size are more"])
    assert CommitsParams(policy=("drop_commits=merge",)).plan.shows_secrets and not PLAN.shows_secrets


def test_a_copy_of_a_file_with_a_key_is_not_predicted(history, tmp_path):
    lines = "".join(f"value_{number} = {number}\n" for number in range(40))
    history.commit("Settings that have a key", {"settings.py": f"{lines}key = '{KEY}'\n"})
    history.commit(
        "Copy the settings for tests", {"settings.py": f"{lines}key = '{KEY}'\nx = 1\n", "copy.py": f"{lines}key = '{KEY}'\ny = 1\n"}
    )
    assert rows_by_message(history, tmp_path)["Copy the settings for tests"]["reason"] == "secret"


def test_the_first_line_of_a_message_weighs_more_than_the_others():
    found = queries("Let the parser read\n\nThe parser and the tokenizer were slow")
    assert found["weighted"] | {"parser": SUBJECT_WEIGHT, "tokenizer": 1, "slow": 1} == found["weighted"]
    assert found["message"].keys() == found["weighted"].keys() and set(found["message"].values()) == {1}
    assert list(found["subject"]) == ["let", "the", "parser", "read"]
