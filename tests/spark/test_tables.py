"""Writes: idempotent, safe beside each other, refused where the contract does not hold."""

import dataclasses
import threading
import time

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyspark.sql import functions as F

from jobs.runtime.arrow_writes import written, written_anew
from jobs.runtime.job import Change, Insert, Replace, ReplaceRows, Snapshot
from jobs.runtime.texts import located
from schemas.delta_files import make
from schemas.ingest import CONTENTS
from schemas.spark import spark_schema
from schemas.table import Check, Column, ContractError, Table

NAMES = Table(
    "test/names",
    "a small table",
    (
        Column("scope", pa.string(), "what replaces each other"),
        Column("id", pa.int64(), "key"),
        Column("value", pa.string(), "anything", True),
    ),
    key=("id",),
    checks=(Check("id_is_positive", "id > 0"),),
)


def rows(tables, found):
    return tables.spark.createDataFrame(found, spark_schema(NAMES))


def content(tables):
    return sorted(tuple(row) for row in tables[NAMES].collect())


def test_a_table_that_is_not_there_reads_as_empty(tables):
    assert content(tables) == []


def test_an_insert_adds_only_keys_that_are_not_there(tables):
    first = tables.apply(Insert(NAMES, rows(tables, [("a", 1, "x"), ("a", 2, "y")])))
    second = tables.apply(Insert(NAMES, rows(tables, [("a", 2, "other"), ("a", 3, "z")])))
    assert content(tables) == [("a", 1, "x"), ("a", 2, "y"), ("a", 3, "z")]
    assert (first.rows, second.rows) == (2, 1)


@pytest.mark.parametrize("before", [[], [("a", 1, "old")]], ids=["into an empty table", "into a table with rows"])
def test_two_inserts_at_once_lose_nothing_and_double_nothing(tables, before):
    tables.apply(Insert(NAMES, rows(tables, before)))
    barrier = threading.Barrier(2)

    def slowly(batches):
        import time

        for batch in batches:
            time.sleep(2)
            yield batch

    def insert(ids, wait):
        found = rows(tables, [("a", i, "new") for i in ids])
        if wait:
            found = found.coalesce(1).mapInArrow(slowly, found.schema)
        barrier.wait()
        tables.apply(Insert(NAMES, found))

    threads = [threading.Thread(target=insert, args=args) for args in (((2, 3, 4), True), ((3, 4, 5), False))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row[1] for row in content(tables)] == [row[1] for row in before] + [2, 3, 4, 5]


@pytest.mark.parametrize("theirs", [("a", 2, "theirs"), ("a", 1, "theirs")], ids=["an append", "a change"])
def test_an_insert_by_spark_sees_what_was_written_without_it_meanwhile(tables, tmp_path, theirs):
    tables.apply(Insert(NAMES, rows(tables, [("a", 1, "old")])))
    begun, ended = tmp_path / "begun", tmp_path / "ended"

    def until(path):  # known to this test alone, or Spark's worker would look for its module
        for _ in range(6000):
            if path.exists():
                return
            time.sleep(0.02)
        raise TimeoutError(path)

    def wait(batches):
        begun.touch()
        yield from batches
        until(ended)

    found = rows(tables, [("a", 2, "ours"), ("a", 3, "ours")])
    slow = found.coalesce(1).mapInArrow(wait, found.schema)
    insert = threading.Thread(target=tables.apply, args=(Insert(NAMES, slow),))
    insert.start()
    until(begun)
    tables.apply(Snapshot(NAMES, rows(tables, [theirs]), None))
    ended.touch()
    insert.join()
    assert [row[1] for row in content(tables)] == [1, 2, 3]
    assert theirs in content(tables)


def test_a_table_that_another_run_makes_between_look_and_first_write_is_no_error(tables, monkeypatch):
    tables.apply(Insert(NAMES, rows(tables, [("a", 1, "theirs")])))
    answers = iter([False])  # what we saw before they came
    exists = type(tables).exists
    monkeypatch.setattr(type(tables), "exists", lambda self, table: next(answers, None) is not False and exists(self, table))
    tables.apply(Insert(NAMES, rows(tables, [("a", 1, "ours"), ("a", 2, "ours")])))
    assert content(tables) == [("a", 1, "theirs"), ("a", 2, "ours")]


@pytest.mark.parametrize("small_bytes", [1 << 20, -1], ids=["small", "large"])
def test_a_replace_touches_only_its_own_rows(tables, monkeypatch, small_bytes):
    monkeypatch.setattr("jobs.runtime.arrow_writes.SMALL_BYTES", small_bytes)
    tables.apply(Insert(NAMES, rows(tables, [("a", 1, "x"), ("a", 7, "x"), ("b", 2, "y")])))
    written = tables.apply(Replace(NAMES, rows(tables, [("a", 3, "z")]), "scope", "a"))
    assert content(tables) == [("a", 3, "z"), ("b", 2, "y")]
    assert small_bytes < 0 or (written.rows, written.removed) == (1, 2)  # Delta counts what it rewrites too
    with pytest.raises(Exception, match="scope"):  # rows of another scope, which nobody would replace
        tables.apply(Replace(NAMES, rows(tables, [("b", 4, "z")]), "scope", "a"))
    with pytest.raises(Exception, match="id_is_positive"):
        tables.apply(Replace(NAMES, rows(tables, [("a", -1, "z")]), "scope", "a"))
    assert content(tables) == [("a", 3, "z"), ("b", 2, "y")]
    written = tables.apply(Replace(NAMES, rows(tables, [("c", 5, None)])))
    assert content(tables) == [("c", 5, None)]
    assert small_bytes < 0 or (written.rows, written.removed) == (1, 2)
    tables.apply(Replace(NAMES, rows(tables, [])))
    assert content(tables) == []
    tables.apply(Replace(NAMES, rows(tables, [("a", 1, "x")]), "scope", "a"))
    assert content(tables) == [("a", 1, "x")]


@pytest.fixture(params=["few changes", "many changes"])
def size(request, monkeypatch):
    """Few changes are written by one task, many by Delta: the rows are the same."""
    few = request.param == "few changes"
    monkeypatch.setattr("jobs.runtime.tables.Tables._merge", None) if few else monkeypatch.setattr(
        "jobs.runtime.arrow_writes.FEW_CHANGES", 0
    )
    return request.param


def test_a_snapshot_adds_changes_and_removes_within_its_scopes_only(tables, size):
    tables.apply(Insert(NAMES, rows(tables, [("a", 1, "same"), ("a", 2, "old"), ("a", 3, "gone"), ("b", 4, "kept")])))
    scopes = tables.spark.createDataFrame([("a",)], "scope string")
    written = tables.apply(Snapshot(NAMES, rows(tables, [("a", 1, "same"), ("a", 2, "new"), ("a", 5, None)]), scopes))
    assert content(tables) == [("a", 1, "same"), ("a", 2, "new"), ("a", 5, None), ("b", 4, "kept")]
    assert (written.rows, written.removed) == (2, 1)


def of_scope(tables, key):
    """NAMES with another key, two rows of scope a, and the scope a."""
    table = dataclasses.replace(NAMES, key=key)
    tables.apply(Insert(table, rows(tables, [("a", 1, "x"), ("b", 2, "y")])))
    return table, tables.spark.createDataFrame([("a",)], "scope string")


def operations(tables):
    return [row["operation"] for row in tables.lake.history(NAMES, 2)]


def test_a_snapshot_of_nothing_but_new_keys_is_an_append(tables, monkeypatch, size):
    table, scopes = of_scope(tables, ("scope", "id"))
    monkeypatch.setattr(type(tables), "_merge", None)
    written = tables.apply(Snapshot(table, rows(tables, [("a", 1, "x"), ("a", 3, "z")]), scopes))
    assert (written.rows, written.removed, operations(tables)[0]) == (1, 0, "WRITE")
    assert content(tables) == [("a", 1, "x"), ("a", 3, "z"), ("b", 2, "y")]


def test_a_key_that_moves_into_a_scope_is_changed_where_the_scope_is_not_in_the_key(tables, size):
    table, scopes = of_scope(tables, ("id",))
    tables.apply(Snapshot(table, rows(tables, [("a", 1, "x"), ("a", 2, "moved")]), scopes))
    assert content(tables) == [("a", 1, "x"), ("a", 2, "moved")]


def test_a_snapshot_that_another_run_overtakes_before_its_append_is_compared_again(tables, monkeypatch):
    table, scopes = of_scope(tables, ("scope", "id"))
    theirs = [("a", 3, "theirs"), ("b", 4, "theirs")]

    def overtaken(*given):
        files = written(*given)
        monkeypatch.undo()
        tables.apply(Insert(table, rows(tables, theirs)))
        return files

    monkeypatch.setattr("jobs.runtime.arrow_writes.FEW_CHANGES", 0)
    monkeypatch.setattr("jobs.runtime.tables.written", overtaken)
    tables.apply(Snapshot(table, rows(tables, [("a", 1, "x"), ("a", 3, "ours")]), scopes))
    assert content(tables) == [("a", 1, "x"), ("a", 3, "ours"), ("b", 2, "y"), ("b", 4, "theirs")]


@pytest.mark.parametrize("ours", [("a", 3, "ours"), ("a", 1, "ours")], ids=["an append", "a change"])
def test_few_changes_that_another_run_overtakes_are_compared_again(tables, monkeypatch, ours):
    table, scopes = of_scope(tables, ("scope", "id"))

    def overtaken(*given):
        files = written_anew(*given)
        monkeypatch.undo()
        tables.apply(Insert(table, rows(tables, [("a", 3, "theirs"), ("b", 4, "theirs")])))
        return files

    monkeypatch.setattr("jobs.runtime.tables.written_anew", overtaken)
    wanted = sorted({("a", 1): ("a", 1, "x"), ours[:2]: ours}.values())
    tables.apply(Snapshot(table, rows(tables, wanted), scopes))
    assert content(tables) == [*wanted, ("b", 2, "y"), ("b", 4, "theirs")]


@pytest.mark.parametrize("bad, told", [(("a", -1, "x"), "id_is_positive"), ((None, 1, "x"), "scope_is_there")])
def test_few_changes_of_which_one_breaks_a_check_change_nothing(tables, bad, told):
    tables.apply(Insert(NAMES, rows(tables, [("a", 1, "old")])))
    with pytest.raises(Exception, match=told):
        tables.apply(Snapshot(NAMES, rows(tables, [("a", 2, "new")]).union(nullable(tables, bad)), None))
    assert content(tables) == [("a", 1, "old")]


def nullable(tables, row):
    return tables.spark.createDataFrame([row], "scope string, id long, value string")


def test_a_snapshot_without_scopes_gives_keys_new_values_and_removes_nothing(tables, size):
    tables.apply(Insert(NAMES, rows(tables, [("a", 1, "old"), ("a", 2, "same"), ("a", 3, "kept")])))
    written = tables.apply(Snapshot(NAMES, rows(tables, [("b", 1, "new"), ("a", 2, "same"), ("a", 4, None)]), None))
    assert content(tables) == [("a", 2, "same"), ("a", 3, "kept"), ("a", 4, None), ("b", 1, "new")]
    assert (written.rows, written.removed) == (2, 0)


def test_a_snapshot_that_changes_nothing_commits_nothing(tables):
    same = rows(tables, [("a", 1, None), ("a", 2, "y")])
    scopes = tables.spark.createDataFrame([("a",)], "scope string")
    tables.apply(Snapshot(NAMES, same, scopes))
    version = tables.lake.version(NAMES)
    written = tables.apply(Snapshot(NAMES, same, scopes))
    assert (tables.lake.version(NAMES), written.rows, written.removed) == (version, 0, 0)


def test_a_change_puts_rows_in_place_of_others_and_removes_keys_in_one_commit_or_none(tables):
    tables.apply(Insert(NAMES, rows(tables, [("a", 1, "old"), ("a", 2, "stays"), ("b", 3, "goes")])))

    def keys(*found):
        return tables.spark.createDataFrame([(key,) for key in found], "id long")

    version = tables.lake.version(NAMES)
    new = rows(tables, [("c", 1, "new"), ("a", 4, "new")])
    written = tables.apply(Change(NAMES, new, keys(1, 4), keys(3)))
    assert content(tables) == [("a", 2, "stays"), ("a", 4, "new"), ("c", 1, "new")]
    assert (written.rows, written.removed, tables.lake.version(NAMES)) == (2, 1, version + 1)
    tables.apply(Change(NAMES, rows(tables, [("d", 5, "added")]), keys(5), keys()))
    assert content(tables)[-1] == ("d", 5, "added") and tables.lake.history(NAMES, 1)[0]["operation"] == "WRITE"
    tables.apply(Change(NAMES, rows(tables, []), keys(), keys(2, 99)))  # a key that is not there is gone
    assert [row[1] for row in content(tables)] == [4, 1, 5]
    version = tables.lake.version(NAMES)
    tables.apply(Change(NAMES, rows(tables, []), keys(), keys(99)))
    assert tables.lake.version(NAMES) == version


def test_files_that_are_named_and_delta_itself_give_the_same_rows_of_every_version(tables, monkeypatch):
    tables.apply(Insert(NAMES, rows(tables, [("a", 1, "x"), ("b", 2, None)])))
    tables.apply(Insert(NAMES, rows(tables, [("a", 3, "z")])))
    tables.apply(Snapshot(NAMES, rows(tables, [("a", 1, "new")]), tables.spark.createDataFrame([("a",)], "scope string")))
    tables.apply(Replace(NAMES, rows(tables, []), "scope", "a"))

    def found():
        return [sorted(map(tuple, tables.at(NAMES, version).collect())) for version in (0, 1, 2, 3, None)]

    named = found()
    monkeypatch.setattr("jobs.runtime.tables.FEW_FILES", 0)
    assert named == found()
    assert named[:2] == [[("a", 1, "x"), ("b", 2, None)], [("a", 1, "x"), ("a", 3, "z"), ("b", 2, None)]]
    assert named[2:] == [[("a", 1, "new"), ("b", 2, None)], [("b", 2, None)], [("b", 2, None)]]


def test_a_table_without_files_has_places_like_any_other(tables):
    make(tables.lake, CONTENTS)
    assert located(tables[CONTENTS]).count() == 0


def test_a_write_of_another_shape_names_every_difference_and_writes_nothing(tables):
    wrong = tables.spark.range(1).select(F.col("id").cast("string"), F.lit("x").alias("extra"))
    with pytest.raises(ContractError) as error:
        tables.apply(Insert(NAMES, wrong))
    for part in (
        "column scope is missing",
        "column value is missing",
        "column extra is not promised",
        "column id is string, promised int64",
    ):
        assert part in str(error.value)
    assert not tables.exists(NAMES)


def test_a_table_of_an_older_contract_is_refused_with_its_place(tables):
    old = tables.spark.createDataFrame([(1, "x")], "id bigint, old string")
    old.write.format("delta").save(tables.lake.spark_path(NAMES.name))
    with pytest.raises(ContractError, match="column old is not promised") as error:
        tables[NAMES]
    assert tables.lake.path(NAMES.name) in str(error.value)


@pytest.mark.parametrize("there", [[], [("a", 1, "old")]], ids=["of a new table", "of a table that is there"])
def test_a_row_that_breaks_a_check_is_refused(tables, there):
    if there:
        tables.apply(Insert(NAMES, rows(tables, there)))
    with pytest.raises(Exception, match="id_is_positive"):
        tables.apply(Insert(NAMES, rows(tables, [("a", -1, "x"), ("a", 2, "y")])))
    assert content(tables) == there


def test_rows_that_the_driver_holds_keep_the_checks_of_a_table(tables):
    def replaced(*found):
        return tables.apply(ReplaceRows(NAMES, pa.Table.from_pylist(list(found), schema=NAMES.arrow_schema), pc.scalar(True)))

    replaced({"scope": "a", "id": 1, "value": "x"})
    with pytest.raises(ContractError, match="1 rows for test/names break the check id_is_positive"):
        replaced({"scope": "a", "id": -1, "value": "x"}, {"scope": "a", "id": 2, "value": None})
    assert content(tables) == [("a", 1, "x")]
