"""When near-duplicates are grouped again, and when all of them."""

import datetime

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from jobs.annotate import duplicates, signatures
from jobs.annotate.torn import is_torn
from jobs.runtime.ledger import JobRun, job_fingerprint
from schemas.annotate import DUPLICATE_PAIRS, DUPLICATES
from schemas.delta_files import append
from schemas.lake import Lake
from schemas.ledger import LEDGER
from schemas.table import Table
from udfs import shingles


@pytest.fixture
def lake(tmp_path) -> Lake:  # type: ignore[no-untyped-def]
    """A lake in which one run has ended."""
    found = Lake.at(str(tmp_path / "lake"))
    found.create()
    write(found, DUPLICATE_PAIRS)
    write(found, DUPLICATES)
    ended(found, 1, 0, 0)
    return found


def write(lake: Lake, table: Table) -> None:
    filled = {pa.string(): "x", pa.int64(): 1, pa.float64(): 0.9, pa.bool_(): True}
    row = {column.name: filled[column.type] for column in table.columns}
    write_deltalake(lake.path(table.name), pa.Table.from_pylist([row], schema=table.arrow_schema), mode="append")


def ended(lake: Lake, minute: int, pairs: int, groups: int) -> None:
    """A run that began at that minute and left these versions."""
    began = datetime.datetime(2026, 1, 1, 0, minute, tzinfo=datetime.UTC)
    versions = {DUPLICATE_PAIRS.name: pairs, DUPLICATES.name: groups}
    append(lake, LEDGER, JobRun(f"run {minute}", duplicates.JOB.name, "done", began, table_versions=versions).to_arrow())


def test_tables_of_a_run_that_ended_are_whole(lake: Lake) -> None:
    assert not is_torn(lake)
    for table in (DUPLICATE_PAIRS, DUPLICATES):
        write(lake, table)
    ended(lake, 2, 1, 1)
    assert not is_torn(lake)


def test_a_run_that_was_killed_between_them_tears_them(lake: Lake) -> None:
    write(lake, DUPLICATE_PAIRS)
    assert is_torn(lake)


def test_of_two_runs_the_one_that_began_first_and_ended_last_tears_them(lake: Lake) -> None:
    for _ in range(2):
        write(lake, DUPLICATES)
    ended(lake, 3, 0, 1)
    ended(lake, 2, 0, 2)
    assert is_torn(lake)


def test_files_that_are_made_larger_tear_nothing(lake: Lake) -> None:
    write(lake, DUPLICATES)
    ended(lake, 2, 0, 1)
    DeltaTable(lake.path(DUPLICATES.name)).optimize.compact()
    assert lake.version(DUPLICATES) == 2
    assert not is_torn(lake)


def test_groups_without_their_pairs_are_torn_and_a_lake_without_both_is_not(tmp_path) -> None:  # type: ignore[no-untyped-def]
    found = Lake.at(str(tmp_path / "lake"))
    found.create()
    assert not is_torn(found)
    write(found, DUPLICATES)
    assert is_torn(found)


@pytest.mark.parametrize("job", [signatures.JOB, duplicates.JOB])
def test_a_kernel_of_another_version_makes_the_job_run_again(job, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """Also one that was there before, whose signatures the lake still has: then no table that the groups are made of changes."""
    before = job_fingerprint(job, job.params())
    monkeypatch.setattr(shingles, "VERSION", shingles.VERSION + 1)
    monkeypatch.setattr(signatures.minhash, "VERSION", signatures.minhash.VERSION - 1)
    assert job_fingerprint(job, job.params()) != before
