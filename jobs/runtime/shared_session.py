"""The session that the jobs of a run share."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pyspark.sql import SparkSession


class SharedSession:
    """The running one, or started by the first job that asks for it, in whatever thread: Spark keeps by thread which one is active.

    What a job held in Spark's cache is let go when no other job runs: else Spark answers from what an earlier job held, also where the
    tables have changed since. Within a run no job comes twice, so none asks what another one held.
    """

    def __init__(self, start: Callable[[str, bool], SparkSession]) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._users = 0
        self._spark = SparkSession.getActiveSession()

    @contextmanager
    def used(self, is_remote: bool) -> Iterator[SparkSession]:
        with self._lock:
            self._spark = self._spark or self._start("codemill", is_remote)
            jvm: Any = self._spark._jvm
            jvm.org.apache.spark.sql.classic.SparkSession.setActiveSession(self._spark._jsparkSession)
            if not self._users:
                self._spark.catalog.clearCache()
            self._users += 1
        try:
            yield self._spark
        finally:
            with self._lock:
                self._users -= 1

    def cancel(self) -> None:
        """Ends what Spark works on now, with an error in the job that waits for it."""
        if self._spark is not None:
            self._spark.sparkContext.cancelAllJobs()
