"""Reads web archives (WARC 1.0 and 1.1; plain, gzip, zstd), by range, and past what is damaged.

A range holds the records that start in it. In a plain archive, and in one that is compressed record by record, the start of a record can
be found from anywhere; what is compressed as a whole, and zstd (whose frames may need a dictionary at the front), is one range. The start
of a record inside an archived archive looks the same: where a range begins in the middle of one, pages inside it are read too.
"""

import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow.fs
from backports import zstd
from fastwarc.warc import ArchiveIterator, WarcRecord

from jobs.sources import warc_digests
from jobs.sources.archive_file import ArchiveFile
from jobs.sources.gzip_members import is_by_record, unread
from jobs.sources.source import SourceError
from schemas.lake import filesystem_of

GZIP, ZSTD, PLAIN = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"WARC/1."
_ZSTD_DICTIONARY = b"\x5d\x2a\x4d\x18"  # a skippable frame: https://iipc.github.io/warc-specifications/specifications/warc-zstd/
_BETWEEN = b"\r\n\r\n"
_LOOK_BYTES = 1 << 20
_HEAD_BYTES = 64
_FIRST_LINES = re.compile(rb"WARC/1\.[0-9]\r?\n[A-Za-z-]+ *:")
_SWALLOWED = re.compile(rb"\r\n\r\nWARC/1\.[0-9]\r\n[A-Za-z-]+ *:")
_PAGE_TYPES = ("response", "resource", "conversion", "revisit", "continuation")  # what a crawl fetched; the rest says how


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes of an archive as it lies, from `start` to before `end`. `is_all`: of all of it, whatever places its records report."""

    start: int
    end: int
    is_all: bool = False


@dataclass(frozen=True, slots=True)
class Fetched:
    """A record of what was fetched.

    `body` is as it was sent, cut (`is_cut`) at the limit that the reader was given. `missing_bytes` are what the archive lacks of it.
    `is_truncated`: the record says that the crawler stopped before the end, or that a further record goes on. `ordinal` counts the records
    that report one offset, from 0. `has_wrong_digest`: whole, and not what its digest was made of (warc_digests.py).
    """

    offset_bytes: int
    type: str
    record_id: str
    url: str
    fetched_time: int | None
    http_status: int | None
    media_type: str
    charset: str
    transfer_encoding: str
    content_encoding: str
    body: bytes
    missing_bytes: int
    is_cut: bool
    is_truncated: bool
    ordinal: int
    has_wrong_digest: bool = False


@dataclass(frozen=True, slots=True)
class Damaged:
    """A place where no record could be read; the next one that can be follows."""

    offset_bytes: int
    detail: str


def ranges(address: str, range_bytes: int) -> list[Range]:
    """Cuts an archive. Raises `SourceError` where it cannot be read or is none."""
    with _opened(address) as file:
        size = file.size()
        head = file.read(4)
        if not size:
            raise SourceError(f"{address} is empty")
        if not (head.startswith((GZIP, ZSTD, _ZSTD_DICTIONARY)) or head == PLAIN[:4]):
            raise SourceError(f"{address} is no web archive: it starts with {head!r}, and not with WARC, a gzip or a zstd header")
        if re.match(rb"WARC/1\.[0-9]\n", _beginning(file, 0)):
            raise SourceError(
                f"the lines of {address} end in LF alone; the standard asks for CR LF, and without it no length is to be trusted"
            )
        if head.startswith((ZSTD, _ZSTD_DICTIONARY)) or (head.startswith(GZIP) and not is_by_record(file, _BETWEEN + PLAIN)):
            return [Range(0, size, True)]
    return [Range(start, min(size, start + range_bytes)) for start in range(0, size, range_bytes)]


def read_range(address: str, part: Range, max_body_bytes: int) -> Iterator[Fetched | Damaged]:
    """The records of a range; those that are not about something fetched are left out.

    Raises `SourceError` where the archive went away, or the disk or the network failed: what was not read is not damaged.
    """
    with _opened(address) as file:
        seen: Counter[int] = Counter()
        is_guarded = _starts_with(file, GZIP)
        position = 0 if part.start == 0 else _next_start(file, part.start, part.end)
        while position is not None and position < part.end:
            last = position
            try:
                file.seek(position)
                for record in ArchiveIterator(file, parse_http=False, strict_mode=False):
                    last = record.stream_pos
                    if last >= part.end and not part.is_all:
                        return
                    missing = 0
                    if str(record.record_type) == "unknown":
                        yield Damaged(last, f"a record of the type {record.headers.get('WARC-Type')!r}")
                    elif str(record.record_type) in _PAGE_TYPES:
                        fetched = _fetched(record, max_body_bytes, seen[last], is_guarded)
                        seen[last] += 1
                        missing = fetched.missing_bytes
                        yield fetched
                    if missing:
                        raise OSError("the archive ends inside this record, or its length is wrong")
                place = position if part.is_all else last
                position, broken = unread(file, place) if is_guarded else (None, None)
                if broken is not None:
                    yield Damaged(broken, "the archive ends inside the gzip member that begins here")
            except (OSError, ValueError, UnicodeError) as error:
                if not _is_there(address):
                    raise SourceError(f"{address} went away while it was read") from error
                if not str(error).startswith("the archive ends"):
                    yield Damaged(last, f"{type(error).__name__}: {error}"[:300])
                position = _next_start(file, last + 1, part.end)


def _fetched(record: WarcRecord, max_body_bytes: int, ordinal: int, is_guarded: bool) -> Fetched:
    headers = record.headers
    declared = record.content_length
    is_wrong = not is_guarded and warc_digests.is_wrong(record, max_body_bytes)
    held = record.content_length  # where a digest was asked for: what there is of the record
    offset, kind = record.stream_pos, str(record.record_type)
    is_http = (headers.get("Content-Type") or "").replace(" ", "").lower().startswith("application/http")
    before = 0
    status, media, charset, transfer, content = None, headers.get("Content-Type") or "", "", "", ""
    if is_http:
        record.parse_http(auto_decode="none", quirks_mode=True, strict_mode=False)
        http = record.http_headers
        before = held - record.content_length
        status = http.status_code
        media, charset = http.get("Content-Type") or "", record.http_charset or ""
        transfer, content = http.get("Transfer-Encoding") or "", http.get("Content-Encoding") or ""
    body = record.reader.read(max_body_bytes + 1)
    is_cut = len(body) > max_body_bytes
    read = len(body) if not is_cut else len(body) + record.reader.consume()
    swallowed = _SWALLOWED.search(body) if is_http else None  # a length that is too large: the records inside are read for themselves
    if swallowed:
        read, body, is_cut = swallowed.start(), body[: swallowed.start()], swallowed.start() > max_body_bytes
    is_part = headers.get("WARC-Truncated") is not None or headers.get("WARC-Segment-Number") is not None
    missing = max(0, declared - before - read)
    return Fetched(
        offset, kind, _bare(headers.get("WARC-Record-ID") or "", "urn:uuid:"), _bare(headers.get("WARC-Target-URI") or ""),
        _seconds(headers.get("WARC-Date")), status, media, charset or _parameter(media), transfer, content,
        body[:max_body_bytes], missing, is_cut, is_part,
        ordinal, is_wrong and not (missing or swallowed or is_part),
    )  # fmt: skip


def _bare(text: str, prefix: str = "") -> str:
    """Without the angle brackets that the standard's grammar asks for and most writers leave out."""
    return text.strip().removeprefix("<").removesuffix(">").removeprefix(prefix)


def _parameter(content_type: str) -> str:
    for part in content_type.split(";")[1:]:
        name, _, value = part.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip("\"'")
    return ""


def _seconds(date: str | None) -> int | None:
    try:
        found = datetime.fromisoformat((date or "").strip().replace("Z", "+00:00"))
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


def _next_start(file: Any, start: int, end: int) -> int | None:
    """Where the first record at or after `start`, and before `end`, starts; None where there is none."""
    file.seek(0)
    head = file.read(4)
    mark = GZIP if head.startswith(GZIP) else ZSTD if head in (ZSTD, _ZSTD_DICTIONARY) else b"\n" + PLAIN
    shift = int(mark[:1] == b"\n")
    position = max(0, start - shift)
    while position < end:
        file.seek(position)
        block = file.read(_LOOK_BYTES + len(mark) - 1)
        if not block:
            return None
        found = block.find(mark)
        while found >= 0:
            if position + found + shift >= end:
                return None
            if _holds_record(file, position + found + shift):
                return int(position + found + shift)
            found = block.find(mark, found + 1)
        position += _LOOK_BYTES
    return None


def _starts_with(file: Any, mark: bytes) -> bool:
    file.seek(0)
    return bool(file.read(len(mark)) == mark)


def _holds_record(file: Any, position: int) -> bool:
    """Whether a member, a frame or the plain text at this place begins with a record's first lines."""
    return _FIRST_LINES.match(_beginning(file, position)) is not None


def _beginning(file: Any, position: int) -> bytes:
    """The first bytes of the member, the frame or the plain text at this place; none where it is damaged."""
    file.seek(position)
    held = bytes(file.read(4096))
    try:
        if held.startswith(GZIP):
            return zlib.decompressobj(31).decompress(held, _HEAD_BYTES)
        if held.startswith(ZSTD):
            return bytes(zstd.ZstdDecompressor().decompress(held, _HEAD_BYTES))
    except (zlib.error, zstd.ZstdError):
        return b""
    return held


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
