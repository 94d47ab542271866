"""The pipeline: all jobs in order, and what a profile sets for them.

The order is checked against what each job reads and writes; the command line, the DAG and the README's table are made from this list.
"""

import dataclasses
from typing import Any

from jobs.annotate import (
    commit_facts,
    contamination,
    duplicates,
    imports,
    page_judgements,
    page_models,
    repository_duplicates,
    signatures,
    syntax,
    text_facts,
)
from jobs.assemble import commits as commit_documents
from jobs.assemble import document_checks, documents, notebooks, repositories
from jobs.decide import features, gates, high_quality, verdicts
from jobs.ingest import commits, files, pages
from jobs.mix import exports, sequences, shards, tokenizer
from jobs.runtime.errors import UsageError
from jobs.runtime.job import Job
from jobs.score import files as score
from jobs.train import probe

JOBS: tuple[Job, ...] = (
    files.JOB,
    commits.JOB,
    pages.JOB,
    text_facts.JOB,
    syntax.JOB,
    imports.JOB,
    signatures.JOB,
    duplicates.JOB,
    repository_duplicates.JOB,
    commit_facts.JOB,
    contamination.JOB,
    page_models.JOB,
    page_judgements.JOB,
    features.JOB,
    gates.JOB,
    score.JOB,
    verdicts.JOB,
    high_quality.JOB,
    documents.JOB,
    notebooks.JOB,
    commit_documents.JOB,
    repositories.JOB,
    document_checks.JOB,
    tokenizer.JOB,
    sequences.JOB,
    shards.JOB,
    exports.JOB,
    probe.JOB,
)

# What a profile sets besides its policy. `paper` leaves the defaults, which are the report's where the report says something.
PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "paper": {"mix.sequences": {"recipe": "regular", "leave_out_empty": True}},
    "demo": {
        "annotate.page_models": {"held_out_rate": 0.15},
        "decide.features": {"held_out_rate": 0.15},
        "decide.high_quality": {"sets": ("general",), "rounds": 2, "rated_files": 500, "seeds": 2_000},
        "mix.tokenizer": {"vocabulary_size": 8192, "sample_bytes": 12 << 20},
        "mix.sequences": {"hash_groups": 16},
        "mix.shards": {"groups_per_shard": 8},
    },
}


def job_named(name: str) -> Job:
    """Raises `UsageError` naming the jobs there are."""
    for job in JOBS:
        if job.name == name:
            return job
    raise UsageError(f"there is no job {name!r}. There are: {', '.join(job.name for job in JOBS)}")


def after(job: Job) -> list[str]:
    """Names of the jobs that write what this one reads; the shards, which are no table, tie those together that read them."""
    earlier = JOBS[: JOBS.index(job)]
    found = [other.name for other in earlier if set(other.writes) & set(job.reads)]
    return [*found, "mix.shards"] if job.name in ("mix.exports", "train.probe") else found


def parameters(job: Job, profile: str, changes: dict[str, Any]) -> Any:
    """A job's parameters: its defaults, then the profile's, then `changes`. Raises `UsageError` for a field that it does not have."""
    names = {f.name for f in dataclasses.fields(job.params)}
    values: dict[str, Any] = {"profile": profile} if "profile" in names else {}
    values |= PRESETS.get(profile, {}).get(job.name, {})
    for key, value in changes.items():
        if key not in names:
            raise UsageError(f"{job.name} has no parameter {key!r}. It has: {', '.join(sorted(names)) or 'none'}")
        values[key] = value
    return job.params(**values)


def exported() -> dict[str, Any]:
    """The declarations as data: what `airflow_dags/jobs.json` holds."""
    return {
        "version": 1,
        "jobs": [
            {
                "name": job.name,
                "engine": job.engine,
                "reads": [table.name for table in job.reads],
                "writes": [table.name for table in job.writes],
                "after": after(job),
                "summary": job.summary,
            }
            for job in JOBS
        ],
    }
