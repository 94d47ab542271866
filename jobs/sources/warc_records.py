"""What is read of a record of a web archive."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from fastwarc.warc import WarcRecord

from jobs.sources import warc_digests

_SWALLOWED = re.compile(rb"\r\n\r\nWARC/1\.[0-9]\r\n[A-Za-z-]+ *:")

_MOST_FIRST_LINES = 64
_STEP = 1 << 20


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


def read_fetched(record: WarcRecord, max_body_bytes: int, place: int, ordinal: int, is_guarded: bool) -> tuple[Fetched, bool]:
    """The record, and whether a further one begins inside of what it says is its own."""
    headers = record.headers
    declared = record.content_length
    is_wrong = not is_guarded and warc_digests.is_wrong(record, max_body_bytes)
    held = record.content_length  # where a digest was asked for: what there is of the record
    kind = str(record.record_type)
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
    swallowed = _SWALLOWED.search(body) if is_http else None  # a length that is too large: the records inside are read for themselves
    if swallowed:
        read, body, is_cut = swallowed.start(), body[: swallowed.start()], swallowed.start() > max_body_bytes
        is_followed = True
    else:
        rest, is_followed = _rest(record, body[-_MOST_FIRST_LINES:], is_http) if is_cut else (0, False)
        read = len(body) + rest
    is_part = headers.get("WARC-Truncated") is not None or headers.get("WARC-Segment-Number") is not None
    missing = max(0, declared - before - read)
    fetched = Fetched(
        place, kind, _bare(headers.get("WARC-Record-ID") or "", "urn:uuid:"), _bare(headers.get("WARC-Target-URI") or ""),
        _seconds(headers.get("WARC-Date")), status, media, charset or _parameter(media), transfer, content,
        body[: min(max_body_bytes, read)], missing, is_cut, is_part,
        ordinal, is_wrong and not (missing or is_followed or is_part),
    )  # fmt: skip
    return fetched, is_followed


def _rest(record: WarcRecord, tail: bytes, is_http: bool) -> tuple[int, bool]:
    """Bytes of a record beyond what is kept of it, which ends in `tail`, and whether a further record begins in them."""
    count = 0
    while block := record.reader.read(_STEP):
        held = tail + block
        found = _SWALLOWED.search(held) if is_http else None
        if found:
            return count + found.start() - len(tail), True
        tail, count = held[-_MOST_FIRST_LINES:], count + len(block)
    return count, False


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
