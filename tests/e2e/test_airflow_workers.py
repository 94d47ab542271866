"""The workers of a run as Airflow starts them: one task for each share of the keys, and what comes after waits for all. No job is run."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.airflow_environment import BIN, DAGS, require_airflow, run, settings

JOBS = json.loads((DAGS / "jobs.json").read_text())["jobs"]
RUN_S = 300
pytestmark = pytest.mark.timeout(2 * RUN_S)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Airflow with a DAG of the worker and a job after it, on a target whose interpreter writes down what it is told."""
    require_airflow()
    home = tmp_path_factory.mktemp("airflow")
    dags = shutil.copytree(DAGS, home / "dags", ignore=shutil.ignore_patterns("__pycache__", "local.py"))
    (worker,) = (job for job in JOBS if job["engine"] == "worker")
    after = worker | {"name": "after", "engine": "python", "after": [worker["name"]], "writes": []}
    (dags / "jobs.json").write_text(json.dumps({"jobs": [worker | {"after": []}, after]}))
    python = home / "root" / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\necho "$@" >> {home}/told\n')
    python.chmod(0o755)
    run([BIN / "airflow", "db", "migrate"], environment(home), timeout_s=RUN_S)
    return home


def environment(home: Path) -> dict[str, str]:
    own = {"AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"), "CODEMILL_ROOT": str(home / "root")}
    return settings(home, **own, PATH=f"{BIN}:{os.environ.get('PATH', os.defpath)}")


def told(home: Path, **params: object) -> list[list[str]]:
    (home / "told").unlink(missing_ok=True)
    given = json.dumps({"lake": "/lake", "sources": ["/code"], **params})
    run([BIN / "airflow", "dags", "test", "codemill", "--conf", given], environment(home), timeout_s=RUN_S)
    return [line.split() for line in (home / "told").read_text().splitlines()]


def test_a_run_has_as_many_workers_as_were_asked_for_and_what_comes_after_waits_for_all(home: Path) -> None:
    found = told(home, scorer="/scorer {{ run_id }}", scoring_workers=3)
    assert [line[2] for line in found] == ["score.files"] * 3 + ["after"]
    assert sorted(line[line.index("--share") + 1] for line in found[:3]) == ["1/3", "2/3", "3/3"]
    assert all("{{" in line for line in found[:3])  # a path is no template


def test_without_a_scorer_one_task_says_that_nothing_is_scored(home: Path) -> None:
    found = told(home, scoring_workers=3)
    assert [line[2] for line in found] == ["score.files", "after"] and "--model" not in found[0]
