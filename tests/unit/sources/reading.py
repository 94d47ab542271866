"""Reads a whole source the way a job does, and checks what holds for every source while doing so."""

import json

from jobs.sources import REASONS, Entry, Reject, Source, Unit, list_units, read_unit

LIMIT_BYTES = 16 << 20


def read_all(source: Source, budget_bytes: int = 1 << 20, limit_bytes: int = LIMIT_BYTES) -> tuple[list[Entry], list[Reject]]:
    """Entries and rejects in their order. Fails where a unit's count does not close or a locator comes twice."""
    entries: list[Entry] = []
    rejects: list[Reject] = []
    for item in list_units(source, budget_bytes, limit_bytes):
        if isinstance(item, Reject):
            rejects.append(item)
            continue
        before = len(entries) + sum(map(_row_count, rejects))
        for read in read_unit(_as_sent(item), limit_bytes):
            (entries if isinstance(read, Entry) else rejects).append(read)  # type: ignore[arg-type]
        if item.entry_count:
            assert len(entries) + sum(map(_row_count, rejects)) - before == item.entry_count
            assert item.size_bytes <= budget_bytes or item.entry_count == 1 or _is_one_row_group(item)
    assert {reject.reason for reject in rejects} <= set(REASONS)
    assert len({(reject.source, reject.locator) for reject in rejects}) == len(rejects)
    assert all(len(entry.raw) <= limit_bytes for entry in entries)
    return entries, rejects


def _row_count(reject: Reject) -> int:
    """Of rows that a reject stands for."""
    first, dots, last = reject.locator.rpartition("row-")[2].partition("..")
    return int(last) - int(first) + 1 if dots and reject.reason == "corrupt" else 1


def _is_one_row_group(unit: Unit) -> bool:
    return unit.source.kind == "table" and len(json.loads(unit.payload)[1].get("groups", [])) == 1


def outcome(source: Source, budget_bytes: int = 1 << 20) -> dict[str, str | None]:
    """What became of each path: None where it was read, else the reason."""
    entries, rejects = read_all(source, budget_bytes)
    read: dict[str, str | None] = {entry.path: None for entry in entries}
    assert len(read) == len(entries)
    return read | {reject.locator: reject.reason for reject in rejects}


def _as_sent(unit: Unit) -> Unit:
    """The unit as another process gets it: its source is text on the way."""
    return Unit(Source.from_json(unit.source.to_json()), unit.payload, unit.entry_count, unit.size_bytes)
