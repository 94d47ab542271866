"""Writes as JSON what Airflow makes of a folder of DAGs: `describe_dag.py FOLDER FILE`, run with Airflow's own interpreter."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import BundleDagBag
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk.exceptions import AirflowFailException, ParamValidationError

RUN = "manual__2026-01-02T03:04:05.000006+00:00"
PARAMS: dict[str, Any] = {"lake": "/data/lake", "sources": ["/data/one", "/data/with space"], "manifest": None, "profile": "demo"}
PARAMS |= {"archives": ["/data/crawl.warc.gz"], "scorer": "/data/scorer", "scorer_version": None, "benchmarks": ["/data/evals.jsonl.gz"]}
PARAMS |= {"page_scorer": "/data/page-scorer", "page_scorer_version": None, "scoring_workers": 2}
VERSIONS = {"scorer_version": "0123456789abcdef", "page_scorer_version": "fedcba9876543210"}
PARAMS |= {"recipe": "continued", "mixture": "demo-continued", "formats": ["megatron", "mds"]}


def command(task: Any) -> list[str]:
    """What the task executes, from the provider's own code: the arguments of spark-submit, or what bash gets."""
    context = {"params": PARAMS, "run_id": RUN}
    if task.is_mapped:
        return ["bash", "-c", *importlib.import_module("codemill").worker_commands(context)]
    task.render_template_fields(context)
    if isinstance(task, SparkSubmitOperator):
        return list(task._get_hook()._build_spark_submit_command(task.application))
    return ["bash", "-c", task.bash_command] if hasattr(task, "bash_command") else []


def describe(task: Any) -> dict[str, Any]:
    return {
        "upstream": sorted(task.upstream_task_ids),
        "retries": task.retries,
        "backoff": task.retry_exponential_backoff,
        "timeout_s": task.execution_timeout and task.execution_timeout.total_seconds(),
        "pool": task.pool,
        "queue": task.queue,
        "outlets": [asset.uri for asset in task.outlets],
        "command": command(task),
    }


def accepts(dag: Any, given: dict[str, Any]) -> bool:
    """Whether the DAG can be triggered with these parameters, the others at their defaults."""
    try:
        for name, value in given.items():
            dag.params.get_param(name).__copy__().resolve(value)
    except ParamValidationError:
        return False
    return True


def refusal(sources: Any) -> str:
    try:
        return str(sources({**PARAMS, "sources": [], "archives": []}))
    except AirflowFailException as error:
        return f"AirflowFailException: {error}"


def main(folder: Path, out: Path, tried: list[dict[str, Any]]) -> None:
    bag = BundleDagBag(folder, bundle_path=folder, bundle_name="dags-folder")
    dag = bag.dags["codemill"]
    codemill = importlib.import_module("codemill")
    described = {
        "import_errors": bag.import_errors,
        "dags": sorted(bag.dags),
        "max_active_runs": dag.max_active_runs,
        "tasks": {task.task_id: describe(task) for task in dag.tasks},
        "accepted": {json.dumps(params): accepts(dag, params) for params in tried},
        "ledger_runs": {run: codemill.ledger_run(run) for run in (RUN, "a~b c/d")},
        "without_a_scorer": codemill.worker_commands({"params": {**PARAMS, "scorer": None, "page_scorer": None}, "run_id": RUN}),
        "by_scores_of_others": {
            job["name"]: codemill.scoring(job, {**PARAMS, "scorer": None, "page_scorer": None, **VERSIONS})
            for job in codemill.JOBS
            if job["name"] in ("score.files", "decide.gates", "decide.verdicts")
        },
        "nothing_to_ingest": refusal(codemill.sources),
        "with_archives_alone": codemill.sources({**PARAMS, "sources": []}),
        "with_manifest": codemill.sources({**PARAMS, "manifest": "/data/manifest.jsonl"}),
    }
    out.write_text(json.dumps(described))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]))
