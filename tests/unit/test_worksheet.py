"""What a run of labels was told is safe on disk, and in the shape of the table, whichever version wrote it down."""

import sqlite3
from pathlib import Path

import pytest

from gpu_scoring.keeper import Keeper
from gpu_scoring.worksheet import Worksheet, WorksheetError
from schemas.annotate import LABELS
from schemas.lake import Lake

ADDED = ("kind", "is_relevant", "category")  # columns that answers of files once lacked


def row(**known: object) -> dict[str, object]:
    said = {"content_sha256": "a" * 64, "language": "(page)", "kind": "page", "version": "v", "turn": 0, "oracle": "judge m"}
    return dict.fromkeys(LABELS.names) | said | {"status": "rated", "score": 7.0, "attempts": 1} | known


def test_an_answer_comes_back_as_a_row_of_the_table(tmp_path: Path) -> None:
    sheet = Worksheet(tmp_path / "label.sqlite", "v")
    rows = [row(is_relevant=True, category="blog"), row(content_sha256="b" * 64, is_relevant=False), row(content_sha256="c" * 64)]
    for one in rows:
        sheet.record(one)
    assert sheet.answers().to_pylist() == rows
    assert sheet.answers().schema == LABELS.arrow_schema


def test_answers_that_were_paid_for_before_pages_had_any_are_about_files(tmp_path: Path) -> None:
    names = [name for name in LABELS.names if name not in ADDED]
    old = row(language="Python")
    with sqlite3.connect(tmp_path / "label.sqlite") as db:
        db.execute(f"create table answers ({', '.join(names)}, primary key ({', '.join(LABELS.key)}))")
        db.execute(f"insert into answers values ({', '.join('?' * len(names))})", [old[name] for name in names])
    db.close()
    sheet = Worksheet(tmp_path / "label.sqlite", "v")
    assert sheet.answers().to_pylist() == [old | {"kind": "file"}]
    sheet.forget_answers()
    sheet.record(row())
    assert sheet.answers().to_pylist() == [row()]


def test_texts_come_in_the_order_of_the_draw(tmp_path: Path) -> None:
    sheet = Worksheet(tmp_path / "label.sqlite", "v")
    sheet.put([("b", "C", 0.5, "é\0"), ("a", "C", 0.5, "x"), ("c", "C", 0.1, ""), ("d", "C", 0.9, "y")])
    wanted = {("a", "C"), ("b", "C"), ("c", "C")}
    assert list(sheet.rows(wanted)) == [("c", "C", ""), ("a", "C", "x"), ("b", "C", "é\0")]
    assert sorted(sheet.sizes(wanted)) == [0, 1, 3]


def fill(sheet: Worksheet) -> None:
    """SQLite then says what it says of a full disk."""
    pages = sheet._db.execute("pragma page_count").fetchone()[0]
    sheet._db.execute(f"pragma max_page_count = {pages}")


def test_a_full_disk_is_told_and_costs_no_answer_that_was_written(tmp_path: Path) -> None:
    lake, sheet = Lake.at(str(tmp_path / "lake")), Worksheet(tmp_path / "label.sqlite", "v")
    lake.create()
    keeper, long = Keeper(lake, sheet), {"language": "x" * 100_000}
    keeper.keep([row()])
    fill(sheet)
    with pytest.raises(WorksheetError, match=r"disk is full.*make room"):
        sheet.put([("b", "C", 0.5, "x" * 100_000)])
    with pytest.raises(WorksheetError, match=r"disk is full.*make room"):
        keeper.keep([row(**long), row(content_sha256="b" * 64, **long)])
    assert sheet.answers().to_pylist() == [row()]
    keeper.commit()
    assert lake.read(LABELS).num_rows == 3 and not sheet.answers().num_rows


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
