"""What the ledger says of the newest run of each job."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobs.report.tables import LakeTables, Missing
from schemas import ALL_TABLES
from schemas.ledger import LEDGER

PHASES = tuple(dict.fromkeys(table.name.split("/")[0] for table in ALL_TABLES))
SHOWN_JOBS = 100
LIBRARY = "libraries."
Counts = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class JobRun:
    """The newest time that a job had something to do. `dropped` and `rejected` are by reason, most first.

    `is_unchanged_since`: a later run found nothing to do. `is_of_last_run`: the newest run of all asked for this job.
    """

    job: str
    run: str
    status: str
    started_at: datetime
    elapsed_s: float
    read_rows: int
    read_bytes: int
    written_rows: int
    dropped: Counts
    rejected: Counts
    parameters: dict[str, str]
    versions: dict[str, str]
    error: str | None
    is_unchanged_since: bool
    is_of_last_run: bool

    @property
    def table_versions(self) -> dict[str, str]:
        """What `versions` says besides the libraries."""
        return {name.removeprefix("tables."): version for name, version in self.versions.items() if not name.startswith(LIBRARY)}

    @property
    def mb_per_s(self) -> float | None:
        """Megabytes (10^6) read in a second of wall-clock time; None where nothing was read."""
        return self.read_bytes / 1e6 / self.elapsed_s if self.read_bytes and self.elapsed_s > 0 else None


def collect_runs(tables: LakeTables) -> tuple[JobRun, ...] | Missing:
    """One row per job, in the order of the phases and then of their starts."""
    missing = tables.missing(LEDGER)
    if missing:
        return missing
    rows = tables.rows(f"""
        select * from (
            select *, row_number() over (partition by job order by status = 'unchanged', started_at desc, run desc) as rank,
                   first_value(run) over (partition by job order by started_at desc, run desc) as newest_run,
                   first_value(run) over (order by started_at desc, run desc) as last_run
            from ledger)
        where rank = 1 order by started_at, job limit {SHOWN_JOBS}""")
    return tuple(sorted((_job_run(row) for row in rows), key=lambda run: _phase_place(run.job)))


def library_versions(runs: tuple[JobRun, ...]) -> dict[str, str]:
    """Versions of the libraries, by name, as the job that started last found them."""
    newest_last = sorted(runs, key=lambda run: run.started_at)
    found = {name: version for run in newest_last for name, version in run.versions.items() if name.startswith(LIBRARY)}
    return {name.removeprefix(LIBRARY): found[name] for name in sorted(found)}


def _phase_place(job: str) -> int:
    phase = job.split(".")[0]
    return PHASES.index(phase) if phase in PHASES else len(PHASES)


def _job_run(row: dict[str, Any]) -> JobRun:
    same = ("job", "run", "status", "started_at", "elapsed_s", "read_rows", "read_bytes", "written_rows", "error")
    return JobRun(
        **{name: row[name] for name in same},
        dropped=_counts(row["dropped"]),
        rejected=_counts(row["rejected"]),
        parameters=_flat(row["parameters"]),
        versions=_flat(row["versions"]),
        is_unchanged_since=row["newest_run"] != row["run"],
        is_of_last_run=row["newest_run"] == row["last_run"],
    )


def _counts(structs: list[dict[str, Any]] | None) -> Counts:
    return tuple(sorted(((one["name"], one["count"]) for one in structs or ()), key=lambda pair: (-pair[1], pair[0])))


def _flat(document: str) -> dict[str, str]:
    """A JSON object as dotted names and short texts; what is not a JSON object is shown as it is."""
    try:
        value = json.loads(document)
    except ValueError:
        value = document
    flat: dict[str, str] = {}
    _flatten("", value, flat)
    return flat


def _flatten(prefix: str, value: Any, into: dict[str, str]) -> None:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            _flatten(f"{prefix}.{name}" if prefix else name, inner, into)
    else:
        into[prefix or "value"] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
