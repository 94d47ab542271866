"""Commits and trees that no git would write, made by hand: each is a row with what can be known, and a document only where that holds.

The commits around an odd one are as they would be without it.
"""

import subprocess

import pytest

from jobs import sources
from jobs.assemble.commit_rows import CommitsParams, made, without
from jobs.assemble.commit_snapshots import Walk
from jobs.ingest.commits import commit_row
from jobs.sources.bundles import commit_ids, open_bundle
from jobs.sources.history import read_commits
from jobs.sources.snapshots import open_blobs
from schemas.ingest import COMMITS
from tests.git_history import History
from udfs.commit_layout import read

PLAN = CommitsParams().plan
WHO = b"A Name <a@example.org> "
NOW = b"1000000000 +0000"
Entry = tuple[bytes, bytes, bytes | str]


class Objects:
    """Writes objects as they are given, and makes each commit's tree of entries: (mode, name, text or id)."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.tip = ""

    def put(self, kind: str, raw: bytes) -> str:
        command = ["git", "hash-object", "-w", "--literally", "-t", kind, "--stdin"]
        return subprocess.run(command, cwd=self.history.path, input=raw, capture_output=True, check=True).stdout.decode().strip()

    def tree(self, *entries: Entry) -> str:
        ids = (found if isinstance(found, str) else self.put("blob", found) for _, _, found in entries)
        parts = (mode + b" " + name + b"\0" + bytes.fromhex(one) for (mode, name, _), one in zip(entries, ids, strict=True))
        return self.put("tree", b"".join(parts))

    def commit(self, message: bytes, *entries: Entry, author: bytes = NOW, committer: bytes = NOW, head: bytes = b"") -> str:
        parent = b"parent " + self.tip.encode() + b"\n" if self.tip else b""
        times = b"author " + WHO + author + b"\ncommitter " + WHO + committer + b"\n"
        self.tip = self.put("commit", b"tree " + self.tree(*entries).encode() + b"\n" + parent + times + head + b"\n" + message)
        (self.history.path / ".git/refs/heads/main").write_text(self.tip + "\n")
        return self.tip


@pytest.fixture
def objects(tmp_path) -> Objects:
    return Objects(History(tmp_path / "repository"))


def rows_of(objects, tmp_path):
    """(row of ingest/commits, row of the document) by message."""
    source, bundle = sources.parse_source(f"git:{objects.history.path}"), tmp_path / "x.bundle"
    assert sources.keep_history(source, bundle)
    with open_bundle(bundle) as opened, open_blobs(opened) as blobs:
        ids = list(commit_ids(opened, objects.tip))
        commits = [commit_row("r", one) for one in read_commits(opened, ids)]
        assert [row["commit"] for row in commits] == ids
        COMMITS.arrow_schema.empty_table().from_pylist(commits, COMMITS.arrow_schema)  # they can be written
        walked = Walk(opened, blobs).over(commits)
        found = [without(row, PLAN, place) if isinstance(place, str) else made(row, place, patch, PLAN) for row, place, patch in walked]
    return {row["message"]: (row, document) for row, document in zip(commits, found, strict=True)}


def plain(name: bytes, text: bytes) -> Entry:
    return b"100644", name, text


TIMES = [b"99999999999999999999 +0000", b"9223372036854775808 +0000", b"-5 +0000", b"yesterday", b"", b"4294967296 +0000"]


@pytest.mark.parametrize("when", TIMES)
def test_a_time_that_is_none_or_that_no_table_holds_is_null(objects, tmp_path, when):
    """Such a commit stopped the task that read it, and with it the whole job."""
    objects.commit(b"Begin with one", plain(b"a.py", b"1\n"), author=b"5 +0000", committer=b"86405 +0000")
    objects.commit(b"Odd it is", plain(b"a.py", b"2\n"), author=when, committer=when)
    objects.commit(b"End with three", plain(b"a.py", b"3\n"), committer=b"172805 +0000")
    found = rows_of(objects, tmp_path)
    expected = 4294967296 if when.startswith(b"4") else None
    assert [row["author_time"] for row, _ in found.values()] == [5, expected, 1000000000]
    assert [row["committer_time"] for row, _ in found.values()] == [86405, expected, 172805]
    facts = sources.facts(sources.parse_source(f"git:{objects.history.path}"))
    assert facts.commits == 3 and facts.maintained_days == (49709 if expected else 1)


MESSAGES = {
    "one\r\ntwo\rthree\r\n\r": (b"one\r\ntwo\rthree\r\n\r\n", b""),
    "caf\u00e9 is open": (b"caf\xe9 is open\n", b"encoding ISO-8859-1\n"),
    "caf\\xe9 is open": (b"caf\xe9 is open\n", b"encoding no-such-thing\n"),
    "a" * 40 + "\n:100644 100644 a b M\n1\t1\tx": (b"a" * 40 + b"\n:100644 100644 a b M\n1\t1\tx", b""),
    "before": (b"before\0:100644 x\0" + b"a" * 40, b""),  # as git itself has it
    "signed": (b"signed\n", b"gpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----\n"),
}


@pytest.mark.parametrize("expected", MESSAGES)
def test_a_message_is_read_whatever_it_holds(objects, tmp_path, expected):
    raw, head = MESSAGES[expected]
    objects.commit(b"Begin with one", plain(b"a.py", b"1\n"))
    objects.commit(raw, plain(b"a.py", b"2\n"), head=head)
    objects.commit(b"End with three", plain(b"a.py", b"3\n"))
    found = rows_of(objects, tmp_path)
    assert list(found) == ["Begin with one", expected, "End with three"]
    assert all(row["change_count"] == 1 and document["reason"] is None for row, document in found.values())
    assert read(found[expected][1]["text"]).message == expected


NAMES = [b"/a.py", b"x//a.py", b"x/", b"../a.py", b"./a.py", b".git/config", b".GIT", b"C:\\a.py", b"d/" * 2100 + b"a.py"]


@pytest.mark.parametrize("name", NAMES)
def test_a_path_that_no_file_can_have_is_in_no_document(objects, tmp_path, name):
    """`/a.py` was counted in its directory for ever; others ended the task."""
    for number in (1, 2):
        objects.commit(b"With an odd path %d" % number, plain(name, b"%d\n" % number), plain(b"z.py", b"%d\n" % number))
    objects.commit(b"Beside the odd path", plain(name, b"2\n"), plain(b"z.py", b"3\n"))
    found = {message: document for message, (_, document) in rows_of(objects, tmp_path).items()}
    assert [found[f"With an odd path {number}"]["reason"] for number in (1, 2)] == ["unsafe_path"] * 2
    text = found["Beside the odd path"]["text"]
    assert [change.path for change in read(text).changes] == ["z.py"] and name.decode() not in text


TWICE: list[tuple[list[Entry], list[Entry], str]] = [
    ([plain(b"a.py", b"1\n"), plain(b"a.py", b"2\n")], [plain(b"a.py", b"1\n")], "duplicate_path"),
    ([plain(b"a.py", b"1\n")], [plain(b"a.py", b"1\n"), plain(b"a.py", b"2\n")], "cannot_be_applied"),
    ([plain(b"a.py", b"1\n"), plain(b"z.py", b"2\n")], [plain(b"z.py", b"1\n"), plain(b"a.py", b"2\n")], "duplicate_path"),
]


@pytest.mark.parametrize(("old", "new", "reason"), TWICE)
def test_a_tree_that_has_a_path_twice_or_is_not_in_order_gives_no_wrong_document(objects, tmp_path, old, new, reason):
    """What git says of such a tree is the loss of a file that is there."""
    objects.commit(b"Before", *old)
    objects.commit(b"After", *new)
    assert rows_of(objects, tmp_path)["After"][1]["reason"] == reason


def test_a_tree_that_has_a_file_and_a_directory_of_one_name_gives_no_document(objects, tmp_path):
    inside = objects.tree(plain(b"x.py", b"1\n"))
    objects.commit(b"A file", plain(b"a", b"1\n"))
    objects.commit(b"Both", plain(b"a", b"2\n"), (b"40000", b"a", inside))
    objects.commit(b"The directory", (b"40000", b"a", inside))
    objects.commit(b"The file again", plain(b"a", b"3\n"))
    reasons = {message: document["reason"] for message, (_, document) in rows_of(objects, tmp_path).items()}
    assert reasons == {"A file": None, "Both": "cannot_be_applied", "The directory": None, "The file again": None}


def test_a_directory_of_very_many_levels_is_shown_down_to_some(objects, tmp_path):
    """A listing of a thousand levels ended the task."""
    path = b"d/" * 1500 + b"a.py"
    stream = b"".join(
        b"commit refs/heads/main\ncommitter " + WHO + NOW + b"\ndata 8\nNumber %d\nM 100644 inline %b\ndata 2\n%d\n\n" % (one, path, one)
        for one in (1, 2)
    )
    subprocess.run(["git", "fast-import", "--quiet"], cwd=objects.history.path, input=stream, check=True)
    objects.tip = objects.history.git("rev-parse", "main")
    found = {message: document for message, (_, document) in rows_of(objects, tmp_path).items()}
    assert [document["reason"] for document in found.values()] == [None, None]
    assert "d/ (1 file)\n" in (read(found["Number 2"]["text"]).tree or "")
