"""Results that leave a process which may die, whatever their size."""

import os
import signal
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udfs.isolated import IsolationLimits, RowStatus, WorkError
from udfs.isolated_results import isolated_results

LIMITS = IsolationLimits(deadline_s=0.3, memory_bytes=256 << 20)


def work(item: object) -> object:
    if item == "hang":
        while True:
            pass
    if item == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if item == "eat":
        return len(bytearray(1 << 30))
    if item == "fail":
        raise ValueError("a defect of ours")
    return item


@settings(max_examples=25, deadline=None)
@given(st.lists(st.binary(max_size=400) | st.text(max_size=50) | st.none(), max_size=12), st.integers(0, 600))
def test_every_item_has_its_result_however_small_the_room(items: list[object], room: int) -> None:
    assert isolated_results(items, work, LIMITS, room) == items


def test_what_ends_the_process_costs_itself() -> None:
    items = ["a", "hang", "b", "crash", "c", "eat", "d" * 5000]
    start = time.monotonic()
    found = isolated_results(items, work, LIMITS, 100)
    assert found == ["a", RowStatus.TIMEOUT, "b", RowStatus.CRASHED, "c", RowStatus.CRASHED, "d" * 5000]
    assert time.monotonic() - start < 30


def test_a_defect_of_ours_is_no_result() -> None:
    with pytest.raises(WorkError, match="a defect of ours"):
        isolated_results(["a", "fail"], work, LIMITS, 100)
