"""Making a lake: what a killed run left is no obstacle, and what cannot be reached is told."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

from schemas.delta_files import DataFile, OvertakenError, add_files, add_rows, append, data_files, make
from schemas.lake import MARKER, Lake, LakeError
from schemas.table import Column, ContractError, Table

PARTS = Table(
    "test/parts",
    "rows by group",
    (Column("name", pa.string(), "a mixture"), Column("group", pa.int32(), "a group"), Column("row", pa.int64(), "a row")),
    key=("row",),
    writer="delta-rs",
    partitions=("name", "group"),
)


def test_an_empty_mark_of_a_killed_run_is_written_again(tmp_path: Path) -> None:
    (tmp_path / MARKER).touch()
    lake = Lake.at(str(tmp_path))
    lake.create()
    lake.check_format()


def test_an_empty_mark_beside_other_files_makes_no_lake_of_them(tmp_path: Path) -> None:
    (tmp_path / MARKER).touch()
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(LakeError, match=r"holds thesis\.txt"):
        Lake.at(str(tmp_path)).create()


def test_a_place_where_no_folder_can_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LakeError, match="cannot be made or reached"):
        Lake.at(str(tmp_path / "file" / "lake")).create()


def written(lake: Lake, name: str, group: int, rows: list[int]) -> DataFile:
    path = Path(lake.path(PARTS.name)) / f"{name}-{group}-{len(rows)}.parquet"
    pq.write_table(pa.table({"row": pa.array(rows, pa.int64())}), path)
    return DataFile(path.name, len(rows), path.stat().st_size, {"name": name, "group": str(group)})


@pytest.fixture
def parts(tmp_path: Path) -> Lake:
    """A lake with the table PARTS, at version 1: groups 2 and 10 of `a`, group 2 of `b`."""
    lake = Lake.at(str(tmp_path / "lake"))
    lake.create()
    make(lake, PARTS)
    add_files(lake, PARTS, [written(lake, "a", 10, [1, 2]), written(lake, "a", 2, [3]), written(lake, "b", 2, [4])], 0)
    return lake


def test_files_are_listed_in_the_order_of_their_groups(parts: Lake) -> None:
    assert [file.partition["group"] for file in data_files(parts, PARTS, 1, name="a")] == ["2", "10"]
    assert [file.name for file in data_files(parts, PARTS, 1, name="b")] == ["b-2-1.parquet"]
    assert data_files(parts, PARTS, None, name="a") == []


def test_files_replace_those_that_are_named_and_no_others(parts: Lake) -> None:
    add_files(parts, PARTS, [written(parts, "a", 3, [5, 6, 7])], 1, tuple(data_files(parts, PARTS, 1, name="a")))
    assert sorted(parts.read(PARTS).to_pylist(), key=lambda row: row["row"]) == [
        {"name": "b", "group": 2, "row": 4},
        *({"name": "a", "group": 3, "row": row} for row in (5, 6, 7)),
    ]
    metrics = parts.history(PARTS, 1)[0]["operationMetrics"]
    assert (metrics["numOutputRows"], metrics["numDeletedRows"]) == ("3", "3")


def test_files_that_were_made_for_an_older_version_are_not_committed(parts: Lake) -> None:
    late = [written(parts, "a", 4, [8])]
    add_files(parts, PARTS, [written(parts, "a", 3, [5])], 1)
    with pytest.raises(OvertakenError, match="was at version 1"):
        add_files(parts, PARTS, late, 1)


def test_a_table_of_an_earlier_version_is_told_with_what_to_do(tmp_path: Path) -> None:
    lake = Lake.at(str(tmp_path))
    write_deltalake(lake.path(PARTS.name), PARTS.arrow_schema.empty_table())
    with pytest.raises(ContractError, match=r"partitioned by nothing; promised was name, group.*\n.*Remove this folder and run again"):
        data_files(lake, PARTS, 0, name="a")


def test_a_reader_that_stops_before_the_end_leaves_nothing_that_breaks_the_interpreters_end(parts: Lake) -> None:
    files = [written(parts, "c", group, list(range(group, group + 100_000))) for group in range(40)]
    add_files(parts, PARTS, files, 1)
    program = f"from schemas.lake import Lake; from tests.unit.test_lake import PARTS; next(Lake({parts.root!r}).scan(PARTS))"
    for _ in range(3):  # by the file system of delta-rs nearly all ended by a signal or hung
        assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0


ROWS = Table(
    "test/rows",
    "rows",
    (Column("key", pa.int64(), "a key"), Column("value", pa.string(), "a value", True)),
    ("key",),
    writer="delta-rs",
)


def rows(keys: range, value: str) -> pa.Table:
    return pa.table({"key": list(keys), "value": [value] * len(keys)}, schema=ROWS.arrow_schema)


def test_runs_that_append_at_once_to_a_table_that_is_not_there_make_it_once_and_all_append(tmp_path: Path) -> None:
    at_once = Barrier(8)
    for attempt in range(8):
        lake = Lake.at(str(tmp_path / str(attempt)))
        lake.create()

        def add(row: int, lake: Lake = lake) -> None:
            rows = pa.table({"name": ["a"], "group": [0], "row": [row]}).cast(PARTS.arrow_schema)
            at_once.wait()
            append(lake, PARTS, rows)

        with ThreadPoolExecutor(8) as runs:
            list(runs.map(add, range(8)))
        assert sorted(lake.read(PARTS)["row"].to_pylist()) == list(range(8))
        assert lake.version(PARTS) == 8


def test_a_commit_that_is_there_although_its_answer_was_lost_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake.at(str(tmp_path))
    make(lake, ROWS)
    commit = DeltaTable.create_write_transaction

    def lose(*given: Any, **options: Any) -> None:
        commit(*given, **options)
        raise CommitFailedError("the answer was lost")

    with monkeypatch.context() as patched:
        patched.setattr(DeltaTable, "create_write_transaction", lose)
        add_rows(lake, ROWS, rows(range(15), "first"), DeltaTable(lake.path(ROWS.name)))
    assert sorted(lake.read(ROWS).column("key").to_pylist()) == list(range(15))

    def fail(*given: Any, **options: Any) -> None:
        raise CommitFailedError("nobody knows")

    before = set(Path(lake.path(ROWS.name)).glob("*.parquet"))
    at = DeltaTable(lake.path(ROWS.name))
    monkeypatch.setattr(DeltaTable, "create_write_transaction", fail)
    with pytest.raises(OvertakenError, match="nobody knows"):
        add_rows(lake, ROWS, rows(range(20, 21), "third"), at)
    assert len(set(Path(lake.path(ROWS.name)).glob("*.parquet")) - before) == 1  # a commit under way may still name it
