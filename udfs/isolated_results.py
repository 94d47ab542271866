"""Results of any size from work that runs in a process that may hang, crash or eat memory (udfs/isolated.py)."""

import mmap
import pickle
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from udfs.isolated import IsolationLimits, RowStatus, run_isolated

Item = TypeVar("Item")
Result = TypeVar("Result")
_PLACE = np.dtype([("start", np.int64), ("size", np.int64)])  # start -1: there was no room for a result of that size


def isolated_results(
    items: Sequence[Item], work: Callable[[Item], Result], limits: IsolationLimits, room_bytes: int
) -> list[Result | RowStatus]:
    """`work(item)` of each item, in a child process; TIMEOUT or CRASHED in the place of what ended it.

    Results are pickled into a shared mapping of `room_bytes`, of which only what is written takes memory. An item whose result finds no
    room there is worked on once more, alone. Raises WorkError where `work` does.
    """
    shared = mmap.mmap(-1, max(1, room_bytes))
    end = np.frombuffer(mmap.mmap(-1, 8), np.int64)  # of what is written, for the child that comes after one that died

    def one(row: int) -> tuple[int, int]:
        packed = pickle.dumps(work(items[row]), pickle.HIGHEST_PROTOCOL)
        start = int(end[0])
        if start + len(packed) > room_bytes:
            return -1, len(packed)
        shared[start : start + len(packed)] = packed
        end[0] = start + len(packed)
        return start, len(packed)

    places, statuses = run_isolated(len(items), _PLACE, one, limits)
    found: list[Result | RowStatus] = []
    for item, (start, size), status in zip(items, places.tolist(), statuses.tolist(), strict=True):
        if status != RowStatus.DONE:
            found.append(RowStatus(status))
        elif start < 0:
            found += isolated_results([item], work, limits, size)
        else:
            found.append(pickle.loads(shared[start : start + size]))
    return found
