"""Reads the directory of a zip: entry by entry, names as the bytes that they are.

Not the standard library's reader: where one name is said to be UTF-8 and is not, that one gives no entry at all, and it makes all entries
before it gives the first.
"""

import os
import struct
from collections.abc import Iterator
from typing import IO, NamedTuple

from jobs.sources.unpacking import BrokenStream

_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_ENTRY = struct.Struct("<4s4B4H3L5H2L")
_MAX_COMMENT_BYTES = 0xFFFF
_IN_EXTRA = 0xFFFFFFFF  # of a size or an offset: it stands in the extra field for zip64


class DirectoryEntry(NamedTuple):
    """Offsets are those in the file, whatever lies before the zip. `attributes` are those of `system` (3: Unix)."""

    name: bytes
    system: int
    flags: int
    method: int
    crc: int
    packed_size: int
    size: int
    attributes: int
    offset: int


def directory_entries(file: IO[bytes]) -> Iterator[DirectoryEntry]:
    """Raises `BrokenStream` where there is no directory, and, after all that came before it, where an entry of it is broken."""
    start, end, shift = _place(file)
    file.seek(start)
    position = start
    while position < end:
        head = file.read(_ENTRY.size)
        if len(head) < _ENTRY.size or not head.startswith(b"PK\1\2"):
            raise BrokenStream("corrupt", f"no entry of its directory begins at byte {position}")
        _, _, system, _, _, flags, method, _, _, crc, packed, size, *lengths, _, _, attributes, offset = _ENTRY.unpack(head)
        name, extra, comment = (file.read(length) for length in lengths)
        position += _ENTRY.size + sum(lengths)
        if sum(map(len, (name, extra, comment))) < sum(lengths):
            raise BrokenStream("corrupt", f"its directory ends inside an entry, before byte {position}")
        size, packed, offset = _whole_numbers(extra, size, packed, offset)
        yield DirectoryEntry(name, system, flags, method, crc, packed, size, attributes, offset + shift)


def _place(file: IO[bytes]) -> tuple[int, int, int]:
    """Start and end of the directory, and what is to be added to the offsets that it states."""
    end_at, tail = _end_record(file)
    *_, size, offset, _ = _END.unpack_from(tail)
    end = end_at
    if found := _end_record_64(file, end_at):
        end, size, offset = found
    if size > end:
        raise BrokenStream("corrupt", f"its directory is said to have {size} bytes; {end} lie before its end")
    return end - size, end, end - size - offset


def _end_record(file: IO[bytes]) -> tuple[int, bytes]:
    """Where the end record lies, and it: the last one that ends with the file, else the last one."""
    length = file.seek(0, os.SEEK_END)
    tail_at = max(0, length - _END.size - _MAX_COMMENT_BYTES)
    file.seek(tail_at)
    tail = file.read(_END.size + _MAX_COMMENT_BYTES)
    found, last = [], len(tail) - _END.size
    while last >= 0 and (at := tail.rfind(b"PK\5\6", 0, last + 4)) >= 0:
        found.append(at)
        last = at - 1
    if not found:
        file.seek(0)
        is_cut = file.read(4) == b"PK\3\4"
        raise BrokenStream("truncated" if is_cut else "corrupt", "no directory at its end")
    whole = [at for at in found if at + _END.size + int.from_bytes(tail[at + 20 : at + 22], "little") == len(tail)]
    at = (whole or found)[0]
    return tail_at + at, tail[at : at + _END.size]


def _end_record_64(file: IO[bytes], end_at: int) -> tuple[int, int, int] | None:
    """Where the end record for zip64 lies, size and offset of the directory by it; None where there is none."""
    locator_at = end_at - _LOCATOR_64.size
    if locator_at < _END_64.size:
        return None
    file.seek(locator_at)
    signature, _, stated_at, _ = _LOCATOR_64.unpack(file.read(_LOCATOR_64.size))
    if signature != b"PK\6\7":
        return None
    for at in (locator_at - _END_64.size, min(stated_at, locator_at - _END_64.size)):
        file.seek(at)
        record = file.read(_END_64.size)
        if record.startswith(b"PK\6\6"):
            *_, size, offset = _END_64.unpack(record)
            return at, size, offset
    return None


def _whole_numbers(extra: bytes, *numbers: int) -> list[int]:
    """The numbers, each that is too large for its place from the extra field. One that is not there either stays as it is, which no file
    of a usual size can fulfil."""
    wanted = [place for place, number in enumerate(numbers) if number == _IN_EXTRA]
    found = list(numbers)
    while wanted and len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        if kind == 1:
            data = extra[4 : 4 + size]
            for place, at in zip(wanted, range(0, len(data) - 7, 8), strict=False):
                found[place] = int.from_bytes(data[at : at + 8], "little")
            break
        extra = extra[4 + size :]
    return found
