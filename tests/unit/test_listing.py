"""Listing a source: a damaged history costs the history, a full disk is not taken for damage."""

import json
import subprocess
from pathlib import Path

import pytest

from jobs.ingest import listing
from jobs.ingest.listing import HISTORY, list_source
from jobs.sources import SourceError, parse_source
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


def listed(repository: Path, tmp_path: Path) -> tuple[list[dict], dict, list[dict]]:  # type: ignore[type-arg]
    """Units, facts and rejects."""
    lake = Lake.at(str(tmp_path / "lake"))
    lake.create()
    rows = list(list_source(parse_source(str(repository)).to_json(), lake, 1 << 20, 1 << 20))
    (facts,) = (row for row in rows if row.get("facts"))
    return [row for row in rows if row.get("payload")], facts, [row for row in rows if row.get("reason")]


def test_a_whole_history_is_kept(repository: Path, tmp_path: Path) -> None:
    units, facts, rejects = listed(repository, tmp_path)
    assert (len(units), rejects) == (1, [])
    assert (tmp_path / "lake" / facts["history"]).is_file()


def test_a_damaged_history_costs_the_history_and_nothing_else(repository: Path, tmp_path: Path) -> None:
    lost = git(repository, "rev-parse", "HEAD~1:a.py")
    (repository / ".git" / "objects" / lost[:2] / lost[2:]).unlink()
    units, facts, (reject,) = listed(repository, tmp_path)
    assert len(units) == 1
    assert facts["history"] is None and json.loads(facts["facts"])["commits"] == 2
    assert (reject["locator"], reject["reason"]) == (HISTORY, "corrupt")


def test_a_full_disk_is_no_damage(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise SourceError("git said: fatal: write error: No space left on device")

    monkeypatch.setattr(listing, "keep_history", fail)
    with pytest.raises(OSError, match="No space left on device"):
        listed(repository, tmp_path)
