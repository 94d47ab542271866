"""Run native code over the rows of a batch in a process that may hang, crash or eat memory without harm.

A fork per batch, not per row: the child reads the batch copy-on-write, writes each row's facts into a shared anonymous mapping,
notes there which row it is at, and leaves by `os._exit`. If it dies, the parent marks the row it was at and forks again after it.
What `work` needs (grammars, models) is to be loaded before the call, so that no child loads it again.
"""

import ctypes
import faulthandler
import gc
import mmap
import os
import resource
import select
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import IO, Any, NoReturn

import numpy as np

_PR_SET_PDEATHSIG = 1
_PROGRESS_BYTES = 8
_TRACEBACK_BYTES = 4096  # one atomic write into any pipe: a failing child never waits for a reader
_TIMED_OUT = signal.SIGPROF
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


class RowStatus(IntEnum):
    """How the work on one row ended. Facts of a row that is not DONE are zero."""

    DONE = 0
    TIMEOUT = 1
    CRASHED = 2


class WorkError(Exception):
    """`work` raised: a defect of ours and not of the row, so the batch fails. Carries the child's traceback.

    A MemoryError is no WorkError: the row asked for more than it may have, and is CRASHED.
    """


@dataclass(frozen=True)
class IsolationLimits:
    """What one row may use.

    `deadline_s` is processor time, which the kernel counts, so that a loaded machine changes no result.
    `memory_bytes` is what the child may add to the data it was forked with; kept on Linux only.
    `stalled_s` is wall time, for rows that sleep: the child is killed after one to two times that without progress.
    """

    deadline_s: float
    memory_bytes: int
    stalled_s: float = 60.0


Work = Callable[[int], tuple[Any, ...]]


def run_isolated(row_count: int, facts_type: np.dtype, work: Work, limits: IsolationLimits) -> tuple[np.ndarray, np.ndarray]:
    """Facts (`facts_type`, one record a row) and `RowStatus` (uint8) of the rows 0 to row_count - 1.

    `work(row)` runs in a child process and returns the fields of its record in order; whatever else it changes is lost.
    The facts live in the shared mapping, which goes when they go. Raises WorkError, and OSError where no process can be forked.
    """
    shared = mmap.mmap(-1, _PROGRESS_BYTES + max(1, row_count) * facts_type.itemsize)
    progress = np.frombuffer(shared, np.int64, 1)
    facts = np.frombuffer(shared, facts_type, row_count, _PROGRESS_BYTES)
    statuses = np.full(row_count, RowStatus.DONE, np.uint8)
    spared = -1
    while progress[0] < row_count:
        killer = _run_child(progress, facts, work, limits)
        row = int(progress[0])
        if row == row_count:
            break
        if killer == signal.SIGKILL and row != spared:
            spared = row  # killed from outside, most likely because the machine had no memory: not this row's fault, so once more
            continue
        statuses[row] = RowStatus.TIMEOUT if killer == _TIMED_OUT else RowStatus.CRASHED
        facts[row] = np.zeros((), facts_type)
        progress[0] = row + 1
    return facts, statuses


def _run_child(progress: np.ndarray, facts: np.ndarray, work: Work, limits: IsolationLimits) -> int:
    """Run rows from `progress` on until all are done or one ends the child; the number of the signal that ended it, or 0."""
    parent = os.getpid()
    reader, writer = os.pipe()
    with open(reader, "rb", buffering=0) as failure:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # threads in the parent: the child takes none of their locks
                pid = os.fork()
            if pid == 0:
                _work_and_exit(parent, writer, progress, facts, work, limits)
        finally:
            os.close(writer)
        return _wait(pid, failure, progress, limits.stalled_s)


def _wait(pid: int, failure: IO[bytes], progress: np.ndarray, stalled_s: float) -> int:
    """Wait until the pipe ends, which is the child's end. The child is killed where it must be, and reaped in any case."""
    has_ended = False
    try:
        poll = select.poll()
        poll.register(failure, select.POLLIN)
        seen = -1
        while not has_ended and progress[0] != seen:
            seen = int(progress[0])
            has_ended = bool(poll.poll(stalled_s * 1000))
        traceback_text = failure.read(_TRACEBACK_BYTES) if has_ended else b""
    finally:
        if not has_ended:
            os.kill(pid, signal.SIGKILL)
        _, wait_status = os.waitpid(pid, 0)
    if traceback_text:
        raise WorkError(f"at row {int(progress[0])} of the batch:\n{traceback_text.decode(errors='replace')}")
    if not has_ended:
        return _TIMED_OUT
    return os.WTERMSIG(wait_status) if os.WIFSIGNALED(wait_status) else 0


def _work_and_exit(parent: int, writer: int, progress: np.ndarray, facts: np.ndarray, work: Work, limits: IsolationLimits) -> NoReturn:
    """The child's life. Nothing of the parent's clean-up (buffers, atexit, finally) may run here, hence `os._exit`."""
    try:
        _confine(parent, limits.memory_bytes)
        for row in range(int(progress[0]), len(facts)):
            signal.setitimer(signal.ITIMER_PROF, limits.deadline_s)
            facts[row] = work(row)
            progress[0] = row + 1
    except MemoryError:
        pass
    except BaseException:
        os.write(writer, traceback.format_exc().encode(errors="replace")[-_TRACEBACK_BYTES:])
    finally:
        os._exit(0)


def _confine(parent: int, memory_bytes: int) -> None:
    """Die with the parent and at the deadline, dump no core, grow by `memory_bytes` at most."""
    faulthandler.disable()
    for number in (signal.SIGPROF, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(0)
        _bound_memory(memory_bytes)
    gc.freeze()


def _bound_memory(memory_bytes: int) -> None:
    """RLIMIT_DATA counts private writable memory, so not the shared mapping; the parent's share comes with the fork."""
    with open("/proc/self/statm", "rb") as statm:
        data_bytes = int(statm.read().split()[5]) * resource.getpagesize()
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    bound = data_bytes + memory_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (bound if hard == resource.RLIM_INFINITY else min(bound, hard), hard))
