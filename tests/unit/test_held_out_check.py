"""A run that would hold out all that it names says so before it begins."""

from pathlib import Path

import pyarrow as pa
import pytest

from jobs.cli import main
from jobs.mix.tokenizer import nothing_to_train_on
from udfs.draws import uniform


@pytest.fixture
def drawn(tmp_path: Path) -> str:
    """A folder whose name is drawn at the demo's rate."""
    name = next(f"app{n}" for n in range(1000) if uniform(pa.array([f"folder:app{n}"]), "held-out")[0] < 0.15)
    (tmp_path / name).mkdir()
    (tmp_path / name / "a.py").write_text("a = 1\n")
    return str(tmp_path / name)


def run(lake: Path, *arguments: str) -> int:
    return main(["run", "--lake", str(lake), "--quiet", *arguments])


def test_a_new_lake_of_nothing_but_what_is_held_out_is_refused_before_anything_is_made(
    drawn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "lake", "--source", drawn) == 2
    said = capsys.readouterr().err
    assert "nothing would be left to train on: folder:app" in said
    assert "held_out_rate=0.15" in said and "--set decide.features.held_out_rate=0" in said
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize(
    "more", [["--set", "decide.features.held_out_rate=0"], ["--until", "decide"], ["--source", "."], ["--profile", "paper"]], ids=str
)
def test_where_something_is_left_the_run_begins(drawn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str]) -> None:
    begun: list[object] = []
    monkeypatch.setattr("jobs.commands.run.run_jobs", lambda *arguments, **named: begun.append(arguments) or [])
    monkeypatch.setattr("jobs.commands.run.print_summary", lambda *arguments: None)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert run(tmp_path / "lake", "--source", drawn, *more) == 0
    assert begun


def test_what_is_told_where_nothing_is_left_tells_held_out_from_dropped() -> None:
    assert "keeps no document" in nothing_to_train_on("demo", 0)
    assert "all 1,234 documents" in nothing_to_train_on("demo", 1234) and "held_out_rate" in nothing_to_train_on("demo", 1234)
