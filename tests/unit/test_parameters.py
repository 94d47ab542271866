"""What no job could work with is refused before a session starts or a lake is made."""

from pathlib import Path

import pytest

from jobs.cli import main
from schemas.lake import Lake
from tests.lake_builder import LakeRows


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("mix.sequences.window=-1", "mix.sequences.window=-1: expected at least 0"),
        ("mix.sequences.mixture=a/b", "mix.sequences.mixture=a/b: expected letters, digits, dots"),
        ("mix.sequences.packing=tight", "its packing is 'tight'; expected concatenate or best_fit"),
        ("mix.sequences.total_tokens=5", "total_tokens is 5; it takes everything once"),
        ("mix.sequences.recipe=best", "there is no recipe 'best'. There are: continued, demo, regular"),
        ("mix.sequences.hash_groups=1_000_000", "mix.sequences.hash_groups=1000000: expected at least 1 and at most 100,000"),
        ("mix.tokenizer.vocabulary_size=256", "mix.tokenizer.vocabulary_size=256: expected at least 261"),
        ("mix.tokenizer.sample_bytes=-5", "mix.tokenizer.sample_bytes=-5: expected at least 1"),
        ("mix.shards.groups_per_shard=0", "mix.shards.groups_per_shard=0: expected at least 1"),
        ("ingest.files.max_content_bytes=0", "ingest.files.max_content_bytes=0: expected at least 1"),
        ("train.probe.seconds_budget=nan", "train.probe.seconds_budget=nan: expected at least 1"),
    ],
)
def test_a_number_out_of_range_is_a_wrong_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], setting: str, said: str) -> None:
    assert main(["run", "--lake", str(tmp_path / "lake"), "--source", str(tmp_path), "--set", setting]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "lake").exists()


def test_help_tells_the_default_of_the_profile_that_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["mix.sequences", "--help"])
    assert "never change it in a lake that was trained on (default: 64, 16 in profile demo)" in " ".join(capsys.readouterr().out.split())


def test_a_report_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Lake.at(str(tmp_path / "lake")).create()
    (tmp_path / "folder").mkdir()
    assert main(["report", "--lake", str(tmp_path / "lake"), "--out", str(tmp_path / "folder")]) == 1
    assert f"the report cannot be written to {tmp_path / 'folder'}: Is a directory" in capsys.readouterr().err


def test_a_lake_without_a_name_is_a_wrong_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["counts", "--lake", ""])
    assert "--lake: the name is empty" in capsys.readouterr().err


def test_only_ingest_makes_a_lake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mix.shards", "--lake", str(tmp_path / "mistyped"), "--quiet"]) == 1
    assert f"there is no codemill lake at {tmp_path / 'mistyped'}" in capsys.readouterr().err
    assert not (tmp_path / "mistyped").exists()


@pytest.mark.parametrize("command", ["counts", "run"])
def test_a_lake_that_cannot_be_reached_is_told(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    (tmp_path / "a.py").write_text("a = 1\n")
    source = ["--source", str(tmp_path), "--set", "decide.features.held_out_rate=0"] if command == "run" else []
    assert main([command, "--lake", "s3://bucket/lake", *source]) == 1
    assert "the lake s3://bucket/lake cannot be made or reached" in capsys.readouterr().err


def test_names_that_others_chose_do_not_command_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows, key = LakeRows(), "ab" * 32
    rows.add("ingest/contents", content_sha256=key, text="", size_bytes=0)
    named = {"repository": "r", "path": "a\x1b[2J\nb.py", "origin": "r"}
    rows.add("ingest/files", **named, content_sha256=key, raw_sha256=key, encoding="utf-8", size_bytes=0)
    assert main(["explain", key, "--lake", str(rows.write(tmp_path / "lake"))]) == 0
    said = capsys.readouterr().out
    assert "a\\x1b[2J\\x0ab.py" in said and "\x1b" not in said
