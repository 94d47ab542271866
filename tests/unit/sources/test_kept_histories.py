"""Histories in the lake: opened by the index beside them, or without it; damaged ones; ones that lack objects, as partial clones do."""

import shutil
from pathlib import Path

import pytest
from pyarrow.fs import FileSystem, LocalFileSystem

from jobs import sources
from jobs.ingest import listing
from jobs.ingest.commits import bundle_of
from jobs.sources import bundle_files, kept_histories
from jobs.sources.bundle_files import index_of
from jobs.sources.bundles import commit_ids, open_bundle
from jobs.sources.history import read_commits
from jobs.sources.quarantine import Quarantine
from jobs.sources.source import SourceError
from schemas.lake import BUNDLES, Lake
from tests.git_history import History


@pytest.fixture
def repository(tmp_path: Path) -> History:
    found = History(tmp_path / "repository")
    for number in range(4):
        found.commit(f"Commit {number}", {"a.py": f"{number}\n", f"b{number}.py": "text\n" * number})
    return found


def kept(repository: History, target: Path) -> Path:
    assert sources.keep_history(sources.parse_source(f"git:{repository.path}"), target)
    return target


def read(bundle: Path, repository: History) -> list[object]:
    with open_bundle(bundle) as opened:
        return list(read_commits(opened, list(commit_ids(opened, repository.git("rev-parse", "HEAD")))))


def commands_of(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `git` of a quarantine is asked to do from now on."""
    asked: list[str] = []
    run = Quarantine.run

    def noted(self: Quarantine, *arguments: str, stdin: bytes = b"") -> bytes:
        asked.append(arguments[0])
        return run(self, *arguments, stdin=stdin)

    monkeypatch.setattr(Quarantine, "run", noted)
    return asked


@pytest.mark.parametrize("options", [(), ("--object-format=sha256",)])
def test_a_history_opens_by_its_index_without_being_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    repository = History(tmp_path / "other", *options)
    for number in range(3):
        repository.commit(f"Commit {number}", {"a.py": f"{number}\n"})
    bundle = kept(repository, tmp_path / "x.bundle")
    asked = commands_of(monkeypatch)
    found = read(bundle, repository)
    assert len(found) == 3 and "bundle" not in asked
    index_of(bundle).unlink()  # as of a lake of an earlier version
    assert read(bundle, repository) == found and "bundle" in asked


@pytest.mark.parametrize("damage", ["another history's index", "a byte of the index", "half an index", "no byte of an index"])
def test_an_index_that_is_not_of_the_bundle_is_not_believed(
    repository: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    bundle = kept(repository, tmp_path / "x.bundle")
    expected = read(bundle, repository)
    whole = index_of(bundle).read_bytes()
    if damage == "another history's index":
        repository.commit("Commit 4", {"a.py": "4\n"})
        shutil.copyfile(index_of(kept(repository, tmp_path / "y.bundle")), index_of(bundle))
        repository.git("reset", "-q", "--hard", "HEAD~1")
    else:
        spoilt = {"a byte of the index": whole[:1100] + b"\xff" + whole[1101:], "half an index": whole[: len(whole) // 2]}
        index_of(bundle).write_bytes(spoilt.get(damage, b""))
    asked = commands_of(monkeypatch)
    assert read(bundle, repository) == expected and "bundle" in asked


@pytest.mark.parametrize("part", ["pack", "end"])
def test_a_bundle_with_a_wrong_byte_is_told_and_never_read(repository: History, tmp_path: Path, part: str) -> None:
    bundle = kept(repository, tmp_path / "x.bundle")
    raw = bytearray(bundle.read_bytes())
    raw[len(raw) - (100 if part == "pack" else 1)] ^= 0x20
    bundle.write_bytes(raw)
    with pytest.raises(SourceError, match=r"x\.bundle cannot be unpacked: .* --force makes a damaged one again"), open_bundle(bundle):
        pass
    assert len(read(kept(repository, bundle), repository)) == 4  # whoever asks for it to be kept finds that it is not whole


def lose(repository: History, *revisions: str) -> None:
    """Takes objects away, as a partial clone or a mirror without large files has it."""
    for revision in revisions:
        one = repository.git("rev-parse", revision)
        (repository.path / ".git" / "objects" / one[:2] / one[2:]).unlink()


def test_a_blob_that_is_not_there_costs_its_commits_and_not_the_history(repository: History, tmp_path: Path) -> None:
    lose(repository, "HEAD~2:a.py")
    found = read(kept(repository, tmp_path / "x.bundle"), repository)
    assert [commit.flaw for commit in found] == [None, "unreadable", "unreadable", None]  # type: ignore[attr-defined]


def test_a_history_that_lacked_a_blob_is_kept_again_and_whole_when_the_blob_is_there(repository: History, tmp_path: Path) -> None:
    lost = repository.path / ".git" / "objects" / "lost"
    blob = repository.git("rev-parse", "HEAD~2:a.py")
    place = lost.parent / blob[:2] / blob[2:]
    place.rename(lost)
    bundle = kept(repository, tmp_path / "x.bundle")
    assert any(commit.flaw for commit in read(bundle, repository))  # type: ignore[attr-defined]
    lost.rename(place)
    assert not any(commit.flaw for commit in read(kept(repository, bundle), repository))  # type: ignore[attr-defined]
    assert {path.suffix for path in tmp_path.glob("x.*")} == {".bundle", ".idx"}


def test_an_index_that_is_gone_or_anothers_is_made_again_and_a_whole_history_is_not(repository: History, tmp_path: Path) -> None:
    bundle = kept(repository, tmp_path / "x.bundle")
    made, index = bundle.stat().st_ino, index_of(bundle).read_bytes()
    assert kept(repository, bundle).stat().st_ino == made
    for spoilt in (None, index[:-40] + bytes(40)):
        index_of(bundle).unlink() if spoilt is None else index_of(bundle).write_bytes(spoilt)
        assert index_of(kept(repository, bundle)).read_bytes() == index


def test_a_history_that_lacks_many_objects_is_refused(repository: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_histories, "MAX_MISSING", 1)
    lose(repository, "HEAD~2:a.py", "HEAD~1:a.py")
    with pytest.raises(SourceError, match=r"cannot be kept: .* or all but 1; `git fsck`"):
        kept(repository, tmp_path / "x.bundle")
    assert [path.name for path in tmp_path.iterdir()] == ["repository"]


@pytest.mark.parametrize("name", ["HEAD~2", "HEAD~1^{tree}"])
def test_a_commit_or_tree_that_is_not_there_is_told(repository: History, tmp_path: Path, name: str) -> None:
    lose(repository, name)
    with pytest.raises(SourceError, match=r"the history of .* cannot be kept"):
        kept(repository, tmp_path / "x.bundle")


def test_a_file_that_is_no_bundle_has_no_endless_head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_files, "MAX_LINE", 10)
    (tmp_path / "x.bundle").write_bytes(b"x" * 1000)
    assert bundle_files.object_format(tmp_path / "x.bundle") == "sha1"


class FarLake(Lake):
    """A lake that is reached through a file system alone, as one on S3 is."""

    @property
    def is_local(self) -> bool:
        return False

    def filesystem(self) -> tuple[FileSystem, str]:
        return LocalFileSystem(), self.root


def test_a_lake_elsewhere_gets_the_index_before_the_bundle_and_gives_both(
    repository: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, tip = FarLake(str(tmp_path / "lake")), repository.git("rev-parse", "HEAD")
    folder = tmp_path / "lake" / BUNDLES / "r"
    folder.mkdir(parents=True)
    name = listing.keep_history(sources.parse_source(f"r=git:{repository.path}"), tip, lake)
    assert name == f"{BUNDLES}/r/{tip}.bundle" and sorted(path.suffix for path in folder.iterdir()) == [".bundle", ".idx"]
    asked = commands_of(monkeypatch)
    with bundle_of(lake, name) as bundle:
        assert len(read(bundle, repository)) == 4 and "bundle" not in asked
    index_of(tmp_path / "lake" / name).unlink()
    with bundle_of(lake, name) as bundle:
        assert len(read(bundle, repository)) == 4 and "bundle" in asked
    with pytest.raises(SourceError, match="cannot be read from the lake"), bundle_of(lake, f"{BUNDLES}/r/none.bundle"):
        pass
