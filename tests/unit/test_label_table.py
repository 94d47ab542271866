"""A rating stays; what is none gives way to a newer row. Whoever writes, and however often."""

from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_scoring.label_table import LabelTable
from schemas.annotate import LABELS
from schemas.lake import Lake
from tests.table_rows import put_rows


def row(key: str, status: str, answer: str) -> dict[str, Any]:
    known = {"content_sha256": key, "language": "C", "kind": "file", "version": "v", "turn": 0, "oracle": "judge m", "status": status}
    return dict.fromkeys(LABELS.names) | known | {"answer": answer, "score": 5.0 if status == "rated" else None, "attempts": 1}


def put(table: LabelTable, rows: list[dict[str, Any]]) -> None:
    table.put(pa.Table.from_pylist(rows, LABELS.arrow_schema))


def held(lake: Lake) -> dict[str, dict[str, Any]]:
    rows: list[dict[str, Any]] = lake.read(LABELS).to_pylist()
    found = {row["content_sha256"]: row for row in rows}
    assert len(found) == len(rows)
    return found


puts = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["rated", "unusable", "failed"]), min_size=1)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.booleans(), puts), max_size=5))
def test_the_table_is_what_the_rule_says(steps: list[tuple[bool, dict[str, str]]]) -> None:
    expected: dict[str, dict[str, Any]] = {}
    with TemporaryDirectory() as folder:
        lake = Lake.at(folder)
        tables = LabelTable(lake), LabelTable(lake)
        for number, (which, statuses) in enumerate(steps):
            rows = [row(key, status, str(number)) for key, status in statuses.items()]
            put(tables[which], rows)
            put(tables[which], rows)
            rated = {key for key, before in expected.items() if before["status"] == "rated"}
            expected |= {one["content_sha256"]: one for one in rows if one["content_sha256"] not in rated}
            assert held(lake) == expected


def test_rows_are_found_by_any_column(tmp_path: Path) -> None:
    """Also in a table that names no columns for bounds: delta-rs then takes a column without them for null, and passes over its files."""
    lake = Lake.at(str(tmp_path))
    put_rows(lake, LABELS, [])
    put(LabelTable(lake), [row(key, "rated", "why") for key in "abc"])
    wanted = {name: value for name, value in held(lake)["a"].items() if value is not None}
    assert {name for name, value in wanted.items() if not lake.read(LABELS, None, pc.field(name) == value).num_rows} == set()
    assert {"oracle", "status", "score"} <= wanted.keys()


def test_runs_that_write_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    lake = Lake.at(str(tmp_path))
    put(LabelTable(lake), [row(str(key), "failed", "first") for key in range(40)])

    def work(which: int) -> None:
        table = LabelTable(lake)
        for start in range(0, 40, 10):
            put(table, [row(str(key), "rated" if key % 2 == which else "unusable", str(which)) for key in range(start, start + 10)])

    threads = [Thread(target=work, args=(which,)) for which in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = held(lake)
    assert {key: row["status"] for key, row in found.items()} == {str(key): "rated" for key in range(40)}
    assert all(int(key) % 2 == int(row["answer"]) for key, row in found.items())
    files = {path.name for path in Path(lake.path(LABELS.name)).glob("*.parquet")}
    assert len(lake.file_names(LABELS)) < len(files) == lake.version(LABELS)  # one a commit: those of late ones are gone
