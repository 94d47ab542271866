"""Airflow for real: what `make airflow` starts is started and stopped, and the DAG runs over a few folders of Python's own library."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from deltalake import DeltaTable

from gpu_scoring.model_folder import save
from gpu_scoring.scorer import Shape, new_scorer
from jobs.decide.quality import declared_version
from tests.airflow_environment import BIN, DAGS, require_airflow, run, settings
from tests.web_archives import by_record, http, page, record

JOBS = json.loads((DAGS / "jobs.json").read_text())["jobs"]
PACKAGES = ("asyncio", "email")  # of the standard library: 60 files
READY_S, STOPPED_S, RUN_S = 240, 60, 1500
# What has nothing to do without a history, a benchmark, a notebook, pages enough to train on, or a format.
IDLE = {
    "ingest.commits",
    "annotate.commit_facts",
    "annotate.contamination",
    "annotate.page_models",
    "annotate.page_judgements",
    "decide.high_quality",
    "assemble.commits",
    "assemble.notebooks",
}
pytestmark = pytest.mark.timeout(READY_S + STOPPED_S + RUN_S)  # a JVM for each of the tasks


@dataclass(frozen=True)
class Service:
    """What was seen of one start and stop of `airflow_dags/local.py`."""

    home: Path
    output: str
    addresses: set[str]
    second_start: subprocess.CompletedProcess[str]
    status: int
    left: list[psutil.Process]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Service:
    require_airflow()
    home = tmp_path_factory.mktemp("airflow")
    command = [BIN / "python", DAGS / "local.py"]
    environment = {**os.environ, "AIRFLOW_HOME": str(home)}
    with open(home / "output", "w") as output:
        process = psutil.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        wait_until_ready(process, home / "output")
        parts = process.children(recursive=True)
        addresses = {found.laddr.ip for part in [process, *parts] for found in part.net_connections() if found.status == psutil.CONN_LISTEN}
        second = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=READY_S)
    finally:
        process.send_signal(signal.SIGINT)
        status = process.wait(STOPPED_S)
    left = [part for part in parts if part.is_running()]
    return Service(home, (home / "output").read_text(), addresses, second, status, left)


def wait_until_ready(process: psutil.Popen, output: Path) -> None:
    deadline = time.monotonic() + READY_S
    while "ready at" not in output.read_text():
        assert process.poll() is None and time.monotonic() < deadline, output.read_text()
        time.sleep(0.3)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("sources")
    stdlib = Path(sysconfig.get_path("stdlib"))
    return [shutil.copytree(stdlib / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")) for package in PACKAGES]


@pytest.fixture(scope="module")
def scorer(sources: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scorer that learned nothing: the DAG does not know the difference."""
    folder = tmp_path_factory.mktemp("scorer") / "scorer"
    texts = [path.read_text() for source in sources for path in sorted(source.rglob("*.py"))]
    save(new_scorer(Shape(32, 1, 400), iter(texts), 64, 0), folder, "# MODEL_HASH\n", {}, {})
    return folder


@pytest.fixture(scope="module")
def run_of_the_dag(service: Service, sources: list[Path], scorer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake after one run. Airflow's database is the one that the service left."""
    lake = tmp_path_factory.mktemp("lake") / "lake"
    archive = sources[0].parent / "crawl.warc.gz"
    archive.write_bytes(by_record([record(f"http://{name}.example/", http(page(name, "x = 1"))) for name in ("alpha", "beta")]))
    asked = {"lake": str(lake), "sources": [str(source) for source in sources], "archives": [str(archive)]}
    given = json.dumps(asked | {"scorer": str(scorer), "scoring_workers": 2})
    run([BIN / "airflow", "dags", "test", "codemill", "--conf", given], settings(service.home), timeout_s=RUN_S)
    return lake


def rows(lake: Path, table: str, *columns: str) -> list[dict[str, object]]:
    return list(DeltaTable(str(lake / table)).to_pyarrow_table(columns=list(columns)).to_pylist())


def test_the_service_says_where_it_is_and_how_to_trigger_the_dag(service: Service) -> None:
    assert "ready at http://127.0.0.1:" in service.output
    assert "dags trigger codemill" in service.output


def test_the_service_listens_on_this_machine_only(service: Service) -> None:
    assert service.addresses == {"127.0.0.1"}


def test_a_second_start_says_where_the_first_one_is(service: Service) -> None:
    assert service.second_start.returncode == 1
    assert "already running at http://127.0.0.1:" in service.second_start.stderr


def test_ctrl_c_ends_the_service_and_leaves_no_process(service: Service) -> None:
    assert service.status == 0, service.output
    assert service.left == []


def test_a_run_of_the_dag_writes_every_table(run_of_the_dag: Path) -> None:
    for table in (table for job in JOBS if job["name"] not in IDLE for table in job["writes"]):
        assert DeltaTable.is_deltatable(str(run_of_the_dag / table)), table


def test_a_run_of_the_dag_reads_every_file_of_its_sources(run_of_the_dag: Path, sources: list[Path]) -> None:
    found = sorted(str(row["path"]) for row in rows(run_of_the_dag, "ingest/files", "path"))
    there = sorted(str(path.relative_to(source)) for source in sources for path in source.rglob("*") if path.is_file())
    assert len(there) > 50
    assert found == there


def test_every_candidate_of_the_run_is_kept_or_dropped(run_of_the_dag: Path) -> None:
    candidates = [row["candidate"] for row in rows(run_of_the_dag, "decide/features", "candidate")]
    judged = [row["candidate"] for table in ("kept", "dropped") for row in rows(run_of_the_dag, f"decide/{table}", "candidate")]
    assert sorted(map(str, judged)) == sorted(map(str, candidates)) != []


def test_every_file_that_passes_the_gates_of_the_run_has_a_score(run_of_the_dag: Path, scorer: Path) -> None:
    gates = rows(run_of_the_dag, "decide/gates", "kind", "candidate", "reasons")
    passing = sorted(str(row["candidate"]) for row in gates if row["kind"] == "file" and not row["reasons"])
    scores = rows(run_of_the_dag, "annotate/scores", "content_sha256", "version")
    assert sorted(str(row["content_sha256"]) for row in scores) == passing != []
    assert {row["version"] for row in scores} == {declared_version(str(scorer))}


def test_the_service_has_the_pool_of_workers(service: Service) -> None:
    pools = sqlite3.connect(service.home / "airflow.db").execute("select pool, slots from slot_pool").fetchall()
    assert ("codemill_workers", 1) in pools


def test_the_ledger_has_each_job_of_the_run_once_and_each_worker_done(run_of_the_dag: Path) -> None:
    ledger = rows(run_of_the_dag, "ledger", "run", "job", "status")
    assert len({row["run"] for row in ledger}) == 1
    expected = [(job["name"], "done") for job in JOBS for _ in range(1 + (job["engine"] == "worker"))]
    assert sorted((str(row["job"]), row["status"]) for row in ledger) == sorted(expected)


def test_the_event_of_a_table_says_in_which_lake_it_was_written(service: Service, run_of_the_dag: Path) -> None:
    database = sqlite3.connect(service.home / "airflow.db")
    events = database.execute("select uri, asset_event.extra from asset_event join asset on asset.id = asset_event.asset_id").fetchall()
    assert {uri for uri, _ in events} == {f"codemill://{table}" for job in JOBS for table in job["writes"]}
    assert {json.loads(extra)["lake"] for _, extra in events} == {str(run_of_the_dag)}
