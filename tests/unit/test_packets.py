"""Packets keep every record, together with all of its key; sorting within little memory gives what sorting all at once gives."""

import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udfs import packets
from udfs.packets import PACKED, Distinct, in_order, packed, parts_of, unpacked

KIND = np.dtype([("key", "<i8"), ("node", "<i8"), ("payload", "u1", (3,))])
numbers = st.one_of(st.integers(-3, 3), st.sampled_from([-(2**63), 2**63 - 1]))
rows = st.lists(st.tuples(numbers, numbers, st.integers(0, 255)), max_size=60)


def records_of(found):
    return np.array([(key, node, (payload,) * 3) for key, node, payload in found], KIND)


def arrays_of(found, sizes):
    """The records in several arrays, some of them empty."""
    records, start = records_of(found), 0
    for size in sizes:
        yield records[start : start + size]
        start += size
    yield records[start:]


def as_rows(arrays):
    return [(int(r["key"]), int(r["node"]), int(r["payload"][0])) for records in arrays for r in records]


@given(rows, st.lists(st.integers(0, 9), max_size=6), st.integers(1, 7), st.sampled_from([1, 100, 1 << 20]))
def test_every_record_is_in_the_part_of_its_key_and_none_twice(found, sizes, parts, most):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packets, "PACK_BYTES", most)
        batches = list(packed(arrays_of(found, sizes), "key", parts))
    assert sorted(as_rows(unpacked(batches, KIND))) == sorted(found)
    for batch in batches:
        assert batch.schema == PACKED
        for number in range(batch.num_rows):
            row = batch.slice(number, 1)
            keys = np.array([key for key, _, _ in as_rows(unpacked([row], KIND))], np.int64)
            assert (parts_of(keys, parts) == row.column("part")[0].as_py()).all()


@settings(max_examples=200)
@given(rows, st.lists(st.integers(0, 9), max_size=6), st.sampled_from([1, 60, 200, 1 << 20]))
def test_sorting_in_little_memory_is_sorting(found, sizes, most_bytes):
    arrays = list(in_order(arrays_of(found, sizes), "key", "node", most_bytes))
    assert [row[:2] for row in as_rows(arrays)] == sorted(row[:2] for row in found)
    assert sorted(as_rows(arrays)) == sorted(found)


def test_a_key_of_most_records_is_sorted_in_arrays_that_stay_small():
    rng = np.random.default_rng(3)
    records = np.zeros(100_000, KIND)
    records["key"] = np.where(rng.random(100_000) < 0.9, 7, rng.integers(-(2**62), 2**62, 100_000))
    records["node"] = rng.integers(-(2**62), 2**62, 100_000)
    most = 200_000  # bytes; all are 1.9 million
    found = list(in_order(np.array_split(records, 50), "key", "node", most))
    assert max(one.nbytes for one in found) <= 2 * most
    together = np.concatenate(found)
    order = np.lexsort((records["node"], records["key"]))
    assert (together["node"] == records["node"][order]).all() and (together["key"] == records["key"][order]).all()


def test_nothing_gives_nothing():
    assert list(packed([], "key", 4)) == [] and list(in_order([], "key", "node")) == []
    assert list(packed([records_of([])], "key", 4)) == []
    assert list(unpacked([pa.RecordBatch.from_pylist([], PACKED)], KIND)) == []


@given(rows, st.lists(st.integers(0, 9), max_size=6), st.sampled_from([1, 60, 1 << 20]))
def test_of_each_key_one_record_is_held_the_first_that_came(found, sizes, least):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packets, "DISTINCT_BYTES", least)
        held = Distinct(KIND, "key")
        for records in arrays_of(found, sizes):
            held.add(records)
        first = {}
        for row in found:
            first.setdefault(row[0], row)
        assert as_rows([held.records()]) == [first[key] for key in sorted(first)]
        assert as_rows([held.records()]) == as_rows([held.records()])


def test_a_key_that_comes_again_and_again_takes_no_memory():
    held, records = Distinct(KIND, "key"), np.zeros(10_000, KIND)
    tracemalloc.start()
    for _ in range(3_000):  # 570 MB
        held.add(records.copy())
    assert len(held.records()) == 1
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 24 << 20
