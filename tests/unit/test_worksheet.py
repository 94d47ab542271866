"""What a run of labels was told is safe on disk, and in the shape of the table, whichever version wrote it down."""

import sqlite3
from pathlib import Path

import pytest

from gpu_scoring.worksheet import Worksheet, WorksheetError
from schemas.annotate import LABELS

ADDED = ("kind", "is_relevant", "category")  # columns that answers of files once lacked


def row(**known: object) -> dict[str, object]:
    said = {"content_sha256": "a" * 64, "language": "(page)", "kind": "page", "version": "v", "turn": 0, "oracle": "judge m"}
    return dict.fromkeys(LABELS.names) | said | {"status": "rated", "score": 7.0, "attempts": 1} | known


def test_an_answer_comes_back_as_a_row_of_the_table(tmp_path: Path) -> None:
    sheet = Worksheet(tmp_path / "label.sqlite", "v")
    rows = [row(is_relevant=True, category="blog"), row(content_sha256="b" * 64, is_relevant=False), row(content_sha256="c" * 64)]
    for one in rows:
        sheet.record(one)
    assert sheet.answers()[0].to_pylist() == rows
    assert sheet.answers()[0].schema == LABELS.arrow_schema


def test_answers_that_were_paid_for_before_pages_had_any_are_about_files(tmp_path: Path) -> None:
    names = [name for name in LABELS.names if name not in ADDED]
    old = row(language="Python")
    with sqlite3.connect(tmp_path / "label.sqlite") as db:
        db.execute(f"create table answers ({', '.join(names)}, primary key ({', '.join(LABELS.key)}))")
        db.execute(f"insert into answers values ({', '.join('?' * len(names))})", [old[name] for name in names])
    db.close()
    sheet = Worksheet(tmp_path / "label.sqlite", "v")
    assert sheet.answers()[0].to_pylist() == [old | {"kind": "file"}]
    sheet.record(row())
    assert sheet.answers(1)[0].to_pylist() == [row()]


def test_a_file_that_is_in_use_and_one_that_is_none_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "label.sqlite"
    sheet = Worksheet(path, "v")
    with pytest.raises(WorksheetError, match="is in use"):
        Worksheet(path, "v")
    sheet.close(is_done=True)
    assert not path.exists()
    path.write_bytes(b"no database, but as long as one must be " * 100)
    with pytest.raises(WorksheetError, match=r"cannot be used .*save it"):
        Worksheet(path, "v")
    assert path.stat().st_size == 4000
