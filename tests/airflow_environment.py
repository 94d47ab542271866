"""Airflow's own environment, for the tests that run something in it. Where it is not there they are skipped, but not in CI."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DAGS = ROOT / "airflow_dags"
BIN = ROOT / ".venv-airflow" / "bin"
OUR_BIN = ROOT / ".venv" / "bin"


def require_airflow() -> None:
    if BIN.joinpath("airflow").exists() or os.environ.get("CI") == "true":
        return
    pytest.skip("there is no .venv-airflow; `make test` and `make airflow` make it")


def settings(home: Path, **more: str) -> dict[str, str]:
    """The environment of a process in which Airflow keeps everything in `home`. Its `airflow` comes before ours on the path."""
    airflow = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_SPARK_LOCAL": '{"conn_type": "spark", "host": "local[2]"}',
        "PATH": f"{BIN}:{os.environ.get('PATH', os.defpath)}",
    }
    return {**os.environ, **airflow, **more}


def run(command: Sequence[str | Path], environment: dict[str, str], timeout_s: float) -> str:
    """What the command prints, both streams together. Fails the test, with the end of it, where the status is not 0.

    Works in Airflow's home, because Spark's Python workers import from their working directory before the zip.
    """
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run(command, env=environment, text=True, timeout=timeout_s, cwd=environment["AIRFLOW_HOME"], **both)
    if done.returncode:
        pytest.fail(f"{command} ended with status {done.returncode}:\n{done.stdout[-8000:]}")
    return done.stdout
