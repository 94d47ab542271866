"""Listing a source: a damaged history costs the history, a full disk is not taken for damage."""

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.ingest import listing
from jobs.ingest.listing import HISTORY, MAX_NAME_BYTES, folder_name, list_source
from jobs.sources import SourceError, parse_source
from jobs.sources.naming import BAD_NAME
from schemas.lake import Lake

IDENTITY = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *IDENTITY, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits; the text of the first is in no snapshot any more."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    for text in ("first = 1\n", "second = 2\n"):
        (folder / "a.py").write_text(text)
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", "a")
    return folder


def listed(repository: Path, tmp_path: Path, name: str = "r") -> tuple[list[dict], dict, list[dict]]:  # type: ignore[type-arg]
    """Units, facts and rejects."""
    lake = Lake.at(str(tmp_path / "lake"))
    lake.create()
    rows = list(list_source(parse_source(f"{name}={repository}").to_json(), lake, 1 << 20, 1 << 20))
    (facts,) = (row for row in rows if row.get("facts"))
    return [row for row in rows if row.get("payload")], facts, [row for row in rows if row.get("reason")]


def test_a_whole_history_is_kept(repository: Path, tmp_path: Path) -> None:
    units, facts, rejects = listed(repository, tmp_path)
    assert (len(units), rejects) == (1, [])
    assert (tmp_path / "lake" / facts["history"]).is_file()


def test_a_history_that_is_cut_off_is_told_until_it_is_whole(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{repository}", "shallow")
    units, facts, (reject,) = listed(tmp_path / "shallow", tmp_path)
    assert (len(units), facts["history"], reject["locator"], reject["reason"]) == (1, None, HISTORY, "shallow")
    git(tmp_path / "shallow", "fetch", "-q", "--unshallow")
    units, facts, rejects = listed(tmp_path / "shallow", tmp_path)
    assert (len(units), rejects) == (1, []) and facts["history"]


def test_a_damaged_history_costs_the_history_and_nothing_else(repository: Path, tmp_path: Path) -> None:
    lose(repository, "HEAD~1^{tree}")
    units, facts, (reject,) = listed(repository, tmp_path)
    assert len(units) == 1
    assert facts["history"] is None and json.loads(facts["facts"])["commits"] == 2
    assert (reject["locator"], reject["reason"]) == (HISTORY, "corrupt")


def test_a_history_that_lacks_a_blob_is_kept_without_it(repository: Path, tmp_path: Path) -> None:
    lose(repository, "HEAD~1:a.py")
    units, facts, rejects = listed(repository, tmp_path)
    assert (len(units), rejects) == (1, []) and (tmp_path / "lake" / facts["history"]).is_file()


def lose(repository: Path, revision: str) -> None:
    lost = git(repository, "rev-parse", revision)
    (repository / ".git" / "objects" / lost[:2] / lost[2:]).unlink()


def test_a_full_disk_is_no_damage(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise SourceError("git said: fatal: write error: No space left on device")

    monkeypatch.setattr(listing, "keep_history", fail)
    with pytest.raises(OSError, match="No space left on device"):
        listed(repository, tmp_path)


@given(st.text(min_size=1, max_size=600).filter(lambda name: not BAD_NAME.search(name)))
def test_every_name_of_a_repository_becomes_a_folder_that_can_be_made(name: str) -> None:
    folder = folder_name(name)
    assert len(folder.encode()) <= MAX_NAME_BYTES and "/" not in folder
    assert len(name.encode()) > MAX_NAME_BYTES or folder == name.replace("/", "_").replace(":", "_")


def test_names_that_begin_alike_keep_their_histories_apart() -> None:
    assert folder_name("n" * 300 + "1") != folder_name("n" * 300 + "2")


def test_a_history_whose_repository_has_a_long_name_is_kept(repository: Path, tmp_path: Path) -> None:
    units, facts, rejects = listed(repository, tmp_path, "ü" * 400)
    assert (len(units), rejects) == (1, [])
    assert (tmp_path / "lake" / facts["history"]).is_file()
