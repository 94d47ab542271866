"""A job alone, as the runner runs it."""

from types import ModuleType
from typing import Any

from jobs.runtime.tables import Tables, Written


def run_job(tables: Tables, job: ModuleType, params: Any) -> list[Written]:
    """All writes of a job, committed one after the other."""
    tables.spark.catalog.clearCache()  # what an earlier job kept would hide what delta-rs has written since, and costs at every write
    return [tables.apply(write) for write in job.transform(tables, params)]
