"""Rows that one process holds, put into a small table without Spark."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from jobs.runtime.job import ReplaceRows
from jobs.runtime.tables import Tables, Written
from schemas.delta_files import replace_rows
from schemas.lake import Lake
from schemas.table import Column, ContractError, Table

FOUND = Table(
    "test/found",
    "rows",
    (Column("owner", pa.string(), "whose"), Column("number", pa.int64(), "which"), Column("note", pa.string(), "what", True)),
    ("owner", "number"),
    writer="delta-rs",
)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    found = Lake.at(str(tmp_path / "lake"))
    found.create()
    return found


def put(lake: Lake, owner: str, notes: dict[int, str | None]) -> None:
    rows = [{"owner": owner, "number": number, "note": note} for number, note in notes.items()]
    replace_rows(lake, FOUND, pa.Table.from_pylist(rows, schema=FOUND.arrow_schema), pc.field("owner") == owner)


def there(lake: Lake) -> list[tuple[Any, ...]]:
    return sorted(tuple(row.values()) for row in lake.read(FOUND).to_pylist())


def test_rows_take_the_place_of_those_they_are_for_and_the_commit_counts_them(lake: Lake) -> None:
    put(lake, "a", {1: "one", 2: "two"})
    put(lake, "b", {1: None})
    put(lake, "a", {2: "zwei", 3: "drei"})
    assert there(lake) == [("a", 2, "zwei"), ("a", 3, "drei"), ("b", 1, None)]
    metrics = lake.history(FOUND, 1)[0]["operationMetrics"]
    assert (metrics["numOutputRows"], metrics["numDeletedRows"]) == ("2", "1")
    put(lake, "a", {})
    put(lake, "b", {})
    assert there(lake) == []


def test_where_nothing_would_change_nothing_is_committed_but_the_table_itself(lake: Lake) -> None:
    none = ReplaceRows(FOUND, FOUND.arrow_schema.empty_table(), pc.field("owner") == "a")
    assert Tables(cast(Any, None), lake).apply(none) == Written()
    assert (lake.version(FOUND), there(lake)) == (0, [])  # a table that says that there are none
    put(lake, "a", {1: None, 2: "two"})
    version = lake.version(FOUND)
    put(lake, "a", {2: "two", 1: None})
    put(lake, "b", {})
    assert lake.version(FOUND) == version


def test_runs_that_replace_at_once_lose_none_of_each_others_rows(lake: Lake) -> None:
    at_once = Barrier(4)

    def run(number: int) -> tuple[int, int]:
        row = [{"owner": f"run {number}", "number": number, "note": None}]
        write = ReplaceRows(FOUND, pa.Table.from_pylist(row, schema=FOUND.arrow_schema), pc.field("owner") == f"run {number}")
        tables = Tables(cast(Any, None), lake)
        at_once.wait()
        return tables.apply(write).rows, number

    with ThreadPoolExecutor(4) as runs:
        list(runs.map(run, range(4)))
    assert [row[1] for row in there(lake)] == [0, 1, 2, 3]


def test_rows_of_another_table_are_refused_before_anything_is_written(lake: Lake) -> None:
    with pytest.raises(ContractError, match="test/found has nulls in owner"):
        put(lake, cast(str, None), {1: "one"})
    with pytest.raises(ContractError, match="column note is missing"):
        replace_rows(lake, FOUND, pa.table({"owner": ["a"], "number": [1]}), pc.field("owner") == "a")
    assert lake.version(FOUND) is None
