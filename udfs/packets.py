"""Rows of numbers as packets: what a row-based shuffle moves, hashes and sorts one by one travels here as few rows of many bytes.

A packet is an array of records of one structured type, as bytes, and the number of the part that it belongs to. Whoever gets all packets
of a part reads them in any order, and `in_order` sorts their records within bounded memory.
"""

import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from udfs.shingles import mix_values, text_buffers

PACKED = pa.schema([("part", pa.int32()), ("records", pa.binary())])
PACK_BYTES = 16 << 20  # held by who packs
DISTINCT_BYTES = 4 << 20  # held at least before they are made distinct
SORT_BYTES = 48 << 20  # held by who sorts: more goes to a temporary file

Records = np.ndarray[Any, np.dtype[np.void]]


def parts_of(keys: np.ndarray, parts: int) -> np.ndarray:
    """The part that each int64 key belongs to."""
    return (mix_values(keys.view(np.uint64)) % np.uint64(parts)).astype(np.int32)


def packed(arrays: Iterable[Records], key: str, parts: int) -> Iterator[pa.RecordBatch]:
    """Packets of records by their key: batches of PACKED."""
    held: list[Records] = []
    size = 0
    for records in arrays:
        held.append(records)
        size += records.nbytes
        if size >= PACK_BYTES:
            yield _packets(np.concatenate(held), key, parts)
            held, size = [], 0
    if size:
        yield _packets(np.concatenate(held), key, parts)


def _packets(records: Records, key: str, parts: int) -> pa.RecordBatch:
    part = parts_of(np.ascontiguousarray(records[key]), parts)
    order = np.argsort(part, kind="stable")
    counts = np.bincount(part, minlength=parts)
    there = np.flatnonzero(counts)
    ends = (np.cumsum(counts[there]) * records.dtype.itemsize).astype(np.int32)
    buffers = [None, pa.py_buffer(np.concatenate([np.zeros(1, np.int32), ends])), pa.py_buffer(records[order].view(np.uint8))]
    packets = pa.BinaryArray.from_buffers(pa.binary(), len(there), buffers)
    return pa.RecordBatch.from_arrays([pa.array(there, pa.int32()), packets], schema=PACKED)


def unpacked(batches: Iterable[pa.RecordBatch], kind: np.dtype) -> Iterator[Records]:
    """The records of batches of PACKED, all of one type."""
    for batch in batches:
        if batch.num_rows:
            data, offsets = text_buffers(batch.column("records"))
            yield data[offsets[0] : offsets[-1]].view(kind)


class Distinct:
    """Records of which one of each key is held, however many come."""

    def __init__(self, kind: np.dtype, key: str) -> None:
        self.kind, self._key = kind, key
        self._known: Records = np.empty(0, kind)
        self._new: list[Records] = []
        self._new_bytes = 0

    def add(self, records: Records) -> None:
        self._new.append(records)
        self._new_bytes += records.nbytes
        if self._new_bytes >= max(DISTINCT_BYTES, self._known.nbytes):
            self.records()

    def records(self) -> Records:
        """By their keys, ascending."""
        if self._new:
            found = np.concatenate([self._known, *self._new])
            self._known = found[np.unique(found[self._key], return_index=True)[1]]
            self._new, self._new_bytes = [], 0
        return self._known


def in_order(arrays: Iterable[Records], first: str, second: str, most_bytes: int = SORT_BYTES) -> Iterator[Records]:
    """All records sorted by two int64 fields, in arrays of bounded size. What `most_bytes` do not hold waits in a temporary file."""
    runs: list[Records] = []
    held: list[Records] = []
    size = 0
    with tempfile.TemporaryFile() as file:
        for records in arrays:
            held.append(records)
            size += records.nbytes
            if size >= most_bytes:
                runs.append(_spilled(_sorted(held, first, second), file))
                held, size = [], 0
        if held:
            runs.append(_sorted(held, first, second))
        if len(runs) == 1:
            yield runs[0]
        elif runs:
            yield from _merged(runs, first, second, max(1, most_bytes // (len(runs) * runs[0].dtype.itemsize)))


def _sorted(held: list[Records], first: str, second: str) -> Records:
    records = np.concatenate(held)
    return records[np.lexsort((records[second], records[first]))]


def _spilled(records: Records, file: Any) -> Records:
    start = file.seek(0, 2)
    records.tofile(file)
    file.flush()
    return np.memmap(file, records.dtype, "r", start, len(records))


def _merged(runs: list[Records], first: str, second: str, block: int) -> Iterator[Records]:
    """Sorted runs as one. Of each run a block is looked at; what is not above the least last record of these blocks is next."""
    place = [0] * len(runs)
    while True:
        blocks = {n: run[place[n] : place[n] + block] for n, run in enumerate(runs) if place[n] < len(run)}
        if not blocks:
            return
        bound = min((int(one[first][-1]), int(one[second][-1])) for one in blocks.values())
        taken = []
        for number, one in blocks.items():
            start, end = (int(np.searchsorted(one[first], bound[0], side)) for side in ("left", "right"))
            count = start + int(np.searchsorted(one[second][start:end], bound[1], "right"))
            taken.append(one[:count])
            place[number] += count
        yield _sorted(taken, first, second)
