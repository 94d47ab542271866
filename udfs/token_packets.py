"""Runs of tokens as packets: how documents come to their group, and to their place in it, without passing through Spark as rows.

A packet is a record batch of RUNS, all of one group, as bytes in one value. Spark moves and sorts few large rows where it copied each
document several times. Whoever gets all packets of a group reads them in any order, and `in_place` puts their runs in order. Tokens are
held within bounds; keys of runs are held for a whole group, so more documents want more hash groups.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from udfs.token_values import as_binary

GROUP = ("split", "hash_group")
# A run of one document's tokens, with the place of the document in its group. `tokens` are numbers of one type, as bytes.
RUNS = pa.schema(
    [
        ("place", pa.float64()),
        ("kind", pa.string()),
        ("candidate", pa.string()),
        ("epoch", pa.int32()),
        ("token_offset", pa.int64()),
        ("text_hash", pa.string()),
        ("is_fim", pa.bool_()),
        ("language", pa.string()),
        ("tokens", pa.binary()),
    ]
)
ORDER = ("place", "kind", "candidate", "epoch", "token_offset")  # a total order of runs
PACKETS = pa.schema([("split", pa.string()), ("hash_group", pa.int32()), ("packet", pa.binary())])
PACK_BYTES = 16 << 20  # held by who packs
GROUP_BYTES = 48 << 20  # held of a group's packets: more goes to a temporary file
BATCH_BYTES = 8 << 20  # of tokens that are put in order at once


def packed(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Batches of PACKETS, of batches with the columns of GROUP and RUNS."""
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        held.append(batch)
        size += batch.nbytes
        if size >= PACK_BYTES:
            yield _packets(held)
            held, size = [], 0
    if size:
        yield _packets(held)


def _packets(held: list[pa.RecordBatch]) -> pa.RecordBatch:
    """One packet for each group."""
    rows = pa.Table.from_batches(held)
    group = rows.select(list(GROUP)).append_column("row", pa.array(np.arange(rows.num_rows)))
    groups = group.group_by(list(GROUP), use_threads=False).aggregate([("row", "list")])
    runs = rows.select(RUNS.names).cast(RUNS).combine_chunks().to_batches()[0]
    packets = [runs.take(numbers.values).serialize() for numbers in groups.column("row_list").combine_chunks()]
    columns = [groups.column(name).combine_chunks() for name in GROUP]
    ends = np.cumsum([0, *(packet.size for packet in packets)])
    if ends[-1] > np.iinfo(np.int32).max:
        raise OverflowError(
            f"{ends[-1]:,} bytes of tokens in one batch, which holds 2 GiB at most: a text of that size, or repeated as often"
        )
    ends = ends.astype(np.int32)
    values = pa.Array.from_buffers(pa.binary(), len(packets), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(packets))])
    return pa.RecordBatch.from_arrays([*columns, values], schema=PACKETS)


def in_place(packets: Iterable[pa.Buffer], kind: np.dtype) -> Iterator[pa.RecordBatch]:
    """All runs of a group in order: batches of RUNS. The tokens are of the type `kind`."""
    with Held() as held:
        for packet in packets:
            held.add(packet)
        parts = [pa.ipc.read_record_batch(buffer, RUNS) for buffer in held.buffers()]
        rows = pa.Table.from_batches([part.drop_columns(["tokens"]) for part in parts]).combine_chunks()
        order = np.asarray(pc.sort_indices(rows, [(name, "ascending") for name in ORDER]))
        runs = _Tokens(parts, kind)
        ends = np.cumsum(runs.counts[order] * kind.itemsize)
        start = 0
        while start < len(order):
            before = ends[start - 1] if start else 0
            end = max(start + 1, int(np.searchsorted(ends, before + BATCH_BYTES, side="right")))
            chosen = order[start:end]
            found = rows.take(pa.array(chosen)).append_column("tokens", runs.of(chosen))
            yield found.combine_chunks().to_batches()[0]
            start = end


class _Tokens:
    """The tokens of batches of RUNS, by the number of the run in all of them together."""

    def __init__(self, parts: list[pa.RecordBatch], kind: np.dtype) -> None:
        self._flat = [np.frombuffer(part.column("tokens").buffers()[2] or b"", kind) for part in parts]
        bounds = [np.frombuffer(part.column("tokens").buffers()[1], np.int32, part.num_rows + 1) // kind.itemsize for part in parts]
        self._part = np.repeat(np.arange(len(parts)), [part.num_rows for part in parts])
        self._start = np.concatenate([one[:-1] for one in bounds])
        self._end = np.concatenate([one[1:] for one in bounds])
        self.counts = (self._end - self._start).astype(np.int64)

    def of(self, runs: np.ndarray) -> pa.Array:
        places = zip(self._part[runs].tolist(), self._start[runs].tolist(), self._end[runs].tolist(), strict=True)
        flat = np.concatenate([self._flat[part][start:end] for part, start, end in places])
        return as_binary(flat, np.concatenate([[0], np.cumsum(self.counts[runs])]))


class Held:
    """Packets of a group: in memory, or where they are more than GROUP_BYTES in a temporary file."""

    def __init__(self) -> None:
        self._file: Any = None
        self._held: list[pa.Buffer] = []
        self._size = 0
        self._bounds = [0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, packet: pa.Buffer) -> None:
        self._held.append(packet)
        self._size += packet.size
        if self._size >= GROUP_BYTES:
            self._spill()

    def _spill(self) -> None:
        if self._file is None:
            # Spark tells its workers where it spills to itself.
            folder = os.environ.get("SPARK_LOCAL_DIRS", "").split(",")[0] or None
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        for packet in self._held:
            self._file.write(packet)
            self._file.write(bytes(-packet.size % 8))  # Arrow wants its buffers to begin at multiples of eight
            self._bounds.append(self._file.tell())
        self._held, self._size = [], 0

    def buffers(self) -> Iterator[pa.Buffer]:
        if self._file is None:
            yield from self._held
            return
        self._spill()
        self._file.flush()
        mapped = pa.py_buffer(np.memmap(self._file, np.uint8, "r"))
        for start, end in zip(self._bounds[:-1], self._bounds[1:], strict=True):
            yield mapped.slice(start, end - start)
