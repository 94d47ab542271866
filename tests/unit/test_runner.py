"""What a person is told when a job fails."""

from collections.abc import Iterator

import pytest

from jobs.mix.mixtures import mixture_of
from jobs.mix.sequences import SequencesParams
from jobs.pipeline import JOBS
from jobs.runtime.errors import CodemillError, UsageError
from jobs.runtime.job import Job, NoParams, Write
from jobs.runtime.progress import Progress
from jobs.runtime.runner import cause, explained, run_jobs
from jobs.runtime.tables import Tables
from schemas.annotate import LABELS
from schemas.delta_files import append
from schemas.lake import Lake
from schemas.ledger import LEDGER

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


def test_of_an_error_of_the_jvm_its_last_cause_is_told_and_kept(tmp_path) -> None:  # type: ignore[no-untyped-def]
    frames = "\tat org.apache.spark.Frame.of(a.scala:1)\n" * 500
    text = f"An error occurred while calling o1.count.\n: org.apache.spark.SparkException: failed\n{frames}"
    text += f"Caused by: java.io.IOException: first\n{frames}Caused by: java.io.EOFException: the last\n{frames}"
    assert cause(RuntimeError(text)) == "RuntimeError: Caused by: java.io.EOFException: the last"

    def transform(tables: Tables, params: NoParams) -> Iterator[Write]:
        raise RuntimeError(text)
        yield

    lake = Lake.at(str(tmp_path / "lake"))
    lake.create()
    with pytest.raises(CodemillError, match="EOFException: the last"):
        run_jobs(lake, [(Job("mix.test", "", (), (), transform, NoParams, engine="python"), NoParams())], "run", Progress(None))
    kept = lake.read(LEDGER)["error"][0].as_py()
    assert len(kept) <= 4000 and kept.startswith("RuntimeError: An error occurred")
    assert kept.endswith("Caused by: java.io.IOException: first\nCaused by: java.io.EOFException: the last")


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


def test_what_another_run_writes_while_a_job_reads_makes_the_job_run_again(tmp_path) -> None:  # type: ignore[no-untyped-def]
    lake, ran = Lake.at(str(tmp_path / "lake")), []
    lake.create()

    def transform(tables: Tables, params: NoParams) -> Iterator[Write]:
        if not ran:
            append(lake, LABELS, LABELS.arrow_schema.empty_table())  # of another run, after this one has read
        ran.append(lake.version(LABELS))
        yield from ()

    append(lake, LABELS, LABELS.arrow_schema.empty_table())
    job = Job("mix.test", "", (LABELS,), (), transform, NoParams, engine="python")
    for _ in range(3):
        run_jobs(lake, [(job, NoParams())], "run", Progress(None))
    assert ran == [2, 2]


def test_a_run_for_another_mixture_says_nothing_of_this_one(tmp_path) -> None:  # type: ignore[no-untyped-def]
    ran = []

    def transform(tables: Tables, params: SequencesParams) -> Iterator[Write]:
        ran.append(params.mixture)
        yield from ()

    lake = Lake.at(str(tmp_path / "lake"))
    lake.create()
    job = Job("mix.test", "", (), (), transform, SequencesParams, engine="python", scope=mixture_of)
    for mixture in ("", "second", "", "demo", "second"):
        run_jobs(lake, [(job, SequencesParams(mixture=mixture))], "run", Progress(None))
    assert ran == ["", "second", "demo"]  # the last by another name for the same: its parameters differ
