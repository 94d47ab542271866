"""The order of a run: a job waits for the earlier ones that its tables tie it to, and runs beside those that it has nothing to do with.

One job alone leaves a small machine half idle: Spark plans, commits and starts its many short tasks one after the other.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from jobs.runtime.job import Job

AT_ONCE = 3
STOPPED_WITHIN_S = 1.0

Row = TypeVar("Row")


def waits_for(jobs: Sequence[Job]) -> list[set[int]]:
    """Of each job the places of the earlier ones that have to end before it starts, so that every table is as if one followed the other.

    Tied are jobs of which one writes what the other reads or writes. What a job without a table leaves, and what one without Spark takes of
    the machine, no table says: these are tied to all others.
    """
    return [{first for first in range(place) if _are_tied(jobs[first], jobs[place])} for place in range(len(jobs))]


def _are_tied(one: Job, other: Job) -> bool:
    if any(_is_alone(job) or not job.writes for job in (one, other)):
        return True
    return bool({*one.writes} & {*other.reads, *other.writes} or {*other.writes} & {*one.reads})


def _is_alone(job: Job) -> bool:
    return job.engine != "spark"


@dataclass
class Schedule(Generic[Row]):
    """`run(place)` runs a job, in a thread of its own unless it is alone; `cancel` makes those that run end soon."""

    jobs: Sequence[Job]
    run: Callable[[int], Row]
    cancel: Callable[[], None]
    at_once: int = AT_ONCE
    _rows: dict[int, Row] = field(default_factory=dict)
    _errors: dict[int, BaseException] = field(default_factory=dict)

    def rows(self) -> list[Row]:
        """What `run` gave, in the order of the jobs. After an error no other job starts; then the error of the earliest is raised."""
        waiting, running = dict(enumerate(waits_for(self.jobs))), dict[Future[Row], int]()
        with ThreadPoolExecutor(self.at_once, thread_name_prefix="job") as pool:
            try:
                while not self._errors and (waiting or running):
                    for place in [place for place, tied in waiting.items() if tied <= self._rows.keys()][: self.at_once - len(running)]:
                        del waiting[place]
                        if _is_alone(self.jobs[place]):
                            self._rows[place] = self.run(place)
                        else:
                            running[pool.submit(self.run, place)] = place
                    self._collect(running, None)
                while running:
                    self._collect(running, None)
            except BaseException:  # an interrupt, or an error of a job that is alone
                while running:
                    self.cancel()
                    self._collect(running, STOPPED_WITHIN_S)
                raise
        if self._errors:
            raise self._errors[min(self._errors)]
        return [self._rows[place] for place in range(len(self.jobs))]

    def _collect(self, running: dict[Future[Row], int], seconds: float | None) -> None:
        """Waits for at least one of those that run."""
        for future in wait(running, seconds, FIRST_COMPLETED).done:
            place = running.pop(future)
            if error := future.exception():
                self._errors[place] = error
            else:
                self._rows[place] = future.result()
