"""Progress on long work: what runs, how far it is, since when. On a terminal a live line; elsewhere a line when something changes.

Several jobs may run at once, each told of by its own thread.
"""

import sys
import threading
import time
from typing import Any, TextIO

from jobs.runtime.ledger import JobRun

TERMINAL_INTERVAL_S = 0.25
PLAIN_INTERVAL_S = 10.0


class Progress:
    """Shows the running jobs. `stream` None shows nothing."""

    def __init__(self, stream: TextIO | None = sys.stderr) -> None:
        self._stream = stream
        self._is_terminal = bool(stream and stream.isatty())
        self._spark: Any = None
        self._shown = ""
        self._running: dict[str, tuple[str, float]] = {}  # summary and start by name, the first begun first
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, spark: Any) -> None:
        """From now on the tasks of this session's stages are shown."""
        self._spark = spark

    def begin(self, name: str, summary: str) -> None:
        with self._lock:
            self._running[name] = summary, time.monotonic()
            self._write(f"{name}: {summary}")
            if self._thread is None:
                self._stop.clear()
                self._thread = threading.Thread(target=self._poll, daemon=True)
                self._thread.start()

    def end(self, row: JobRun) -> None:
        with self._lock:
            del self._running[row.job]
            self._write(f"{row.job}: {describe(row)}", is_last=True)
            ended = None if self._running else self._thread
            if ended:
                self._stop.set()
                self._thread = None
        if ended:
            ended.join()

    def say(self, name: str, line: str) -> None:
        """What a job without Spark says of itself, shown in place of its summary."""
        with self._lock:
            self._running[name] = line, self._running[name][1]

    def _poll(self) -> None:
        interval = TERMINAL_INTERVAL_S if self._is_terminal else PLAIN_INTERVAL_S
        while not self._stop.wait(interval):
            tasks = self._tasks()
            with self._lock:
                if self._running:
                    summary, start = next(iter(self._running.values()))
                    self._write(f"{', '.join(self._running)}: {tasks or summary} ({time.monotonic() - start:.0f} s)")

    def _tasks(self) -> str:
        """Tasks done of all tasks, over the stages that run now."""
        try:
            tracker = self._spark.sparkContext.statusTracker()
            stages = [s for s in map(tracker.getStageInfo, tracker.getActiveStageIds()) if s]
        except Exception:  # the session may be stopping; progress must never fail a job
            return ""
        done, total = sum(s.numCompletedTasks for s in stages), sum(s.numTasks for s in stages)
        return f"{done} of {total} tasks" if total else ""

    def _write(self, line: str, is_last: bool = False) -> None:
        if not self._stream:
            return
        if self._is_terminal:
            self._stream.write(f"\r\x1b[K{line[:160]}" + ("\n" if is_last else ""))
        elif line != self._shown:
            self._stream.write(line + "\n")
        self._shown = line
        self._stream.flush()


def describe(row: JobRun) -> str:
    """One line on how a job ended."""
    if row.status == "unchanged":
        return f"unchanged ({row.elapsed_s:.1f} s)"
    if row.status == "failed":
        return f"failed after {row.elapsed_s:.1f} s"
    if row.account.remark:
        return row.account.remark
    parts = [f"read {row.account.read_rows:,}", f"wrote {sum(row.written.values()):,}"]
    if row.account.rejected:
        parts.append(f"rejected {sum(row.account.rejected.values()):,}")
    if row.account.read_bytes and row.elapsed_s:
        parts.append(f"{row.account.read_bytes / 1e6 / row.elapsed_s:.1f} MB/s")
    return f"{', '.join(parts)} ({row.elapsed_s:.1f} s)"
