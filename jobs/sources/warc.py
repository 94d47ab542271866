"""Reads web archives (WARC 1.0 and 1.1; plain, gzip, zstd), by range, and past what is damaged.

A range holds the records that start in it. In a plain archive, and in one that is compressed record by record, the start of a record can
be found from anywhere; what is compressed as a whole, and zstd (whose frames may need a dictionary at the front), is one range. The start
of a record inside an archived archive looks the same: where a range begins in the middle of one, pages inside it are read too.
"""

import re
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow.fs
from fastwarc.warc import ArchiveIterator, WarcRecord

from jobs.sources.archive_file import ArchiveFile
from jobs.sources.gzip_members import is_by_record, unread
from jobs.sources.source import SourceError
from jobs.sources.unpacked import GZIP, ZSTD, ZSTD_DICTIONARY, BrokenMemberError, Unpacked, Unpackers
from jobs.sources.warc_records import Damaged, Fetched, read_fetched
from jobs.sources.warc_starts import LOOK_BYTES, PLAIN, beginning, cut_head, head_of, holds_record, next_start
from schemas.lake import filesystem_of

_BETWEEN = b"\r\n\r\n"
_NO_END = 1 << 62
_ENDS = "the archive ends inside the {} that begins here"
_TORN = "the {} that begins here has no end, and others follow"
_MOST_TORN = 100  # each was read to the archive's end
_TOO_MANY = f"the {{}} that begins here has no end, as {_MOST_TORN} before it have none: what follows is not read"
_PAGE_TYPES = ("response", "resource", "conversion", "revisit", "continuation")  # what a crawl fetched; the rest says how


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes of an archive as it lies, from `start` to before `end`. `is_all`: of all of it, whatever places its records report."""

    start: int
    end: int
    is_all: bool = False


def ranges(address: str, range_bytes: int) -> list[Range]:
    """Cuts an archive. Raises `SourceError` where it cannot be read or is none."""
    with _opened(address) as file:
        size = file.size()
        head = head_of(file)
        if not size:
            raise SourceError(f"{address} is empty")
        if not (head.startswith((GZIP, ZSTD, ZSTD_DICTIONARY)) or head == PLAIN[:4]):
            raise SourceError(f"{address} is no web archive: it starts with {head!r}, and not with WARC, a gzip or a zstd header")
        if re.match(rb"WARC/1\.[0-9]\n", beginning(file, None if head == PLAIN[:4] else Unpackers(file), 0)):
            raise SourceError(
                f"the lines of {address} end in LF alone; the standard asks for CR LF, and without it no length is to be trusted"
            )
        if head.startswith((ZSTD, ZSTD_DICTIONARY)) or (head.startswith(GZIP) and not is_by_record(file, _BETWEEN + PLAIN)):
            return [Range(0, size, True)]
    return [Range(start, min(size, start + range_bytes)) for start in range(0, size, range_bytes)]


def read_range(address: str, part: Range, max_body_bytes: int) -> Iterator[Fetched | Damaged]:
    """The records of a range; those that are not about something fetched are left out.

    Raises `SourceError` where the archive went away, or the disk or the network failed: what was not read is not damaged.
    """
    with _opened(address) as file:
        head = head_of(file)
        packed = None if head == PLAIN[:4] else Unpackers(file)
        reading = _Reading(address, file, packed, part, max_body_bytes)
        start = 0 if part.start == 0 else next_start(file, packed, part.start, part.end)
        if packed is None:
            said = None if start is None else (yield from reading.lines(file, start, 0))
            cut = cut_head(file)
            if cut is not None and cut != said and part.start <= cut < part.end:
                yield Damaged(cut, _ENDS.format("record"))
            return
        if start is None:
            return
        done: int | None = 0
        if not part.is_all:
            start, done = yield from reading.members(start)
        if done is not None:
            window_bytes = max_body_bytes + LOOK_BYTES
            yield from reading.lines(Unpacked(file, packed, start, window_bytes, is_salvaged=part.is_all), 0, done)


class _Reading:
    """Of one range. Gzip members of one record each are read by fastwarc, which is fast, to the first place where anything is wrong."""

    def __init__(self, address: str, file: ArchiveFile, packed: Unpackers | None, part: Range, max_body_bytes: int) -> None:
        self._address, self._file, self._packed, self._part = address, file, packed, part
        self._max_body_bytes = max_body_bytes
        self._seen: Counter[int] = Counter()
        self._torn_count = 0
        is_gzip = packed is not None and packed.mark == GZIP
        self._kind = "gzip member" if is_gzip else "zstd frame"
        self._is_guarded = is_gzip and not part.is_all  # the one of a member that is all is asked when its records were given

    def members(self, start: int) -> Generator[Fetched | Damaged, None, tuple[int, int | None]]:
        """Returns where the reading began that came to such a place, and how many records it passed since; None where all was read."""
        position: int | None = start
        while position is not None and position < self._part.end:
            start, passed, last, found = position, 0, position, None
            try:
                self._file.seek(start)
                for record in ArchiveIterator(self._file, parse_http=False, strict_mode=False):
                    last = record.stream_pos
                    if last >= self._part.end:
                        # Of a member with many records fastwarc may report a place inside, of records that are this range's.
                        return start, None if holds_record(self._file, self._packed, last) else passed
                    found, _ = self._found(record, last)
                    if isinstance(found, Fetched) and found.missing_bytes:
                        self._seen[last] -= 1
                        return start, passed
                    passed += 1
                    if found is not None:
                        yield found
                position, torn = unread(self._file, last)
                if torn is not None:
                    position, damaged = self._past_torn(torn)
                    if not isinstance(found, Damaged):
                        yield damaged
            except (OSError, ValueError):
                return start, passed
        return start, None

    def lines(self, file: Any, start: int, passed: int) -> Generator[Fetched | Damaged, None, int | None]:
        """The records of plain text, or of what was unpacked, from a place in it on, but for so many that were read already.

        Returns the place of a damage that was the last of all.
        """
        packed = file if isinstance(file, Unpacked) else None
        position: int | None = start
        behind, said = None, None
        while position is not None:
            last, place = position, packed.member_at(position) if packed else position
            try:
                if behind is not None:
                    position, behind = next_start(file, None, behind, _NO_END if packed else self._part.end), None
                if position is not None:
                    last = file.seek(position)
                    for record in ArchiveIterator(file, parse_http=False, strict_mode=False):
                        last = record.stream_pos
                        place = packed.member_at(last) if packed else last
                        if place >= self._part.end:
                            return said
                        if packed:
                            packed.keep(last)
                        if passed:
                            passed -= 1
                            continue
                        found, is_followed = self._found(record, place)
                        said = place if isinstance(found, Damaged) else None
                        if found is not None:
                            yield found
                        if isinstance(found, Fetched) and found.missing_bytes:
                            if not is_followed:
                                said = place
                                yield Damaged(place, f"{_ENDS.format('record')}, or its length is wrong")
                            behind = last + 1
                            break
                    else:
                        position = None
            except BrokenMemberError as error:
                self._check_is_there(error)
                yield Damaged(error.start, f"the member that begins here cannot be unpacked: {error}")
                after, behind, said = self._next_member(error.start), None, error.start
                # What was passed of it by fastwarc need not be what was passed here, and there is no more to be had of it.
                position, passed = None if packed is None or after is None else packed.go_on(after), 0
            except (OSError, ValueError) as error:
                self._check_is_there(error)
                yield Damaged(place, f"{type(error).__name__}: {error}"[:300])
                said, behind = place, last + 1
            if packed and position is None and packed.cut_member is not None:
                torn = packed.cut_member
                after, damaged = self._past_torn(torn)
                if torn != said or self._torn_count > _MOST_TORN:
                    yield damaged
                position, passed, said = None if after is None else packed.go_on(after), 0, torn
        return said

    def _next_member(self, broken: int) -> int | None:
        """Behind one that cannot be unpacked."""
        return next_start(self._file, self._packed, broken + 1, self._part.end)

    def _past_torn(self, torn: int) -> tuple[int | None, Damaged]:
        """Behind one that the archive ended in: others may have been appended to it, which were taken for what it holds."""
        self._torn_count += 1
        if self._torn_count > _MOST_TORN:
            return None, Damaged(torn, _TOO_MANY.format(self._kind))
        after = self._next_member(torn)
        return after, Damaged(torn, (_ENDS if after is None else _TORN).format(self._kind))

    def _found(self, record: WarcRecord, place: int) -> tuple[Fetched | Damaged | None, bool]:
        """What a record is, and whether a further one begins inside of what it says is its own."""
        kind = str(record.record_type)
        if kind == "unknown":
            return Damaged(place, f"a record of the type {record.headers.get('WARC-Type')!r}"), False
        if kind not in _PAGE_TYPES:
            return None, False
        self._seen[place] += 1
        return read_fetched(record, self._max_body_bytes, place, self._seen[place] - 1, self._is_guarded)

    def _check_is_there(self, error: Exception) -> None:
        if not _is_there(self._address):
            raise SourceError(f"{self._address} went away while it was read") from error


def _is_there(address: str) -> bool:
    filesystem, path = filesystem_of(address)
    try:
        return bool(filesystem.get_file_info(path).type == pyarrow.fs.FileType.File)
    except OSError:
        return False


def _opened(address: str) -> ArchiveFile:
    filesystem, path = filesystem_of(address)
    try:
        return ArchiveFile(filesystem.open_input_file(path), address)
    except OSError as error:
        raise SourceError(f"{address} cannot be read: {error}") from error
