"""What killed runs leave aside is taken away, and nothing else is."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobs.runtime.staging import LEFTOVER_DAYS, Staging, remove_leftovers
from schemas.lake import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    found = Lake.at(str(tmp_path / "lake"))
    found.create()
    return found


def staged(lake: Lake) -> list[str]:
    return sorted(path.name for path in (Path(lake.root) / "_staging").iterdir())


def test_a_folder_is_there_while_the_job_runs_and_gone_when_it_ends_or_fails(lake: Lake) -> None:
    with pytest.raises(ZeroDivisionError), Staging(lake, "run") as staging:
        assert Path(staging.folder("texts")).is_dir()
        raise ZeroDivisionError
    assert staged(lake) == []


def test_what_a_killed_run_left_goes_after_some_days_and_not_before(lake: Lake) -> None:
    Staging(lake, "a-run-that-was-killed").folder("texts")
    (Path(lake.root) / "_staging" / "put-here-by-someone").mkdir()
    left = staged(lake)
    now = datetime.now(UTC)
    remove_leftovers(lake, now + timedelta(days=LEFTOVER_DAYS) - timedelta(minutes=1))
    assert staged(lake) == left
    remove_leftovers(lake, now + timedelta(days=LEFTOVER_DAYS, minutes=1))
    assert staged(lake) == ["put-here-by-someone"]
