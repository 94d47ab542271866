"""Cutting a listing into units: consecutive entries until the budget is full."""

import zlib
from collections.abc import Iterable, Iterator

from jobs.sources.source import Reject, Source, Unit

# What an entry costs besides its bytes: opening a file takes about as long as reading this many bytes. Keeps a million empty files
# from becoming one unit.
ENTRY_COST_BYTES = 2048


def cut_units(source: Source, listing: Iterable[tuple[bytes, int] | Reject], budget_bytes: int) -> Iterator[Unit | Reject]:
    """Turns (record, size in bytes) pairs into units in the same order. Rejects pass through.

    A record says what the reader needs to find the entry again; it holds no NUL. Records of one unit are kept compressed: a
    listing of 200,000 files takes a few megabytes.
    """
    records: list[bytes] = []
    size = cost = 0
    for item in listing:
        if isinstance(item, Reject):
            yield item
            continue
        record, entry_size = item
        if records and cost + entry_size + ENTRY_COST_BYTES > budget_bytes:
            yield _unit(source, records, size)
            records, size, cost = [], 0, 0
        records.append(record)
        size += entry_size
        cost += entry_size + ENTRY_COST_BYTES
    if records:
        yield _unit(source, records, size)


def records_of(unit: Unit) -> list[bytes]:
    return zlib.decompress(unit.payload).split(b"\0")


def _unit(source: Source, records: list[bytes], size_bytes: int) -> Unit:
    return Unit(source, zlib.compress(b"\0".join(records), 1), len(records), size_bytes)
