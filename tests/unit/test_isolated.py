"""Rows that hang, crash, hog or sleep cost themselves and nothing else."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udfs.isolated import IsolationLimits, RowStatus, WorkError, run_isolated

SQUARE = np.dtype([("row", np.int64), ("square", np.int64)])
LIMITS = IsolationLimits(deadline_s=0.2, memory_bytes=64 << 20, stalled_s=0.5)
PATIENT = IsolationLimits(deadline_s=10.0, memory_bytes=64 << 20, stalled_s=10.0)  # for what should end before, on a busy machine too
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel bounds data and ties children to parents on Linux only")


def square(row: int) -> tuple[int, int]:
    return row, row * row


def loop() -> None:
    while True:
        pass


def segfault() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def leave() -> None:
    os._exit(0)


def hog() -> None:
    hoard = [bytearray(1 << 20) for _ in range(4096)]
    raise AssertionError(len(hoard))


def run_with(fault, at: set[int], row_count: int = 6, limits: IsolationLimits = LIMITS):
    def work(row: int) -> tuple[int, int]:
        if row in at:
            fault()
        return square(row)

    return run_isolated(row_count, SQUARE, work, limits)


def assert_only_these_are_lost(facts: np.ndarray, statuses: np.ndarray, lost: dict[int, RowStatus]) -> None:
    assert statuses.tolist() == [lost.get(row, RowStatus.DONE) for row in range(len(statuses))]
    assert facts.tolist() == [(0, 0) if row in lost else square(row) for row in range(len(facts))]


def test_facts_are_those_of_the_bare_loop():
    facts, statuses = run_isolated(1000, SQUARE, square, LIMITS)
    assert_only_these_are_lost(facts, statuses, {})


def test_a_batch_without_rows_gives_no_rows():
    facts, statuses = run_isolated(0, SQUARE, square, LIMITS)
    assert len(facts) == len(statuses) == 0


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (loop, RowStatus.TIMEOUT),
        (lambda: time.sleep(60), RowStatus.TIMEOUT),
        (segfault, RowStatus.CRASHED),
        (os.abort, RowStatus.CRASHED),
        (leave, RowStatus.CRASHED),
        pytest.param(hog, RowStatus.CRASHED, marks=needs_linux),
    ],
    ids=["loops", "sleeps", "segfaults", "aborts", "leaves", "hogs memory"],
)
def test_a_row_that_ends_its_process_costs_one_row(fault, status):
    limits = LIMITS if status == RowStatus.TIMEOUT else PATIENT
    assert_only_these_are_lost(*run_with(fault, {2}, limits=limits), {2: status})


@settings(max_examples=20, deadline=None)
@given(st.sets(st.integers(0, 9)))
def test_any_set_of_crashing_rows_costs_those_rows(rows):
    assert_only_these_are_lost(*run_with(leave, rows, row_count=10, limits=PATIENT), dict.fromkeys(rows, RowStatus.CRASHED))


def test_a_row_killed_once_from_outside_is_tried_again(tmp_path):
    def killed_once() -> None:
        if not (tmp_path / "killed").exists():
            (tmp_path / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)

    assert_only_these_are_lost(*run_with(killed_once, {3}, limits=PATIENT), {})


def test_a_row_killed_at_every_try_is_crashed():
    assert_only_these_are_lost(
        *run_with(lambda: os.kill(os.getpid(), signal.SIGKILL), {0, 5}, limits=PATIENT), dict.fromkeys((0, 5), RowStatus.CRASHED)
    )


def test_a_row_that_dies_while_its_facts_are_written_has_none():
    class Bomb:
        def __index__(self) -> int:
            os._exit(0)

    facts, statuses = run_isolated(2, SQUARE, lambda row: (7, Bomb()) if row == 0 else square(row), LIMITS)
    assert_only_these_are_lost(facts, statuses, {0: RowStatus.CRASHED})


def test_the_deadline_is_of_one_row_and_not_of_the_batch():
    def work(row: int) -> tuple[int, int]:
        started = time.process_time()
        while time.process_time() - started < LIMITS.deadline_s / 4:
            pass
        return square(row)

    assert_only_these_are_lost(*run_isolated(8, SQUARE, work, LIMITS), {})


def test_a_defect_of_the_work_fails_the_batch_with_its_traceback():
    def work(row: int) -> tuple[int, int]:
        return row, {}["no such key"]

    with pytest.raises(WorkError, match=r"row 0 of the batch(.|\n)*in work(.|\n)*KeyError: 'no such key'"):
        run_isolated(3, SQUARE, work, LIMITS)


def test_the_parents_memory_is_not_changed_by_the_work():
    seen: list[int] = []

    def work(row: int) -> tuple[int, int]:
        seen.append(row)
        return square(row)

    run_isolated(3, SQUARE, work, LIMITS)
    assert seen == []


@needs_linux
def test_nothing_is_left_behind():
    def mappings() -> int:
        return sum("/dev/zero" in line for line in Path("/proc/self/maps").read_text().splitlines())

    def fault_at_once() -> None:
        raise KeyError

    before = mappings(), len(os.listdir("/proc/self/fd"))
    children = psutil.Process().children()
    for fault in (loop, segfault, leave):
        run_with(fault, {1})
    with pytest.raises(WorkError):
        run_with(fault_at_once, {1})
    assert (mappings(), len(os.listdir("/proc/self/fd"))) == before
    assert psutil.Process().children() == children


@needs_linux
def test_the_child_dies_with_its_parent():
    script = textwrap.dedent("""
        import os, time
        import numpy as np
        from udfs.isolated import IsolationLimits, run_isolated

        def work(row):
            print(os.getpid(), flush=True)
            time.sleep(60)

        run_isolated(1, np.dtype([("row", np.int64)]), work, IsolationLimits(deadline_s=60, memory_bytes=1 << 30))
    """)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        child.wait(timeout=10)
    assert not child.is_running()
