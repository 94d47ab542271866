"""Where a repository and its files ended up: documents of its parts are found by its name, by theirs, and by what they show."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from jobs.cli import main
from tests.mixed_lake import COMMIT, PARTS, REPOSITORY, key_of, mixed_rows, text_of, tokenizer, write_mixed_lake

ROWS = mixed_rows().rows["mix/sequences"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mixed_lake(tmp_path_factory.mktemp("where") / "lake")


def found(root: Path, what: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["where", what, "--lake", str(root), "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def with_pieces(*candidates: str) -> list[str]:
    return sorted(row["sequence"] for row in ROWS if any(piece["candidate"] in candidates for piece in row["pieces"]))


def pieces_of(*candidates: str) -> Counter[tuple[str, str]]:
    return Counter((row["sequence"], piece["candidate"]) for row in ROWS for piece in row["pieces"] if piece["candidate"] in candidates)


def places(told: dict[str, Any], kind: str = "repository") -> Counter[tuple[str, str]]:
    return Counter((place["sequence"], place["candidate"]) for place in told["shards"] if place["kind"] == kind)


def test_a_repository_is_where_its_parts_are(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told, parts = found(root, REPOSITORY, capsys), [f"{REPOSITORY}#{part}" for part in PARTS]
    assert places(told) == pieces_of(*parts)
    assert set(with_pieces(*parts)) <= set(told["sequences"])
    assert told["candidates"][0]["candidate"] == REPOSITORY
    assert main(["where", REPOSITORY, "--lake", str(root)]) == 0
    lines = capsys.readouterr().out
    assert (
        lines.startswith(f"repository {REPOSITORY}\n  kept by policy demo for train")
        and f"  repository {REPOSITORY}#0  tokens 0 to" in lines
    )


def test_a_part_is_found_by_the_name_that_trace_prints(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = found(root, f"{REPOSITORY}#1", capsys)
    assert told["sequences"] == with_pieces(f"{REPOSITORY}#1") and places(told) == pieces_of(f"{REPOSITORY}#1")
    (candidate,) = told["candidates"]
    assert candidate["candidate"] == f"{REPOSITORY}#1" and candidate["verdicts"][0]["split"] == "train"
    assert main(["where", "folder:none#1", "--lake", str(root)]) == 1


@pytest.mark.parametrize("name", PARTS[0])
def test_a_file_is_where_pieces_of_parts_hold_it(root: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each second line of a file names it; a piece of its head alone, or of a line's start, may be more."""
    told, known, part = found(root, f"{REPOSITORY}/{name}", capsys), tokenizer(), f"{REPOSITORY}#0"
    shows = {
        (row["sequence"], part)
        for row in ROWS
        for piece in row["pieces"]
        if piece["candidate"] == part and f"# {name}\n" in text_of(row, piece, known).decode("utf-8", "ignore")
    }
    held = places(told)
    assert shows and shows <= set(held) < set(pieces_of(part))
    assert all(place["is_certain"] for place in told["shards"])
    assert places(told, "file") == pieces_of(key_of(name))
    assert {sequence for sequence, _ in shows} | set(with_pieces(key_of(name))) <= set(told["sequences"])
    assert [one["shows"] for one in told["candidates"] if one["candidate"] == part] == [[name]]


def test_a_piece_of_a_text_that_is_made_anew_is_told_as_uncertain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows, part = mixed_rows(), f"{REPOSITORY}#0"
    for row in rows.rows["assemble/documents"]:
        row["text_hash"] = "0" * 16 if row["candidate"] == part else row["text_hash"]
    root = write_mixed_lake(tmp_path / "lake", rows)
    told = found(root, f"{REPOSITORY}/a.py", capsys)
    assert places(told) == pieces_of(part)
    assert {place["kind"] for place in told["shards"] if not place["is_certain"]} == {"repository"}
    assert main(["where", f"{REPOSITORY}/a.py", "--lake", str(root)]) == 0
    assert "perhaps: its text is not the one of now" in capsys.readouterr().out


def test_explain_tells_the_parts_of_a_repository_and_their_sequences(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (REPOSITORY, f"{REPOSITORY}#1"):
        assert main(["explain", name, "--lake", str(root), "--json"]) == 0
        repository = json.loads(capsys.readouterr().out)["repository"]
        assert repository["sequences"] == with_pieces(*(f"{REPOSITORY}#{part}" for part in PARTS))
    assert main(["explain", REPOSITORY, "--lake", str(root)]) == 0
    lines = capsys.readouterr().out
    assert "documents of 4 files in 2 parts" in lines and f"in {len(repository['sequences'])} training sequences: demo/train/" in lines


def test_a_commit_is_told_with_its_whole_name(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["where", COMMIT, "--lake", str(root)]) == 0
    assert f"  commit {REPOSITORY}@{COMMIT}  tokens 0 to" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["where", "explain"])
def test_a_part_of_a_name_is_answered_with_the_names_there_are(root: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "tools", "--lake", str(root)]) == 1
    assert f"Repositories whose names hold it: {REPOSITORY}" in capsys.readouterr().err
