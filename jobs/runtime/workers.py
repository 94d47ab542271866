"""The process that a local session's Python workers are forked from: Spark's own, with a lighter module path.

Spark puts its jar and its zips of pyspark and py4j on the path, imports pyspark from there (compiled anew each time), and asks the import
system before every task to read the lists of all three again: 0.13 s of processor time a task. pyspark is an installed package here,
so nothing needs them. What every task imports is imported once, before the fork.
"""

import gc
import sys
from collections.abc import Callable
from typing import Any


def leave_archives() -> None:
    """Takes archives off the module path."""
    for path in [path for path in sys.path if path.endswith((".jar", ".zip"))]:
        sys.path.remove(path)
        sys.path_importer_cache.pop(path, None)


def without_alarm(worker: Callable[..., int]) -> Callable[..., int]:
    """A worker whose Spark wants no more rows and has closed the socket ends without a word: nothing went wrong."""

    def run(*given: Any) -> int:
        try:
            return worker(*given)
        except BrokenPipeError:
            return 1

    return run


if __name__ == "__main__":
    leave_archives()
    # Numba and pandas take a second to import, and each of up to four workers would.
    import numba  # noqa: F401
    import pandas  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    from pyspark import daemon

    import jobs.runtime.texts  # noqa: F401

    gc.freeze()  # Spark collects garbage after every task; what is imported here is none
    daemon.worker = without_alarm(daemon.worker)
    daemon.manager()  # type: ignore[no-untyped-call]
