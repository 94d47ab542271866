"""The DAG `codemill`: the jobs of `jobs.json`, in the order that their tables give.

`jobs.json` is written by `python -m jobs export-dag`; where the jobs run is in `targets.py`. This file says when, and nothing else.
"""

import json
import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import targets
from airflow.sdk import DAG, Asset, Param, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

JOBS = json.loads(Path(__file__).with_name("jobs.json").read_text())["jobs"]
TARGET = targets.chosen()
PLACE = "^([a-z][a-z0-9+.-]*:)?/"  # an absolute path or a URI: a task has no working directory that a user could know
FOLDER = "^/"  # of a machine: a model is read from a disk
SOURCE = PLACE.replace("^", "^([^=]+=)?")
BENCHMARK = SOURCE + "|^none$"
NAME = "^[A-Za-z0-9][A-Za-z0-9._-]*$"

ABOUT = """
Code files, commits and web pages in, training shards and a trained probe out. One task per job; each reads and writes tables of one lake.

**Trigger** it with the lake and the sources. A second run into the same lake does only what is new; a task that is retried or cleared
continues where it was, under the same run in the ledger (`codemill counts --lake LAKE`).

**Quality** is judged where `scorer` names a folder: the task `score.files` runs without Spark, in a pool and a queue of its own, after
what passes the gates is known; `scoring_workers` of them share the work by ranges of keys, as many at a time as the pool has slots.
Workers elsewhere can help: `codemill score` on other machines, or a DAG of theirs with
`schedule=[Asset("codemill://decide/gates")]`; what has a score is skipped here. But nothing here waits for them. Where they score alone,
trigger without `scorer`, and again with `scorer_version` (`page_scorer_version`) when they have ended: the second run judges by their
scores.

**A second phase** is a second trigger with a `recipe` and a name for its `mixture`: what is up to date is skipped, and no document is
tokenized twice.

**Schedule** another DAG on a table with `schedule=[Asset("codemill://decide/kept")]`. The event's `extra` names the lake and the run.

This DAG has no schedule of its own unless the environment variable `CODEMILL_SCHEDULE` holds one (a cron expression or a preset);
a scheduled run takes the defaults of the parameters.
"""

PARAMS = {
    "lake": Param(TARGET.lake, type="string", pattern=PLACE, description="The lake: an absolute path or a URI. Made where there is none."),
    "sources": Param(
        list(TARGET.sources),
        type="array",
        items={"type": "string", "pattern": SOURCE},
        description="Folders, git repositories, archives and tables, one a line: PATH, NAME=PATH or git:PATH@REF, paths absolute.",
    ),
    "manifest": Param(
        None,
        type=["null", "string"],
        pattern=PLACE,
        description="A manifest (JSON Lines) that names the sources with their facts. Where given, the sources above are not used.",
    ),
    "archives": Param(
        [],
        type="array",
        items={"type": "string", "pattern": SOURCE.replace("^([^=]+=)?", "^([^=]+=|@)?")},
        description="Web archives (.warc, .warc.gz, .warc.zst), one a line: PATH, NAME=PATH, a folder or s3:// address, @LIST.",
    ),
    "profile": Param(
        "demo", type="string", pattern="^[A-Za-z_][A-Za-z0-9_]*$", examples=["demo", "paper"], description="The policy's profile."
    ),
    "benchmarks": Param(
        [],
        type="array",
        items={"type": "string", "pattern": BENCHMARK},
        description="Benchmarks whose texts must not be in training, one a line: PATH, NAME=PATH or PATH?text=FIELD,FIELD, as Spark's "
        "driver sees them. Without any those that the lake remembers; `none` forgets them.",
    ),
    "recipe": Param(
        None,
        type=["null", "string"],
        pattern=NAME,
        description="How to mix: a recipe's name (`codemill mixture` says what it would take). Without one the profile's.",
    ),
    "mixture": Param(
        None,
        type=["null", "string"],
        pattern=NAME,
        description="A name for what is mixed, such as that of a second phase; it stands beside the profile's, which has none.",
    ),
    "formats": Param(
        [],
        type="array",
        items={"type": "string", "enum": ["megatron", "mds", "flat"]},
        description="Formats of other trainers to export the mixture in.",
    ),
    "scorer": Param(
        None,
        type=["null", "string"],
        pattern=FOLDER,
        description="Folder of a scorer, as the workers see it. Where it is not there yet, the task waits for it. "
        "Without one nothing is scored, and quality is not judged.",
    ),
    "page_scorer": Param(
        None,
        type=["null", "string"],
        pattern=FOLDER,
        description="Folder of a scorer of pages, as the workers and Spark's driver see it: the same task scores pages by it, and they are "
        "rated so. Without one the models of pages rate them.",
    ),
    "scoring_workers": Param(
        1,
        type="integer",
        minimum=1,
        maximum=256,
        description="How many tasks score, each a range of keys. As many run at once as the pool of workers has slots.",
    ),
    "scorer_version": Param(
        None,
        type=["null", "string"],
        pattern="^([0-9a-f]{16}(-bf16)?|none)$",
        description="Whose scores the policy reads, where Spark's driver cannot read the scorer's folder. `none`: nobody's.",
    ),
    "page_scorer_version": Param(
        None,
        type=["null", "string"],
        pattern="^[0-9a-f]{16}(-bf16)?$",
        description="Whose scores rate pages, where Spark's driver cannot read the folder of the scorer of pages, or others scored them.",
    ),
}

SHARES = "score.shares"
OF_MIXTURE = ("mix.sequences", "mix.shards", "mix.exports", "train.probe")
WAIT_S = 5 * 3600  # for a scorer that is not there yet; less than the timeout of the task

RETRIES = {
    "retries": 2,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=10),
    "execution_timeout": timedelta(hours=6),
}


def ledger_run(run_id: str) -> str:
    """The ledger's name of an Airflow run: the same for every attempt, in the characters that the ledger allows."""
    return re.sub(r"[^A-Za-z0-9:+_.-]", "-", run_id)


def archives(params: Mapping[str, Any]) -> list[str]:
    return [part for archive in params["archives"] for part in ("--archive", archive)]


def sources(params: Mapping[str, Any]) -> list[str]:
    if params["manifest"]:
        return ["--manifest", params["manifest"]]
    if not params["sources"] and params["archives"]:
        return ["--allow-none", "true"]
    if not params["sources"]:
        raise AirflowFailException(
            "Nothing to ingest: `sources` and `archives` are empty and there is no `manifest`. Trigger the DAG with one of them."
        )
    return [part for source in params["sources"] for part in ("--source", source)]


def arguments(job: Mapping[str, Any]) -> Callable[[Any], list[str]]:
    """A function from a task's context to the arguments of `jobs/main.py` and of `python -m jobs`, which are the same."""

    def of_run(context: Any) -> list[str]:
        params = context["params"]
        given = [job["name"], "--lake", params["lake"], "--run", ledger_run(context["run_id"]), "--profile", params["profile"]]
        if job["name"] == "ingest.files":
            return given + sources(params)
        if job["name"] == "ingest.pages":
            return given + archives(params)
        if job["name"] == "annotate.contamination":
            return given + [part for benchmark in params["benchmarks"] for part in ("--benchmark", benchmark)]
        if job["name"] in OF_MIXTURE:
            return given + mixing(job["name"], params)
        return given + scoring(job, params)

    return of_run


def scoring(job: Mapping[str, Any], params: Mapping[str, Any]) -> list[str]:
    """What the worker, and the jobs that decide on both sides of it, are told of scorers."""
    if job["engine"] == "worker":
        models = ["--model", params["scorer"]] if params["scorer"] else []
        models += ["--page-model", params["page_scorer"]] if params["page_scorer"] else []
        return [*models, "--wait-s", str(WAIT_S)] if models else []
    scorer, page_scorer = (params[f"{name}_version"] or params[name] for name in ("scorer", "page_scorer"))
    given = ["--policy", "page_quality=scorer"] if page_scorer and job["name"] in ("decide.gates", "decide.verdicts") else []
    if job["name"] == "decide.verdicts":
        given += ["--scorer", scorer or "none"]
        given += ["--page-scorer", page_scorer] if page_scorer else []
    return given


def worker_commands(context: Any) -> list[str]:
    """One for each share of the keys; where nothing is to be scored one, which says so."""
    (job,) = (job for job in JOBS if job["engine"] == "worker")
    is_asked = context["params"]["scorer"] or context["params"]["page_scorer"]
    workers = context["params"]["scoring_workers"] if is_asked else 1
    given = arguments(job)(context)
    return [targets.worker_command(TARGET, [*given, "--share", f"{share}/{workers}"]) for share in range(1, workers + 1)]


def mixing(job: str, params: Mapping[str, Any]) -> list[str]:
    """What the jobs that mix, export and train on a mixture are told of it."""
    given = ["--recipe", params["recipe"]] if job == "mix.sequences" and params["recipe"] else []
    given += ["--mixture", params["mixture"]] if params["mixture"] else []
    return given + [part for format in params["formats"] if job == "mix.exports" for part in ("--formats", format)]


def describe_event(context: Any, result: Any) -> None:
    """Says in each asset event which lake and run it is about, because the asset itself stands for the table in any lake."""
    for asset in context["task"].outlets:
        context["outlet_events"][asset].extra = {"lake": context["params"]["lake"], "run": ledger_run(context["run_id"])}


with DAG(
    "codemill",
    description="Code in, training shards and a trained probe out",
    doc_md=ABOUT,
    schedule=os.environ.get("CODEMILL_SCHEDULE") or None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    max_active_tasks=TARGET.max_active_tasks,
    params=PARAMS,
    default_args=RETRIES,
    tags=["codemill"],
):

    @task(  # type: ignore[untyped-decorator]
        task_id=SHARES, doc="Shares the scoring out among as many workers as the run asks for."
    )
    def shares() -> list[str]:
        return worker_commands(get_current_context())

    def task_of(job: dict[str, Any]) -> Any:
        known = {"task_id": job["name"], "doc": job["summary"], "post_execute": describe_event}
        known |= {"outlets": [Asset(f"codemill://{table}") for table in job["writes"]]}
        if job["engine"] == "worker":
            return targets.submit_each(TARGET, shares(), execution_timeout=timedelta(hours=TARGET.worker_hours), **known)
        return targets.submit(TARGET, job, arguments(job), **known)

    tasks = {job["name"]: task_of(job) for job in JOBS}
    for job in JOBS:
        tasks[job["name"]].set_upstream([tasks[name] for name in job["after"]])
