"""The DAG, as Airflow itself understands it, against `jobs.json` and against a golden copy of each task's command."""

import ast
import json
import os
import shlex
from pathlib import Path
from typing import Any

import pytest

from jobs.cli import parser
from tests.airflow_environment import BIN, DAGS, ROOT, require_airflow, run, settings

GOLDEN = Path(__file__).with_name("golden") / "codemill_dag.json"
OURS = {"benchmarks", "gpu_scoring", "jobs", "schemas", "training", "udfs"}
JOBS = json.loads((DAGS / "jobs.json").read_text())["jobs"]
TRIGGERS: list[tuple[dict[str, Any], bool]] = [
    ({"lake": "/data/lake"}, True),
    ({"lake": "s3://bucket/lake"}, True),
    ({"lake": "lake"}, False),
    ({"lake": ""}, False),
    ({"sources": ["name=/data/one", "git:/data/two@main", "/data/three"]}, True),
    ({"sources": ["relative/path"]}, False),
    ({"sources": "/data/one"}, False),
    ({"manifest": "/data/manifest.jsonl"}, True),
    ({"manifest": "manifest.jsonl"}, False),
    ({"profile": "paper"}, True),
    ({"profile": "no profile"}, False),
    ({"archives": ["/data/crawl", "day=/data/a.warc.gz", "@/data/warc.paths", "s3://bucket/b.warc.zst"]}, True),
    ({"archives": ["crawl.warc"]}, False),
    ({"benchmarks": ["/data/evals.jsonl.gz", "mine=/data/own.parquet?text=prompt,solution&item=id"]}, True),
    ({"benchmarks": ["none"]}, True),
    ({"benchmarks": ["evals.jsonl"]}, False),
    ({"scorer": "/data/scorer"}, True),
    ({"scorer": "scorer"}, False),
    ({"scorer": "s3://models/scorer"}, False),
    ({"page_scorer": "/data/page-scorer"}, True),
    ({"page_scorer": "page-scorer"}, False),
    ({"scoring_workers": 8}, True),
    ({"scoring_workers": 0}, False),
    ({"scoring_workers": "two"}, False),
    ({"scorer_version": "0123456789abcdef"}, True),
    ({"scorer_version": "0123456789abcdef-bf16"}, True),
    ({"scorer_version": "newest"}, False),
    ({"page_scorer_version": "0123456789abcdef-bf16"}, True),
    ({"page_scorer_version": "none"}, False),
    ({"recipe": "continued", "mixture": "demo-continued", "formats": ["mds", "flat"]}, True),
    ({"mixture": "a/b"}, False),
    ({"formats": ["zarr"]}, False),
]


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    require_airflow()
    home = tmp_path_factory.mktemp("airflow")
    describe = Path(__file__).with_name("describe_dag.py")
    environment = settings(home, CODEMILL_ROOT="/opt/codemill")
    tried = json.dumps([params for params, _ in TRIGGERS])
    run([BIN / "python", describe, DAGS, home / "described.json", tried], environment, timeout_s=120)
    return dict(json.loads((home / "described.json").read_text()))


def test_the_folder_holds_one_dag_and_no_import_errors(described: dict[str, Any]) -> None:
    assert described["import_errors"] == {}
    assert described["dags"] == ["codemill"]


@pytest.fixture
def tasks(described: dict[str, Any]) -> dict[str, Any]:
    """Those that are jobs."""
    return {name: task for name, task in described["tasks"].items() if name != "score.shares"}


def test_the_tasks_are_the_jobs_and_one_that_shares_the_scoring_out(described: dict[str, Any], tasks: dict[str, Any]) -> None:
    assert list(tasks) == [job["name"] for job in JOBS]
    assert described["tasks"].keys() - tasks.keys() == {"score.shares"} and described["tasks"]["score.shares"]["upstream"] == []


def test_workers_share_the_keys_of_a_run_and_one_says_that_there_is_nothing_to_do(described: dict[str, Any], tasks: dict[str, Any]) -> None:
    assert [shlex.split(command)[-2:] for command in tasks["score.files"]["command"][2:]] == [["--share", "1/2"], ["--share", "2/2"]]
    (alone,) = described["without_a_scorer"]
    assert "--model" not in alone and alone.endswith("--share 1/1")


def test_scores_that_others_made_are_read_by_their_versions(described: dict[str, Any]) -> None:
    told = described["by_scores_of_others"]
    assert told["score.files"] == [] and told["decide.gates"] == ["--policy", "page_quality=scorer"]
    scorers = ["--scorer", "0123456789abcdef", "--page-scorer", "fedcba9876543210"]
    assert told["decide.verdicts"] == [*told["decide.gates"], *scorers]


def test_the_edges_are_those_of_the_jobs(tasks: dict[str, Any]) -> None:
    expected = {job["name"]: sorted(job["after"] + ["score.shares"] * (job["engine"] == "worker")) for job in JOBS}
    assert {name: task["upstream"] for name, task in tasks.items()} == expected


def test_every_task_announces_the_tables_that_it_writes(tasks: dict[str, Any]) -> None:
    expected = {job["name"]: [f"codemill://{table}" for table in job["writes"]] for job in JOBS}
    assert {name: task["outlets"] for name, task in tasks.items()} == expected


def test_scoring_has_its_own_pool_and_queue_and_no_spark(described: dict[str, Any]) -> None:
    own = {name for name, task in described["tasks"].items() if task["pool"] != "default_pool" or task["queue"] != "default"}
    assert own == {job["name"] for job in JOBS if job["engine"] == "worker"} == {"score.files"}
    assert described["tasks"]["score.files"]["command"][0] == "bash"


def test_every_task_is_retried_ever_later_and_has_an_end(described: dict[str, Any]) -> None:
    for name, task in described["tasks"].items():
        assert task["retries"] >= 1, name
        assert task["backoff"] > 1, name
        assert 0 < task["timeout_s"] <= (24 if task["pool"] == "default_pool" else 7 * 24) * 3600, name


def test_scoring_has_days_of_its_own_beside_the_hours_that_it_may_wait(described: dict[str, Any]) -> None:
    command = shlex.split(described["tasks"]["score.files"]["command"][-1])
    waiting_s = int(command[command.index("--wait-s") + 1])
    assert described["tasks"]["score.files"]["timeout_s"] > 10 * waiting_s


def test_one_run_at_a_time_writes_a_lake(described: dict[str, Any]) -> None:
    assert described["max_active_runs"] == 1


def test_a_run_id_becomes_the_same_safe_name_for_every_attempt(described: dict[str, Any]) -> None:
    run = "manual__2026-01-02T03:04:05.000006+00:00"
    assert described["ledger_runs"] == {run: run, "a~b c/d": "a-b-c-d"}


def test_a_run_without_sources_and_without_manifest_fails_for_good(described: dict[str, Any]) -> None:
    assert described["nothing_to_ingest"].startswith("AirflowFailException: Nothing to ingest")


def test_a_run_of_web_archives_alone_ingests_no_files(described: dict[str, Any]) -> None:
    assert described["with_archives_alone"] == ["--allow-none", "true"]


def test_a_manifest_takes_the_place_of_the_sources(described: dict[str, Any]) -> None:
    assert described["with_manifest"] == ["--manifest", "/data/manifest.jsonl"]


@pytest.mark.parametrize(("params", "is_valid"), TRIGGERS)
def test_the_trigger_form_refuses_what_no_job_could_use(described: dict[str, Any], params: dict[str, Any], is_valid: bool) -> None:
    assert described["accepted"][json.dumps(params)] is is_valid


def test_the_dag_imports_nothing_of_ours() -> None:
    for path in DAGS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & OURS, f"{path}:{node.lineno}"  # type: ignore[attr-defined]


def test_our_command_line_takes_every_command(tasks: dict[str, Any]) -> None:
    for name, task in tasks.items():
        command = task["command"]
        words = shlex.split(command[-1]) if command[0] == "bash" else command
        asked = words[words.index("jobs") + 1 if command[0] == "bash" else words.index("/opt/codemill/jobs/main.py") + 1 :]
        assert asked[0] == name
        assert parser().parse_args(asked).command is not None


def test_the_commands_are_the_golden_ones(tasks: dict[str, Any]) -> None:
    """A changed command, memory, jar or setting is a change of this file, to be looked at; `UPDATE_GOLDEN=1` writes it."""
    commands = {name: task["command"] for name, task in tasks.items()}
    if os.environ.get("UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(json.dumps(commands, indent=1) + "\n")
    assert commands == json.loads(GOLDEN.read_text()), f"if this is meant: UPDATE_GOLDEN=1 pytest {Path(__file__).relative_to(ROOT)}"
