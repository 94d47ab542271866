"""`codemill run`, `codemill PHASE`, `codemill JOB`."""

import argparse
import dataclasses
import json
import os
import sys
import typing
from collections.abc import Sequence
from typing import Any

from jobs.commands.held_out import check_draw, check_that_something_is_left
from jobs.commands.options import add_lake, add_parser
from jobs.commands.summary import print_summary
from jobs.commands.tokenizer_check import check_marks
from jobs.decide.profiles import PROFILES, profile
from jobs.decide.quality import declared_version
from jobs.pipeline import JOBS, PRESETS, job_named, parameters
from jobs.runtime.errors import UsageError
from jobs.runtime.job import Job, check_limits
from jobs.runtime.ledger import JobRun, new_run_id
from jobs.runtime.progress import Progress
from jobs.runtime.runner import run_jobs
from schemas.lake import Lake


def add(commands: Any) -> None:
    found = add_parser(commands, "run", run_pipeline, "run the whole pipeline; what is up to date is skipped")
    add_lake(found)
    add_sources(found)
    found.add_argument("--until", metavar="JOB_OR_PHASE", help="last job or phase to run; default: all, the probe included")
    add_common(found)


def add_phase(commands: Any, phase: str) -> None:
    names = ", ".join(job.name for job in JOBS if job.phase == phase)
    found = add_parser(commands, phase, run_phase, f"run the jobs of the phase {phase}: {names}")
    found.set_defaults(phase=phase)
    add_lake(found)
    if phase == "ingest":
        add_sources(found)
    add_common(found)


def add_job(commands: Any, job: Job) -> None:
    found = add_parser(commands, job.name, run_one, job.summary)
    found.set_defaults(job=job.name)
    add_lake(found)
    for field in dataclasses.fields(job.params):
        add_parameter(found, job, field)
    add_common(found, has_settings=False)


def add_sources(found: argparse.ArgumentParser) -> None:
    help = "a folder, git repository, archive or table: PATH, NAME=PATH, git:PATH@REF, the-stack:PATH (repeatable)"
    found.add_argument("--source", action="append", default=[], metavar="PATH", help=help)
    found.add_argument("--manifest", default="", metavar="FILE", help="JSON Lines naming many sources with their facts")
    help = "a web archive (.warc, .warc.gz, .warc.zst): PATH, NAME=PATH, s3://..., a folder of them, @LIST (repeatable)"
    found.add_argument("--archive", action="append", default=[], metavar="PATH", help=help)


def add_common(found: argparse.ArgumentParser, has_settings: bool = True) -> None:
    if not any(action.dest == "profile" for action in found._actions):
        found.add_argument("--profile", default="demo", choices=sorted(PROFILES), help="policy and presets (default: demo)")
    found.add_argument("--run", metavar="ID", help="name of this run in the ledger (default: the time)")
    found.add_argument("--force", action="store_true", help="run also what is up to date")
    found.add_argument("--json", action="store_true", help="print the ledger's rows of this run as JSON and no table")
    found.add_argument("--quiet", action="store_true", help="show no progress")
    if has_settings:
        help = "a parameter of a job, such as mix.sequences.window=2048 (repeatable); `codemill JOB --help` lists a job's"
        found.add_argument("--set", action="append", default=[], metavar="JOB.NAME=VALUE", help=help)
        help = "a change to the profile's policy, such as max_error_share=0.05 (repeatable); `codemill decide --what-if` tries them"
        found.add_argument("--policy", action="append", default=[], metavar="FIELD=VALUE", help=help)
        help = (
            "a scorer's folder: what passes the gates is scored, and the policy's worst are dropped; or the version of one that has scored"
        )
        found.add_argument("--scorer", default="", metavar="FOLDER", help=help)
        help = "the same for pages: a scorer of pages rates them in the place of the models of pages (the policy's page_quality=scorer)"
        found.add_argument("--page-scorer", default="", metavar="FOLDER", help=help)
        found.add_argument("--recipe", default="", metavar="NAME|FILE.py", help="how to mix; `codemill mixture` tries it")
        help = "a name for the mixture, to mix, export and train on it beside the profile's; default: the profile's"
        found.add_argument("--mixture", default="", metavar="NAME", help=help)
        help = (
            "a benchmark: what shares ten words in a row with it is dropped; [NAME=]PATH[?text=FIELD,...], JSON Lines, Parquet or a folder "
            "(repeatable); the lake remembers them, until others are named, or `none`"
        )
        found.add_argument("--benchmark", action="append", default=[], metavar="FILE", help=help)


def add_parameter(found: argparse.ArgumentParser, job: Job, field: dataclasses.Field[Any]) -> None:
    """An option for a field of a params class; its default is the profile's, so none is set here."""
    help = field.metadata.get("help", "")
    default = field.default if field.default is not dataclasses.MISSING else None
    presets = {name: found[job.name][field.name] for name, found in PRESETS.items() if field.name in found.get(job.name, {})}
    defaults = [str(default)] * (default not in (None, "", ())) + [f"{value} in profile {name}" for name, value in presets.items()]
    shown = f"{help} (default: {', '.join(defaults)})" if defaults else help
    option = "--" + field.name.replace("_", "-")
    kind = typing.get_type_hints(job.params)[field.name]
    metavar = field.name.upper()
    if kind == tuple[str, ...]:
        found.add_argument(option, action="append", dest=field.name, metavar=metavar, help=shown)
    else:
        found.add_argument(option, dest=field.name, metavar=metavar, help=shown.replace("%", "%%"))


def typed(job: Job, name: str, value: Any) -> Any:
    """A parameter as its class declares it. Raises `UsageError` where the text does not fit."""
    kinds = typing.get_type_hints(job.params)
    if name not in kinds:
        raise UsageError(f"{job.name} has no parameter {name!r}. It has: {', '.join(sorted(kinds)) or 'none'}")
    kind = kinds[name]
    if kind == tuple[str, ...]:
        return tuple(value) if isinstance(value, list) else tuple(part for part in value.split(",") if part)
    try:
        if kind is bool:
            return {"true": True, "false": False}[str(value).lower()]
        return kind(str(value).replace("_", "") if kind in (int, float) else value)
    except (KeyError, ValueError):
        raise UsageError(f"{job.name}.{name}={value}: expected {kind.__name__}") from None


def run_pipeline(arguments: argparse.Namespace) -> int:
    return execute(arguments, upto(arguments.until))


def run_phase(arguments: argparse.Namespace) -> int:
    return execute(arguments, [job for job in JOBS if job.phase == arguments.phase])


def run_one(arguments: argparse.Namespace) -> int:
    job = job_named(arguments.job)
    names = [field.name for field in dataclasses.fields(job.params)]
    given = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    arguments.set, arguments.source, arguments.manifest, arguments.archive = [], [], "", []
    arguments.profile = arguments.profile or "demo"
    return execute(arguments, [job], {job.name: {name: typed(job, name, value) for name, value in given.items()}})


def upto(last: str | None) -> list[Job]:
    if last is None:
        return list(JOBS)
    ends = [index for index, job in enumerate(JOBS) if last in (job.name, job.phase)]
    if not ends:
        raise UsageError(f"--until {last}: there is no such job or phase. There are: {', '.join(job.name for job in JOBS)}")
    return list(JOBS[: ends[-1] + 1])


def execute(arguments: argparse.Namespace, jobs: Sequence[Job], changes: dict[str, dict[str, Any]] | None = None) -> int:
    """Runs jobs with the parameters of profile and command line, then prints the summary."""
    profile(arguments.profile)
    if changes is None:
        changes = settings(arguments)
        set_for_all(jobs, changes, arguments)
    for name in ("source", "manifest"):
        value = getattr(arguments, name, None)
        if value:
            changes.setdefault("ingest.files", {})[name] = tuple(value) if isinstance(value, list) else value
    if getattr(arguments, "archive", None):
        changes.setdefault("ingest.pages", {})["archive"] = tuple(arguments.archive)
        changes.setdefault("ingest.files", {}).setdefault("allow_none", True)
    planned = [(job, parameters(job, arguments.profile, changes.get(job.name, {}))) for job in jobs]
    lake = Lake.at(arguments.lake)
    for job, params in planned:
        check_limits(job.name, params)
    check_draw(lake, planned)
    check_that_something_is_left(lake, planned)
    check_marks(lake, planned)
    rows = run_jobs(
        lake, planned, arguments.run or new_run_id(), Progress(None if arguments.quiet else sys.stderr), is_forced=arguments.force
    )
    if arguments.json:
        print(json.dumps([row_as_json(row) for row in rows]))
    else:
        print_summary(lake, rows, arguments.profile)
    return 0


def set_for_all(jobs: Sequence[Job], changes: dict[str, dict[str, Any]], arguments: argparse.Namespace) -> None:
    """Adds the options of a run that are parameters of several of its jobs."""
    scorer, page_scorer = arguments.scorer, arguments.page_scorer
    values = {"policy": policy_changes(arguments), "scorer": scorer, "model": scorer if is_folder(scorer) else ""}
    values |= {"page_scorer": page_scorer, "page_model": page_scorer if is_folder(page_scorer) else ""}
    values |= {"benchmark": tuple(arguments.benchmark), "mixture": arguments.mixture, "recipe": arguments.recipe}
    for job in jobs:
        for name in {field.name for field in dataclasses.fields(job.params)} & {name for name, value in values.items() if value}:
            changes.setdefault(job.name, {}).setdefault(name, values[name])


def policy_changes(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Those of --policy; who names a scorer of pages has pages rated by it."""
    return (*(["page_quality=scorer"] if arguments.page_scorer else []), *arguments.policy)


def is_folder(scorer: str) -> bool:
    return os.sep in scorer or declared_version(scorer) is not None


def settings(arguments: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """`--set JOB.NAME=VALUE` by job."""
    found: dict[str, dict[str, Any]] = {}
    for text in arguments.set:
        key, equals, value = text.partition("=")
        job_name, dot, name = key.rpartition(".")
        if not equals or not dot:
            raise UsageError(f"--set {text}: expected JOB.NAME=VALUE, such as mix.sequences.window=2048")
        found.setdefault(job_name, {})[name] = typed(job_named(job_name), name, value)
    return found


def row_as_json(row: JobRun) -> dict[str, Any]:
    found: dict[str, Any] = row.to_arrow().to_pylist()[0]
    counts = {name: {item["name"]: item["count"] for item in found[name]} for name in ("written", "dropped", "rejected")}
    return {
        **found,
        **counts,
        "started_at": found["started_at"].isoformat(),
        "parameters": json.loads(found["parameters"]),
        "versions": json.loads(found["versions"]),
    }
