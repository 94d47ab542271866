"""The keys of a worker: sets of real keys, held short."""

import hashlib
import tracemalloc

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_scoring.keys import Keys, short

numbers = st.lists(st.integers(0, 60), unique=True, max_size=40)


def key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def array(values: list[int], kind: pa.DataType | None = None) -> pa.Array:
    return pa.array([key(value) for value in values], kind or pa.string())


@given(numbers, numbers, numbers, numbers, st.integers(1, 9), st.sampled_from([pa.string(), pa.large_string(), pa.string_view()]))
def test_what_is_open_is_what_was_held_less_what_was_closed(held, closed, more, asked, size, kind) -> None:
    keys = Keys(array(held[start : start + size], kind) for start in range(0, len(held), size))
    keys.close(array(closed, kind))
    keys.close(array(more, kind).slice(min(1, len(more))))
    expected = set(held) - set(closed) - set(more[1:])
    assert keys.are_open(array(asked, kind)).tolist() == [number in expected for number in asked]
    assert (len(keys), keys.open_count) == (len(held), len(expected))


def test_a_part_of_an_array_is_that_part() -> None:
    for kind in (pa.string(), pa.large_string()):
        whole = array(list(range(10)), kind)
        assert (short(whole.slice(3, 4)) == short(whole)[3:7]).all()
        assert len(short(whole.slice(3, 0))) == 0


def test_keys_that_begin_alike_are_told_apart() -> None:
    keys = Keys([pa.array([f"{number:064x}" for number in range(100)])])
    assert keys.are_open(pa.array([f"{number:064x}" for number in (0, 99, 100, 256)])).tolist() == [True, True, False, False]


@pytest.mark.parametrize("wrong", ["abc", "g" * 64, "a" * 66, ""])
def test_what_is_no_key_is_an_error(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"expected|hexadecimal|digit"):
        Keys([pa.array(["a" * 64, wrong])])


def test_a_key_takes_17_bytes_also_while_keys_come_in_and_are_sorted() -> None:
    batches = [array(list(range(start, start + 1000))) for start in range(0, 100_000, 1000)]
    tracemalloc.start()
    try:
        keys = Keys(batches)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(keys) == 100_000 and keys.held_bytes == 17 * len(keys)
    assert most < 22 * len(keys)
