"""Of a piece of a part of a repository, or of a commit, the files are told that are in the piece, and not all of the document."""

import json
from pathlib import Path
from typing import Any

import pytest

from jobs.cli import main
from tests.mixed_lake import COMMIT, PARTS, REPOSITORY, mixed_rows, text_of, tokenizer, write_mixed_lake

PART = f"{REPOSITORY}#0"
NAMED = (("candidate", PART), ("kind", "commit"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mixed_lake(tmp_path_factory.mktemp("traced") / "lake")


def traced(root: Path, sequence: str, capsys: pytest.CaptureFixture[str], *more: str) -> list[dict[str, Any]]:
    assert main(["trace", sequence, "--lake", str(root), "--json", *more]) == 0
    return list(json.loads(capsys.readouterr().out)["pieces"])


@pytest.mark.parametrize("mixture", ["demo", "good"])
def test_a_piece_of_a_part_names_the_files_that_its_text_is_of(root: Path, mixture: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each line of a file ends with the file's name."""
    known, seen = tokenizer(), set()
    folder = str(root / "mix" / ("shards" if mixture == "demo" else "shards-good"))
    for row in (row for row in mixed_rows().rows["mix/sequences"] if row["mixture"] == mixture):
        if any(piece["candidate"] == PART for piece in row["pieces"]):
            found = traced(root, row["sequence"], capsys)
            assert traced(root, row["sequence"], capsys, "--shards", folder) == found
            for piece, told in zip(row["pieces"], found, strict=True):
                if piece["candidate"] == PART:
                    text = text_of(row, piece, known).decode()
                    assert told["files_of"] == "piece" and len(told["files"]) <= 2 < len(PARTS[0])
                    names = [file["path"] for file in told["files"]]
                    assert {name for name in PARTS[0] if f"# {name}\n" in text} <= set(names)
                    assert [file["position"] for file in told["files"]] == sorted(map(PARTS[0].index, names))
                    seen |= set(names)
    assert seen == set(PARTS[0])


def test_a_piece_of_a_commit_names_what_it_shows_or_changes(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown: dict[str, set[str]] = {}
    for row in mixed_rows().rows["mix/sequences"]:
        if row["mixture"] == "demo" and any(piece["kind"] == "commit" for piece in row["pieces"]):
            (piece,) = (piece for piece in traced(root, row["sequence"], capsys) if piece["kind"] == "commit")
            assert piece["files_of"] == "piece" and piece["commit"] == COMMIT
            for file in piece["files"]:
                shown.setdefault(file["path"], set()).update(file["as"])
    assert shown == {"README": {"readme"}, "a.py": {"file", "modify", "edit"}, "c.py": {"file"}, "new.py": {"create"}, "b.py": {"delete"}}


@pytest.mark.parametrize("is_gone", [False, True])
def test_what_is_not_known_to_be_in_a_piece_is_told_as_of_the_whole(
    tmp_path: Path, is_gone: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the tokenizer; and without the document of the commit, which was perhaps made again since."""
    lake = mixed_rows()
    if is_gone:
        lake.rows["assemble/documents"] = [row for row in lake.rows["assemble/documents"] if row["kind"] != "commit"]
    else:
        del lake.rows["mix/tokenizers"]
    root = write_mixed_lake(tmp_path / "lake", lake)
    rows = [row for row in lake.rows["mix/sequences"] if row["mixture"] == "demo"]
    part, commit = (next(r["sequence"] for r in rows if any(piece[of] == name for piece in r["pieces"])) for of, name in NAMED)
    assert main(["trace", part, "--lake", str(root)]) == 0
    told = capsys.readouterr().out
    assert ("files of the whole part, of which this may be some:" in told) != is_gone
    assert all(f" {name}  Python" in told for name in PARTS[0]) != is_gone
    assert main(["trace", commit, "--lake", str(root)]) == 0
    told = capsys.readouterr().out
    assert "files of the whole commit, of which this may be some:" in told and " new.py  " in told
