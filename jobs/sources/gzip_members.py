"""Members of a gzip file: whether each holds one record, and what a reader of archives passes over in silence.

That is all that follows an empty member, and an end inside of a member. An empty member is good gzip (some tools end each file with one,
and files are put together), but fastwarc takes it for the archive's end.
"""

import zlib
from typing import Any

from jobs.sources.unpacked import until_fault

_FED = 1 << 16
_STEP = 1 << 20


def is_by_record(file: Any, next_record: bytes) -> bool:
    """Whether the first member holds one record: no further one, which begins with these bytes, is in it."""
    file.seek(0)
    stream, held = zlib.decompressobj(31), b""
    while len(held) < _STEP and not stream.eof:
        block, before = file.read(_FED), stream.copy()
        try:
            held += stream.decompress(block, _STEP)
        except zlib.error:
            held += b"".join(until_fault(before, block))
            break
        if not block:
            break
    # A first record that is longer than what was looked at is no warcinfo.
    return held.find(next_record) < 0 and (stream.eof or len(held) < _STEP)


def unread(file: Any, start: int) -> tuple[int | None, int | None]:
    """Of the members from `start` on: where the first empty one ends, and where one begins that the file breaks off in; None without."""
    position = start
    while True:
        size, end = _member(file, position)
        if end is None or end == position:
            return None, position if end is None else None
        if size == 0:
            return end, None
        position = end


def _member(file: Any, position: int) -> tuple[int, int | None]:
    """Bytes that the member at `position` holds, and where it ends: None where the file ends before, `position` where there is none."""
    file.seek(position)
    stream, fed, size = zlib.decompressobj(31), 0, 0
    try:
        while not stream.eof:
            block = stream.unconsumed_tail or file.read(_FED)
            fed += 0 if stream.unconsumed_tail else len(block)
            if not block:
                return size, None if fed else position
            size += len(stream.decompress(block, _STEP))
    except zlib.error:  # no gzip: the reader has told of it
        return size, position
    return size, position + fed - len(stream.unused_data)
