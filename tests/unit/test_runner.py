"""What a person is told when a job fails."""

import pytest

from jobs.pipeline import JOBS
from jobs.runtime.errors import CodemillError, UsageError
from jobs.runtime.progress import Progress
from jobs.runtime.runner import cause, explained, run_jobs
from schemas.lake import Lake

WORKER_ERROR = """An exception was thrown from the Python worker. Please see the stack trace below.
Traceback (most recent call last):
  File "reading.py", line 94, in read_units
    rows.append(row)
TokenizerError: 3 of 5 texts are not encoded without loss

JVM stacktrace:
org.apache.spark.SparkException: Job aborted
"""


def test_of_a_worker_s_error_the_line_that_was_raised_is_told() -> None:
    assert cause(RuntimeError(WORKER_ERROR)) == "TokenizerError: 3 of 5 texts are not encoded without loss"


def test_of_another_error_the_first_line_is_told() -> None:
    assert cause(ValueError("first\nsecond")) == "ValueError: first"
    assert cause(ValueError()) == "ValueError"


@pytest.mark.parametrize("error", [UsageError("told"), KeyboardInterrupt()])
def test_what_is_told_already_stays(error: BaseException, tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert explained(error, JOBS[0], Lake.at(str(tmp_path))) is error


def test_a_full_disk_is_told_with_the_room_that_is_left(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("SPARK_LOCAL_DIRS", f"/nowhere/at/all,{tmp_path}")
    found = explained(OSError(28, "No space left on device"), JOBS[0], Lake.at(str(tmp_path)))
    assert isinstance(found, CodemillError)
    assert "ingest.files failed: no space left" in str(found) and f"the lake {tmp_path} has" in str(found)


def test_a_job_with_nothing_to_do_starts_no_session(tmp_path) -> None:  # type: ignore[no-untyped-def]
    def session(name: str, is_remote: bool) -> None:
        raise AssertionError("a session was started")

    lake = Lake.at(str(tmp_path / "lake"))
    idle = [(job, job.params()) for job in JOBS if job.idle]
    assert {"ingest.pages", "ingest.commits", "annotate.commit_facts"} <= {job.name for job, _ in idle}
    rows = run_jobs(lake, idle, "run", Progress(None), session)  # type: ignore[arg-type]
    assert {(row.status, bool(row.account.remark)) for row in rows} == {("done", True)}
