"""Commits as they come out of a bundle, against what git itself says of the same repository."""

import subprocess
from pathlib import Path

import pytest

from jobs import sources
from jobs.sources import commit_patches, history
from jobs.sources.bundles import commit_ids, is_ancestor, open_bundle
from jobs.sources.commit_patches import TOO_LARGE, UNREADABLE, read_patches
from jobs.sources.history import read_commits
from jobs.sources.source import SourceError
from tests.git_history import History


def bundled(repository: History, tmp_path: Path) -> Path:
    bundle = tmp_path / f"{repository.git('rev-parse', 'HEAD')}.bundle"
    assert sources.keep_history(sources.parse_source(f"git:{repository.path}"), bundle)
    return bundle


def commits(repository: History, tmp_path: Path) -> list[history.Commit]:
    with open_bundle(bundled(repository, tmp_path)) as found:
        return list(read_commits(found, list(commit_ids(found, repository.git("rev-parse", "HEAD")))))


@pytest.fixture
def repository(tmp_path: Path) -> History:
    return History(tmp_path / "repository")


def test_every_kind_of_change_is_read(repository: History, tmp_path: Path) -> None:
    body = "".join(f"line {n}\n" for n in range(20))
    repository.commit("first\n\nbody", {"a.py": body, "b.bin": b"\0\1\2", "gone.py": "x\n", "run.sh": "echo\n", "link": "not yet\n"})
    repository.git("mv", "a.py", "moved.py")
    (repository.path / "run.sh").chmod(0o755)
    (repository.path / "link").unlink()
    (repository.path / "link").symlink_to("moved.py")
    repository.commit("second", {"moved.py": body + "new\n", "b.bin": b"\0\3", "gone.py": None, "sub/n.py": "a\nb\n"})
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},module")
    repository.git("commit", "-qm", "third")
    repository.commit("fourth", {"moved.py": body + "new\nnewer\n", "copy.py": body + "new\nother\n"})
    first, second, third, fourth = commits(repository, tmp_path)
    assert (first.message, first.parents, first.flaw) == ("first\n\nbody", (), None)
    assert {change.status for change in first.changes} == {"added"} and first.change_count == 5
    found = {change.path: change for change in second.changes}
    assert {path: change.status for path, change in found.items()} == {
        "moved.py": "renamed", "b.bin": "modified", "gone.py": "deleted", "sub/n.py": "added", "run.sh": "mode", "link": "type",
    }  # fmt: skip
    assert (found["moved.py"].old_path, found["moved.py"].added_lines, found["moved.py"].deleted_lines) == ("a.py", 1, 0)
    assert (found["b.bin"].added_lines, found["b.bin"].deleted_lines) == (None, None)
    assert (found["sub/n.py"].added_lines, found["sub/n.py"].old_blob) == (2, None)
    assert (found["run.sh"].old_mode, found["run.sh"].new_mode) == ("100644", "100755")
    assert found["link"].new_mode == "120000"
    assert found["gone.py"].new_blob is None and found["gone.py"].old_blob == repository.git("rev-parse", f"{first.id}:gone.py")
    assert [(change.path, change.new_mode) for change in third.changes] == [("module", "160000")]
    copied, _, modified = fourth.changes  # the submodule goes, for it is in no work tree
    assert (copied.status, copied.path, copied.old_path) == ("copied", "copy.py", "moved.py")
    assert (copied.added_lines, copied.deleted_lines) == (1, 0)
    assert (modified.status, modified.path, modified.added_lines) == ("modified", "moved.py", 1)


def test_merges_are_compared_with_their_first_parent_and_come_after_all_of_them(repository: History, tmp_path: Path) -> None:
    repository.commit("base", {"base.py": "1\n"})
    for name in ("one", "two"):
        repository.git("checkout", "-qb", name, "main")
        repository.commit(f"on {name}", {f"{name}.py": "1\n"})
    repository.git("checkout", "-q", "main")
    repository.commit("on main", {"main.py": "1\n"})
    repository.git("merge", "-q", "-m", "octopus", "one", "two")
    found = commits(repository, tmp_path)
    places = {commit.id: place for place, commit in enumerate(found)}
    assert all(places[parent] < places[commit.id] for commit in found for parent in commit.parents)
    assert (len(found[-1].parents), sorted(change.path for change in found[-1].changes)) == (3, ["one.py", "two.py"])


def test_names_and_messages_that_are_hostile_are_told_apart(repository: History, tmp_path: Path) -> None:
    names = ["new\nline.py", 'quo"te.py', "tab\there.py", ":100644 100644 x", "1\t2\tthree", "a" * 40]
    repository.commit("hash-like: " + "a" * 40 + "\n\n:100644\n1\t2\tx", dict.fromkeys(names, "text\n"))
    repository.commit("", {"latin.txt": b"caf\xe9\n"})
    repository.git("-c", "i18n.commitEncoding=ISO-8859-1", "commit", "-q", "--allow-empty", "-m", "caf\u00e9")
    first, second, third = commits(repository, tmp_path)
    assert sorted(change.path for change in first.changes) == sorted(names)
    assert all((change.added_lines, change.deleted_lines) == (1, 0) for change in first.changes)
    assert first.message.endswith("1\t2\tx")
    assert second.message == "" and second.change_count == 1
    assert third.changes == () and third.flaw is None


def test_times_at_the_ends_of_what_git_knows(repository: History, tmp_path: Path) -> None:
    for when in ("1 +0000", "4294967295 +0000"):
        repository.commit("a commit", {"a.py": when}, GIT_AUTHOR_DATE=f"@{when}", GIT_COMMITTER_DATE=f"@{when}")
    assert [commit.author_time for commit in commits(repository, tmp_path)] == [1, 4294967295]


def test_a_commit_of_many_files_is_counted_whole_and_listed_in_part(repository: History, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(history, "MAX_CHANGES", 3)
    repository.commit("many", {f"{n}.py": f"{n}\n" for n in range(5)})
    repository.commit("few", {"0.py": "other\n"})
    many, few = commits(repository, tmp_path)
    assert (many.change_count, len(many.changes), many.flaw, few.flaw) == (5, 3, "many_changes", None)


@pytest.mark.parametrize("lost", ["blob", "tree"])
def test_a_broken_object_costs_its_commits_and_no_others(repository: History, tmp_path: Path, lost: str) -> None:
    ids = [repository.commit(f"commit {n}", {"a.py": "".join(f"{n} {line}\n" for line in range(9))}) for n in range(5)]
    broken = repository.git("rev-parse", f"{ids[2]}:a.py" if lost == "blob" else f"{ids[2]}^{{tree}}")
    with open_bundle(bundled(repository, tmp_path)) as found:
        (pack,) = (found.path / "objects" / "pack").glob("*.pack")
        unpacked = pack.read_bytes()
        pack.unlink()
        pack.with_suffix(".idx").unlink()
        subprocess.run(["git", f"--git-dir={found.path}", "unpack-objects", "-q"], input=unpacked, check=True)
        (found.path / "objects" / broken[:2] / broken[2:]).unlink()
        read = list(read_commits(found, ids))
        patched = list(read_patches(found, ids, 1 << 20))
    assert [commit.id for commit in read] == ids == [commit_id for commit_id, _ in patched]
    assert [commit.flaw for commit in read] == [None, None, "unreadable", "unreadable", None]
    assert [patch == UNREADABLE for _, patch in patched] == [False, False, True, True, False]


def test_patches_are_those_of_git_and_large_ones_are_left_out(repository: History, tmp_path: Path) -> None:
    repository.commit("one", {"a.py": "1\n2\n3\n"})
    repository.commit("two", {"a.py": "1\n22\n3\n", "large.txt": "x" * 5000 + "\n"})
    repository.commit("three", {"a.py": "1\n22\n33\n"})
    ids = repository.git("rev-list", "--reverse", "HEAD").split()
    with open_bundle(bundled(repository, tmp_path)) as found:
        patches = dict(read_patches(found, ids, 1000))
    assert patches[ids[1]] == TOO_LARGE
    last = patches[ids[2]]
    assert isinstance(last, bytes) and b"@@ -3 +3 @@\n-3\n+33" in last and b" 1" not in last.split(b"\n")


@pytest.mark.parametrize("most_bytes", [1 << 20, 9100, 300])
def test_patches_do_not_depend_on_how_much_is_read_at_once(repository: History, tmp_path: Path, monkeypatch, most_bytes: int) -> None:
    repository.commit("a text that has NUL late", {"a.txt": "x" * 9000 + "\n\0" + "1" * 40 + "\0\n\0"})
    repository.commit("nothing")
    repository.commit("NUL at the start of lines", {"a.txt": "x" * 9000 + "\n\0\n\0\n", "b.py": "1"})
    ids = repository.git("rev-list", "--reverse", "HEAD").split()
    options = ["-1", "--format=", "--patch", "--unified=0", "--full-index", "--root"]
    whole = {one: repository.git("log", *options, one).encode() for one in ids}
    with open_bundle(bundled(repository, tmp_path)) as found:
        for size in (1, 2, 7, 1000, 1 << 20):
            monkeypatch.setattr(commit_patches, "READ_BYTES", size)
            patches = dict(read_patches(found, ids, most_bytes))
            assert list(patches) == ids
            assert all(patch == TOO_LARGE or patch.strip() == whole[one] for one, patch in patches.items())
            assert {one for one, patch in patches.items() if patch == TOO_LARGE} == {one for one in ids if len(whole[one]) + 2 > most_bytes}


def test_what_goes_on_from_what_was_read_is_known(repository: History, tmp_path: Path) -> None:
    first, second = (repository.commit(f"commit {n}", {"a.py": f"{n}\n"}) for n in range(2))
    with open_bundle(bundled(repository, tmp_path)) as found:
        assert is_ancestor(found, first, second) and not is_ancestor(found, second, first) and not is_ancestor(found, "1" * 40, second)
        assert list(commit_ids(found, second, first)) == [second]


def test_a_history_of_sha256_is_read(tmp_path: Path) -> None:
    repository = History(tmp_path / "repository", "--object-format=sha256")
    ids = [repository.commit(f"commit {n}", {"a.py": f"{n}\n"}) for n in range(2)]
    assert [commit.id for commit in commits(repository, tmp_path)] == ids and len(ids[0]) == 64


@pytest.mark.parametrize("content", [b"", b"no bundle", b"# v2 git bundle\n" + b"1" * 40 + b" refs/heads/codemill\n\nPACK"])
def test_what_is_no_bundle_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.bundle").write_bytes(content)
    with pytest.raises(SourceError, match=r"x\.bundle cannot be unpacked"), open_bundle(tmp_path / "x.bundle"):
        pass


def test_a_file_over_16_mib_is_not_compared_and_others_of_its_commit_are(repository: History, tmp_path: Path) -> None:
    text = b"x\n" * (9 << 20)
    ids = [repository.commit(f"commit {n}", {"large.txt": text + b"%d\n" % n, "a.py": f"{n}\n"}) for n in range(2)]
    with open_bundle(bundled(repository, tmp_path)) as found:
        second = list(read_commits(found, ids))[1]
        patch = dict(read_patches(found, ids, 1 << 20))[ids[1]]
    assert {change.path: change.added_lines for change in second.changes} == {"a.py": 1, "large.txt": None}
    assert isinstance(patch, bytes) and patch.endswith(b"Binary files a/large.txt and b/large.txt differ") and b"\n+1\n" in patch
