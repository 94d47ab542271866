"""A given tokenizer that cannot be used is refused before a run begins, and not when everything else is done."""

import json
from pathlib import Path

import pytest

from jobs.cli import main
from schemas.lake import Lake
from schemas.mix import TOKENIZERS
from tests.given_tokenizers import qwen_like
from tests.table_rows import empty_row, put_rows


def without_marks() -> str:
    """A tokenizer that can be used, and knows nothing of filling in the middle."""
    return json.dumps(json.loads(qwen_like().to_str()) | {"normalizer": None})


@pytest.fixture
def source(tmp_path: Path) -> str:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a.py").write_text("a = 1\n")
    return str(tmp_path / "source")


def run(lake: Path, source: str, *settings: str) -> int:
    named = [part for setting in ("decide.features.held_out_rate=0", *settings) for part in ("--set", setting)]
    return main(["run", "--lake", str(lake), "--source", source, "--quiet", *named])


@pytest.mark.parametrize("text, told", [(None, "there is no tokenizer at"), ("{}", "not a tokenizer.json")])
def test_what_is_no_tokenizer_is_told_before_a_lake_is_made(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, told: str
) -> None:
    path = tmp_path / "tokenizer.json"
    if text is not None:
        path.write_text(text)
    assert run(tmp_path / "lake", source, f"mix.tokenizer.given={path}") == 2
    said = capsys.readouterr().err
    assert told in said and str(path) in said
    assert not (tmp_path / "lake").exists()


def test_a_tokenizer_without_marks_is_refused_where_documents_are_to_be_filled(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tokenizer.json").write_text(without_marks())
    given = f"mix.tokenizer.given={tmp_path / 'tokenizer.json'}"
    assert run(tmp_path / "lake", source, given) == 2
    said = capsys.readouterr().err
    assert "<[fim-suffix]>" in said and "fim_rate=0" in said
    assert not (tmp_path / "lake").exists()
    begun: list[object] = []
    monkeypatch.setattr("jobs.commands.run.run_jobs", lambda *arguments, **named: begun.append(arguments) or [])
    monkeypatch.setattr("jobs.commands.run.print_summary", lambda *arguments: None)
    assert run(tmp_path / "lake", source, given, "mix.sequences.fim_rate=0") == 0
    assert run(tmp_path / "lake", source, given, "mix.tokenizer.name=other") == 0  # sequences are not made with it
    assert len(begun) == 2


def test_the_tokenizer_that_the_lake_has_is_looked_at_too(source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lake = Lake.at(str(tmp_path / "lake"))
    lake.create()
    row = empty_row(TOKENIZERS) | {"name": "default", "origin": "given", "tokenizer_json": without_marks()}
    put_rows(lake, TOKENIZERS, [row])
    assert run(tmp_path / "lake", source) == 2
    assert "<[fim-suffix]>" in capsys.readouterr().err
