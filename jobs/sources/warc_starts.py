"""Where records of a web archive start: what is looked for from anywhere in it, and past what is damaged."""

import re
from typing import Any

from jobs.sources.unpacked import Unpacked, Unpackers

PLAIN = b"WARC/1."
LOOK_BYTES = 1 << 20
_HEAD_BYTES = 64
_BETWEEN = b"\r\n\r\n"
_FIRST_LINES = re.compile(rb"WARC/1\.[0-9]\r?\n[A-Za-z-]+ *:")


def next_start(file: Any, packed: Unpackers | None, start: int, end: int) -> int | None:
    """Where the first record at or after `start`, and before `end`, starts; None where there is none.

    In a packed file it is the first of its member; without `packed` it begins a line, or a member of what was unpacked.
    """
    mark = packed.mark if packed else PLAIN
    position = start
    while position < end:
        file.seek(position)
        block = file.read(LOOK_BYTES + len(mark) - 1)
        if not block:
            return None
        found = block.find(mark)
        while found >= 0:
            if position + found >= end:
                return None
            if holds_record(file, packed, position + found):
                return int(position + found)
            found = block.find(mark, found + 1)
        position += LOOK_BYTES
    return None


def head_of(file: Any) -> bytes:
    """By which packed archives are told from plain ones."""
    file.seek(0)
    return bytes(file.read(4))


def holds_record(file: Any, packed: Unpackers | None, position: int) -> bool:
    """Whether a member, a frame or the line at this place begins with a record's first lines."""
    if packed is None and position and not (isinstance(file, Unpacked) and file.is_start(position)):
        file.seek(position - 1)
        if file.read(1) != b"\n":
            return False
    return _FIRST_LINES.match(beginning(file, packed, position)) is not None


def beginning(file: Any, packed: Unpackers | None, position: int) -> bytes:
    """The first bytes of the member, the frame or the plain text at this place; none where it is damaged."""
    file.seek(position)
    return packed.beginning(file, _HEAD_BYTES) if packed else bytes(file.read(4096))


def cut_head(file: Any) -> int | None:
    """Where a record starts whose head a plain archive breaks off in: to its reader it is a record that holds nothing, or none."""
    start = max(0, file.size() - LOOK_BYTES)
    file.seek(start)
    tail = file.read(LOOK_BYTES)
    found = tail.rfind(_BETWEEN + PLAIN)
    return None if found < 0 or _BETWEEN in tail[found + len(_BETWEEN) :] else int(start + found + len(_BETWEEN))
