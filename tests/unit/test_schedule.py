"""Jobs of a run beside each other: what is tied by a table never overlaps, what is not does, and errors end the run in good order."""

import _thread
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.pipeline import JOBS, after
from jobs.runtime.job import Job
from jobs.runtime.schedule import Schedule, waits_for
from schemas import ALL_TABLES

TABLES = st.lists(st.sampled_from(ALL_TABLES[:5]), max_size=2).map(tuple)
PATIENCE_S = 20


def job(name, reads=(), writes=(), engine="spark"):
    return Job(name, name, tuple(reads), tuple(writes), lambda tables, params: iter(()), engine=engine)


JOB_LISTS = st.lists(st.builds(job, st.text("abc", min_size=1), TABLES, TABLES, st.sampled_from(["spark", "spark", "python"])), max_size=8)


def run(jobs, one, cancel=lambda: None):
    return Schedule(jobs, one, cancel).rows()


@given(JOB_LISTS)
def test_jobs_that_share_a_table_which_one_of_them_writes_follow_each_other_in_order(jobs):
    lock, begun, ended = threading.Lock(), {}, {}

    def one(place):
        with lock:
            begun[place] = set(ended)
        with lock:
            ended[place] = True
        return place

    assert run(jobs, one) == list(range(len(jobs)))
    for later in range(len(jobs)):
        for earlier in range(later):
            both = jobs[earlier], jobs[later]
            written = [set(x.writes) & set(y.reads + y.writes) for x, y in (both, both[::-1])]
            if any(written) or any(x.engine != "spark" or not x.writes for x in both):
                assert earlier in begun[later]


def test_jobs_without_a_table_in_common_run_at_the_same_time():
    both = threading.Barrier(2, timeout=PATIENCE_S)
    jobs = [job("one", ALL_TABLES[:1], ALL_TABLES[1:2]), job("other", ALL_TABLES[:1], ALL_TABLES[2:3])]
    run(jobs, lambda place: both.wait())


def test_a_job_waits_for_all_that_write_what_it_reads():
    for place, waits in enumerate(waits_for(JOBS)):
        assert set(after(JOBS[place])) <= {JOBS[first].name for first in waits}


def test_after_an_error_what_runs_ends_and_nothing_else_starts():
    failed, seen = threading.Event(), []
    jobs = [job(str(n), ALL_TABLES[:1], ALL_TABLES[n : n + 1]) for n in (1, 2)] + [job("last", ALL_TABLES[2:3], ALL_TABLES[3:4])]

    def one(place):
        if place == 0:
            failed.set()
            raise ValueError("the first")
        failed.wait(PATIENCE_S)
        seen.append(place)
        raise ValueError(f"number {place}")

    with pytest.raises(ValueError, match="the first"):
        run(jobs, one)
    assert seen == [1]


def test_an_interrupt_cancels_what_runs_and_is_raised():
    cancelled = threading.Event()

    def one(place):
        _thread.interrupt_main()
        if not cancelled.wait(PATIENCE_S):
            raise AssertionError("never cancelled")
        raise ValueError("cancelled")

    with pytest.raises(KeyboardInterrupt):
        run([job("one", (), ALL_TABLES[:1])], one, cancelled.set)


def test_what_needs_the_machine_for_itself_runs_in_the_main_thread():
    found = run([job("worker", engine="worker")], lambda place: threading.current_thread())
    assert found == [threading.main_thread()]
