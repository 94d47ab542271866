"""What the ledger remembers of a job run, and whether a job has anything to do."""

import contextlib
import dataclasses
import datetime
import functools
import importlib.metadata
import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from jobs.runtime.job import Account, Job, parameters_json, short_hash
from schemas.delta_files import append
from schemas.lake import Lake
from schemas.ledger import LEDGER
from schemas.table import Table

LIBRARIES = (
    "codemill",
    "pyspark",
    "delta-spark",
    "deltalake",
    "pyarrow",
    "tree-sitter",
    "tree-sitter-language-pack",
    "tokenizers",
    "gigatoken",
)


@dataclass
class JobRun:
    """One row of the ledger."""

    run: str
    job: str
    status: str
    started_at: datetime.datetime
    elapsed_s: float = 0.0
    account: Account = field(default_factory=Account)
    written: dict[str, int] = field(default_factory=dict)
    removed_rows: int = 0
    parameters: str = "{}"
    table_versions: dict[str, int] = field(default_factory=dict)
    fingerprint: str = ""
    error: str | None = None

    def to_arrow(self) -> pa.Table:
        row = {
            "run": self.run,
            "job": self.job,
            "status": self.status,
            "started_at": self.started_at,
            "elapsed_s": self.elapsed_s,
            "read_rows": self.account.read_rows,
            "read_bytes": self.account.read_bytes,
            "written_rows": sum(self.written.values()),
            "removed_rows": self.removed_rows,
            "written": _counts(self.written),
            "dropped": _counts(self.account.dropped),
            "rejected": _counts(self.account.rejected),
            "parameters": self.parameters,
            "versions": json.dumps({"libraries": library_versions(), "tables": self.table_versions}, sort_keys=True),
            "fingerprint": self.fingerprint,
            "error": self.error,
        }
        return pa.Table.from_pylist([row], schema=LEDGER.arrow_schema)


@contextlib.contextmanager
def recorded(lake: Lake, job: str, parameters: dict[str, Any]) -> Iterator[JobRun]:
    """For work that the runner does not run: a row that is appended at the end, `done` unless an error passes through.

    Where that error is that the lake cannot be written, neither can the row, and the error is what counts.
    """
    row = JobRun(new_run_id(), job, "failed", datetime.datetime.now(datetime.UTC), parameters=json.dumps(parameters, sort_keys=True))
    start = time.monotonic()
    try:
        yield row
    except BaseException as error:
        row.error, row.elapsed_s = f"{type(error).__name__}: {error}"[:4000], time.monotonic() - start
        with contextlib.suppress(Exception):
            append(lake, LEDGER, row.to_arrow())
        raise
    row.status, row.elapsed_s = "done", time.monotonic() - start
    append(lake, LEDGER, row.to_arrow())


def _counts(counts: dict[str, int]) -> list[dict[str, Any]]:
    return [{"name": name, "count": counts[name]} for name in sorted(counts)]


def new_run_id() -> str:
    """Sorts by time; the random part keeps two runs of one second apart."""
    return f"{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


@functools.cache  # asked twice a job, a file of every package each time
def library_versions() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def job_fingerprint(job: Job, params: Any) -> str:
    """Changes whenever the same input would give other rows: parameters, the job's version, the libraries."""
    libraries = {k: v for k, v in library_versions().items() if k != "codemill"}
    named = job.identity(params) if job.identity else ""
    return short_hash(job.name, str(job.version), parameters_json(params), named, json.dumps(libraries, sort_keys=True))


def table_versions(lake: Lake, tables: tuple[Table, ...]) -> dict[str, int]:
    """Newest version by table name; tables that are not there are left out."""
    found = {table.name: lake.version(table) for table in sorted(set(tables), key=lambda t: t.name)}
    return {name: version for name, version in found.items() if version is not None}


def is_up_to_date(lake: Lake, job: Job, params: Any) -> bool:
    """Whether the job's last run had these parameters and this code, and no table that it reads has changed since.

    What it writes must still be there. Several jobs may add to one table: that another one did is no reason to run again.
    """
    fields = ["job", "status", "started_at", "fingerprint", "versions", "parameters"]
    rows = lake.read(LEDGER, fields, (pc.field("job") == job.name) & (pc.field("status") != "failed")).sort_by("started_at").to_pylist()
    if job.scope:
        scope = job.scope(json.loads(parameters_json(params)))
        rows = [row for row in rows if job.scope(json.loads(row["parameters"])) == scope]
    if not rows or rows[-1]["fingerprint"] != job_fingerprint(job, params):
        return False
    then, now = json.loads(rows[-1]["versions"])["tables"], table_versions(lake, job.reads + job.writes)
    if not job.knows_changes and any(then.get(table.name) != now.get(table.name) for table in job.reads):
        return False
    if any(then.get(table.name, -1) > now.get(table.name, -1) for table in job.writes):
        return False
    return job.is_changed is None or not job.is_changed(lake, params)


def runs(lake: Lake) -> list[dict[str, Any]]:
    """All rows of the ledger, oldest first."""
    return [dict(row) for row in lake.read(LEDGER).sort_by("started_at").to_pylist()]


def finished(row: JobRun, status: str, elapsed_s: float, error: str | None = None) -> JobRun:
    return dataclasses.replace(row, status=status, elapsed_s=elapsed_s, error=error)
