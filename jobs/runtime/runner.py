"""Runs jobs: skips what is up to date, counts, writes the ledger, shows progress."""

import datetime
import time
from collections.abc import Callable, Sequence
from typing import Any

from pyspark.sql import SparkSession

from jobs.runtime.errors import TOLD, CodemillError
from jobs.runtime.job import Job, parameters_json
from jobs.runtime.ledger import JobRun, finished, is_up_to_date, job_fingerprint, table_versions
from jobs.runtime.logs import log
from jobs.runtime.progress import Progress
from jobs.runtime.session import start_session
from jobs.runtime.tables import Tables
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
    """Runs jobs in order. The session starts with the first job that needs one. Stops at the first that fails, and raises its error."""
    for job, params in jobs:
        if job.check:
            job.check(params)
    lake.create()
    return [run_job(lake, job, params, run, progress, session, is_forced) for job, params in jobs]


def run_job(
    lake: Lake,
    job: Job,
    params: Any,
    run: str,
    progress: Progress,
    session: Callable[[str, bool], SparkSession] = start_session,
    is_forced: bool = False,
) -> JobRun:
    """Runs one job and writes its row of the ledger, also when it fails."""
    row = JobRun(run, job.name, "running", datetime.datetime.now(datetime.UTC), parameters=parameters_json(params))
    start = time.monotonic()
    progress.begin(job.name, job.summary)
    try:
        if not is_forced and is_up_to_date(lake, job, params):
            status = "unchanged"
        else:
            status = "done"
            _execute(lake, job, params, row, progress, session)
        row = finished(row, status, time.monotonic() - start)
        row.fingerprint = job_fingerprint(job, params)
        row.table_versions = table_versions(lake, job.reads + job.writes)
    except BaseException as error:
        row = finished(row, "failed", time.monotonic() - start, _told(error))
        raise _explained(error, job) from error
    finally:
        lake.append(LEDGER, row.to_arrow())
        log("job", run=run, job=job.name, status=row.status, elapsed_s=round(row.elapsed_s, 3), written=row.written, error=row.error)
        progress.end(row)
    return row


def _execute(lake: Lake, job: Job, params: Any, row: JobRun, progress: Progress, session: Callable[[str, bool], SparkSession]) -> None:
    if job.engine == "python":
        tables = Tables(None, lake, row.run, row.account)  # type: ignore[arg-type]
    else:
        spark = session("codemill", not lake.is_local)
        progress.watch(spark)
        tables = Tables(spark, lake, row.run, row.account)
    for write in job.transform(tables, params):
        written = tables.apply(write)
        row.written[write.table.name] = row.written.get(write.table.name, 0) + written.rows
        row.removed_rows += written.removed


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:4000]


def _explained(error: BaseException, job: Job) -> BaseException:
    """An error that names the job; what is already told for a person, and interrupts, stay what they are."""
    if isinstance(error, (*TOLD, KeyboardInterrupt, SystemExit)):
        return error
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return CodemillError(
        f"{job.name} failed: {type(error).__name__}: {first[:500]}\n"
        "Nothing half-written is visible; the same command continues from here. "
        "The ledger has the whole error (`codemill counts --errors`); CODEMILL_SPARK_LOG=FILE keeps Spark's own log."
    )
