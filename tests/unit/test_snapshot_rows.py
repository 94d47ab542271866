"""A snapshot of rows that the driver holds gives the rows that a dictionary would have, in one commit or in none."""

import tempfile

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.runtime import snapshot_rows as module
from jobs.runtime.job import SnapshotRows
from jobs.runtime.snapshot_rows import snapshot_rows
from schemas.delta_files import OvertakenError, data_files
from schemas.lake import Lake
from schemas.table import Check, Column, ContractError, Table

TABLE = Table(
    "test/rows",
    "rows",
    (
        Column("a", pa.string(), "half of the key"),
        Column("b", pa.string(), "the other half"),
        Column("value", pa.int64(), "any", True),
        Column("scope", pa.string(), "whose it is"),
    ),
    key=("a", "b"),
)
KEY = st.tuples(st.sampled_from("xyz"), st.sampled_from("éf"))
ROWS = st.dictionaries(KEY, st.one_of(st.none(), st.integers(0, 2)), max_size=6)


def rows_of(values, scope):
    return pa.Table.from_pylist([{"a": a, "b": b, "value": v, "scope": scope} for (a, b), v in values.items()], schema=TABLE.arrow_schema)


def write_of(values, scope):
    return SnapshotRows(TABLE, rows_of(values, scope), "scope", pa.array([scope]))


def state(lake):
    return {(row["a"], row["b"]): (row["value"], row["scope"]) for row in lake.read(TABLE).to_pylist()}


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from("ST"), ROWS), min_size=1, max_size=4), st.sampled_from([0, 1 << 20]))
def test_it_gives_what_a_dictionary_would_have(steps, folded_bytes):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "FOLDED_BYTES", folded_bytes)
        lake, expected = Lake.at(folder), {}
        for scope, values in steps:
            before, version = dict(expected), lake.version(TABLE)
            expected = {key: row for key, row in expected.items() if row[1] != scope} | {key: (v, scope) for key, v in values.items()}
            snapshot_rows(lake, write_of(values, scope))
            assert state(lake) == expected and lake.read(TABLE).num_rows == len(expected)
            if version is not None:
                assert lake.version(TABLE) == version + (before != expected)
            metrics = lake.history(TABLE, 1)[0].get("operationMetrics", {})
            if before != expected:
                assert int(metrics["numOutputRows"]) == sum(before.get(key) != row for key, row in expected.items())
                assert int(metrics["numDeletedRows"]) == len(set(before) - set(expected))


def test_large_files_of_which_no_row_goes_stay_as_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FOLDED_BYTES", 0)
    lake = Lake.at(str(tmp_path))
    for number, scope in enumerate("STU"):
        snapshot_rows(lake, write_of({("x", str(number)): 1, ("y", str(number)): 1}, scope))
    before = lake.file_names(TABLE)
    snapshot_rows(lake, write_of({("x", "1"): 1}, "T"))
    assert len(before) == 3 and len(set(before) & set(lake.file_names(TABLE))) == 2
    monkeypatch.setattr(module, "FOLDED_BYTES", 1 << 20)
    snapshot_rows(lake, write_of({("x", "1"): 2}, "T"))
    assert [file.row_count for file in data_files(lake, TABLE, lake.version(TABLE))] == [5]


def test_a_commit_that_came_first_is_an_error_and_no_row_is_lost(tmp_path, monkeypatch):
    lake = Lake.at(str(tmp_path))
    snapshot_rows(lake, write_of({("x", "f"): 1}, "S"))
    found = module.differences

    def overtaken(*arguments):
        monkeypatch.setattr(module, "differences", found)
        snapshot_rows(lake, write_of({("y", "f"): 1}, "T"))
        return found(*arguments)

    monkeypatch.setattr(module, "differences", overtaken)
    with pytest.raises(OvertakenError):
        snapshot_rows(lake, write_of({("x", "f"): 2}, "S"))
    snapshot_rows(lake, write_of({("x", "f"): 2}, "S"))
    assert state(lake) == {("x", "f"): (2, "S"), ("y", "f"): (1, "T")}


def test_rows_with_a_null_in_a_key_and_tables_with_checks_are_refused(tmp_path):
    lake = Lake.at(str(tmp_path))
    with pytest.raises(ContractError, match="has nulls in b"):
        snapshot_rows(lake, write_of({("x", None): 1}, "S"))
    checked = Table(TABLE.name, TABLE.meaning, TABLE.columns, TABLE.key, (Check("positive", "value > 0"),))
    with pytest.raises(AssertionError, match="has checks"):
        snapshot_rows(lake, SnapshotRows(checked, rows_of({}, "S"), "scope", pa.array(["S"])))
