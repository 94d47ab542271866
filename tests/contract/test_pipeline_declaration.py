"""What is written down twice is equal: the declarations of the jobs, the DAG's copy of them, the README, the lock."""

import json
import re
from pathlib import Path

import pytest

from jobs.pipeline import JOBS, after, exported
from schemas import ALL_TABLES
from schemas.mix import PIECE
from schemas.spark import table_properties
from udfs.packing import PIECE as PACKED_PIECE

ROOT = Path(__file__).parents[2]


def test_the_dags_copy_of_the_declarations_is_theirs():
    found = json.loads((ROOT / "airflow_dags" / "jobs.json").read_text())
    assert found == exported(), "run: codemill export-dag > airflow_dags/jobs.json"


def test_every_table_that_a_job_reads_is_written_by_an_earlier_one():
    written = set()
    for job in JOBS:
        assert {table.name for table in job.reads} <= written, job.name
        written |= {table.name for table in job.writes}


def test_the_order_of_jobs_is_an_order_of_the_edges():
    for index, job in enumerate(JOBS):
        assert set(after(job)) <= {other.name for other in JOBS[:index]}


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: table.name)
def test_a_table_is_declared_whole(table):
    assert set(table.key) <= set(table.names) and len(set(table.names)) == len(table.names)
    assert not any(column.is_nullable for column in table.columns if column.name in table.key and column.name != "language")
    assert all(column.meaning for column in table.columns) and table.meaning
    assert not table.differences(table.arrow_schema)
    assert all(f"delta.constraints.{name}_is_there" in table_properties(table) for name in table.key if name != "language")


def test_a_packed_piece_is_the_tables_piece():
    assert PACKED_PIECE.equals(PIECE)


def test_the_readme_lists_every_job_as_declared():
    readme = (ROOT / "README.md").read_text()
    for job in JOBS:
        assert f"| `{job.name}` | {job.summary} | {', '.join(table.name for table in job.writes) or '-'} |" in readme


def test_the_readme_is_short_and_begins_with_its_two_commands():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 200
    assert any("make demo" in line for line in lines[:25])


LOCKS = ("", "-uv", "-java")


@pytest.mark.parametrize(
    "name", [*(f"requirements{which}.lock" for which in LOCKS), "airflow_dags/requirements.lock", "tests/readers/requirements.lock"]
)
def test_a_lock_has_hashes_and_no_address(name):
    text = (ROOT / name).read_text()
    assert not re.search(r"https?://|--index-url|--find-links", text)
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert blocks and all("--hash=sha256:" in block for block in blocks if "==" in block)


def test_top_level_names_of_jobs_hide_no_module_of_the_standard_library():
    import sys

    found = {path.stem for path in (ROOT / "jobs").iterdir() if not path.name.startswith("_")}
    assert not found & set(sys.stdlib_module_names)
