"""Runs jobs: skips what is up to date, counts, writes the ledger, shows progress."""

import datetime
import os
import shutil
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from pyspark.sql import SparkSession

from jobs.runtime.errors import NO_SPACE, TOLD, CodemillError
from jobs.runtime.job import Job, check_limits, parameters_json
from jobs.runtime.ledger import JobRun, finished, is_up_to_date, job_fingerprint, table_versions
from jobs.runtime.logs import log
from jobs.runtime.progress import Progress
from jobs.runtime.schedule import Schedule
from jobs.runtime.session import start_session
from jobs.runtime.shared_session import SharedSession
from jobs.runtime.tables import Tables
from schemas.delta_files import append
from schemas.lake import Lake
from schemas.ledger import LEDGER


def run_jobs(
    lake: Lake,
    jobs: Sequence[tuple[Job, Any]],
    run: str,
    progress: Progress,
    session: Callable[[str, bool], SparkSession] = start_session,
    is_forced: bool = False,
) -> list[JobRun]:
    """Runs jobs as if in order: those that have no table in common run beside each other. The session starts with the first that needs one.

    Starts no other job after one that fails, and raises its error.
    """
    for job, params in jobs:
        check_limits(job.name, params)
        if job.check:
            job.check(params)
    if any(job.phase == "ingest" for job, _ in jobs):
        lake.create()
    else:  # what has nothing to read is a mistyped name, and no new lake
        lake.check_format()
    shared = SharedSession(session)

    def run_one(place: int) -> JobRun:
        return run_job(lake, *jobs[place], run, progress, shared, is_forced)

    return Schedule([job for job, _ in jobs], run_one, shared.cancel).rows()


MOST_TOLD = 4000  # characters of an error in the ledger


def run_job(
    lake: Lake,
    job: Job,
    params: Any,
    run: str,
    progress: Progress,
    session: SharedSession,
    is_forced: bool = False,
) -> JobRun:
    """Runs one job and writes its row of the ledger, also when it fails."""
    row = JobRun(run, job.name, "running", datetime.datetime.now(datetime.UTC), parameters=parameters_json(params))
    start = time.monotonic()
    progress.begin(job.name, job.summary)
    try:
        # Before the job reads them: what another run writes meanwhile is not what this one has seen.
        seen = table_versions(lake, tuple(set(job.reads) - set(job.writes)))
        if not is_forced and is_up_to_date(lake, job, params):
            status = "unchanged"
        else:
            status = "done"
            row.account.remark = (job.idle(lake, params) if job.idle else None) or ""
            if not row.account.remark:
                _execute(lake, job, params, row, progress, session, is_forced)
        row = finished(row, status, time.monotonic() - start)
        row.fingerprint = job_fingerprint(job, params)
        row.table_versions = table_versions(lake, job.writes) | seen
    except BaseException as error:
        row = finished(row, "failed", time.monotonic() - start, _told(error))
        raise explained(error, job, lake) from error
    finally:
        _record(lake, row)
        log("job", run=run, job=job.name, status=row.status, elapsed_s=round(row.elapsed_s, 3), written=row.written, error=row.error)
        progress.end(row)
    return row


def _execute(lake: Lake, job: Job, params: Any, row: JobRun, progress: Progress, session: SharedSession, is_forced: bool = False) -> None:
    say = partial(progress.say, job.name)
    if job.engine != "spark":
        return _apply_writes(job, params, row, Tables(None, lake, row.run, row.account, say))  # type: ignore[arg-type]
    with session.used(not lake.is_local) as spark:
        progress.watch(spark)
        _apply_writes(job, params, row, Tables(spark, lake, row.run, row.account, say, is_forced))


def _apply_writes(job: Job, params: Any, row: JobRun, tables: Tables) -> None:
    for write in job.transform(tables, params):
        written = tables.apply(write)
        row.written[write.table.name] = row.written.get(write.table.name, 0) + written.rows
        row.removed_rows += written.removed
    row.written |= row.account.written


def _record(lake: Lake, row: JobRun) -> None:
    """Appends the row to the ledger. Where that fails after the job did, what the job said is what counts."""
    try:
        append(lake, LEDGER, row.to_arrow())
    except Exception as error:
        if row.status != "failed":
            raise CodemillError(
                f"{row.job} is done, but the ledger of {lake.root} cannot be written: {cause(error)}\n"
                "Its tables are whole; start the same command again when the lake can be written to."
            ) from error


def _told(error: BaseException) -> str:
    """The error's beginning, and what caused it, which stands at the end of a stack trace of the JVM."""
    text = f"{type(error).__name__}: {error}"
    causes = "\n".join(_causes(text))[: MOST_TOLD // 2]
    return text if len(text) <= MOST_TOLD else f"{text[: MOST_TOLD - len(causes) - 1]}\n{causes}"


def _causes(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("Caused by: ")]


def explained(error: BaseException, job: Job, lake: Lake) -> BaseException:
    """An error that names the job; what is already told for a person, and interrupts, stay what they are."""
    if isinstance(error, (*TOLD, KeyboardInterrupt, SystemExit)):
        return error
    if NO_SPACE in str(error):
        return CodemillError(no_space(job, lake))
    return CodemillError(
        f"{job.name} failed: {cause(error)}\n"
        "Nothing half-written is visible; the same command continues from here. "
        "The ledger has the whole error (`codemill counts --errors`); CODEMILL_SPARK_LOG=FILE keeps Spark's own log."
    )


def cause(error: BaseException) -> str:
    """One line: the error that a Python worker raised, where there was one, else what caused one of the JVM, else the first of this one."""
    text = str(error).strip()
    if "Traceback (most recent call last):" in text:
        frames = text.rpartition("Traceback (most recent call last):")[2].splitlines()[1:]
        raised = next((line for line in frames if line and not line.startswith(" ")), "")
        if raised:
            return raised[:500]
    first = next(reversed(_causes(text)), text.splitlines()[0] if text else "")
    return f"{type(error).__name__}: {first[:500]}" if first else type(error).__name__


def no_space(job: Job, lake: Lake) -> str:
    """Says where there is how much room: the lake's disk, and the one that Spark spills to."""
    places = [("Spark's scratch folder", place) for place in (os.environ.get("SPARK_LOCAL_DIRS") or "/tmp").split(",")]
    places += [("the lake", lake.root)] if lake.is_local else []
    found = [f"{name} {place} has {shutil.disk_usage(place).free / 1e6:,.0f} MB free" for name, place in places if os.path.isdir(place)]
    shown = "; ".join(found)
    return (
        f"{job.name} failed: no space left on a disk. {shown}.\n"
        "A run needs about three times the bytes of new text in the lake. Nothing half-written is visible: make room, or name another "
        "scratch folder with SPARK_LOCAL_DIRS, and start the same command again."
    )
