"""What a task of ingest.pages does: read a range of an archive, make text of its pages, and write what it found.

Runs in Python workers. Texts go into a staged file, each distinct text of the task once; what is known of each record goes into a file of
PAGE_ENTRIES, either a page (`reason` null) or a reject. Spark is told the names of the two, and nothing else. Bodies are decoded and read
in a child process, some megabytes of them at a time, so that a page on which a library hangs or dies is a reject and no failed task.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from jobs.ingest.listing import UNREADABLE
from jobs.ingest.reading import READ, EntryFile, task_number
from jobs.ingest.staged_texts import StagedTexts
from jobs.sources.source import SourceError, printable
from jobs.sources.warc import Range, read_range
from jobs.sources.warc_names import Archive
from jobs.sources.warc_records import Damaged, Fetched
from schemas.ingest import PAGES
from udfs import http_body, page_charset, page_text
from udfs.isolated import IsolationLimits, RowStatus
from udfs.isolated_results import isolated_results

REASONS = {
    "revisit": "says that a page is as it was, and holds none",
    "continuation": "holds a further part of a record, which is not put together",
    "no_url": "names no address with a host",
    "http_status": "the server's answer was not 200",
    "not_html": "is no HTML, by its header or by its bytes",
    "empty_body": "holds no body",
    "too_large": "the body, or its text, is larger than the limit",
    "wrong_digest": "the record's bytes are not those that its digest was made of",
    "binary": "the body is no text in any encoding",
    "damaged": "at this place of the archive no record can be read, or the archive ends inside of one",
    "duplicate_record": "another record has this id already",
    UNREADABLE: "the archive cannot be read",
    "too_slow": "reading the body took more processor time than the limit",
    "crashed": "reading the body took more memory than the limit, or ended its process",
} | page_text.REASONS
PAGE_ENTRIES = pa.schema(
    [
        *(pa.field(field.name, field.type) for field in PAGES.arrow_schema),
        ("text_task", pa.int32()),  # number of the task that put the text aside
        ("locator", pa.string()),  # of the record inside the archive
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)
HTML_TYPES = ("text/html", "application/xhtml+xml")
VAGUE_TYPES = ("", "text/plain", "application/octet-stream", "unknown/unknown", "application/xml", "text/xml")
LOOKS_LIKE_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+(?>(?><!--.*?-->|<\?xml[^>]*>)\s*+)*+<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)
_EXTRACTOR = f"page_text/{page_text.VERSION}"

BATCH_BYTES = 64 << 20  # of bodies that one child reads: a fork costs as much as reading 2 MB of them
BATCH_RECORDS = 4000

Row = dict[str, Any]


@dataclass(frozen=True)
class Limits:
    """Of a page: bytes of its body and its text, and what reading it may take."""

    max_html_bytes: int
    max_content_bytes: int
    isolation: IsolationLimits


def read_archives(batches: Iterable[pa.RecordBatch], entry_folder: str, text_folder: str, limits: Limits) -> Iterator[pa.RecordBatch]:
    """batches: columns name, address, start, end, is_all. Yields one batch of READ, which names two files in the folders."""
    task = task_number()
    entries, texts = EntryFile(entry_folder, PAGE_ENTRIES), StagedTexts(text_folder)
    for batch in batches:
        for unit in batch.to_pylist():
            archive, part = Archive(unit["name"], unit["address"]), Range(unit["start"], unit["end"], unit["is_all"])
            for row in read_unit(archive, part, texts, task, limits):
                entries.add(tuple(row.get(name) for name in PAGE_ENTRIES.names))
    entries.close()
    texts.close()
    row = {"task": task, "entry_file": entries.name, "text_file": texts.name, "text_bytes": texts.size_bytes}
    yield pa.RecordBatch.from_pylist([row], schema=READ)


def read_unit(archive: Archive, part: Range, texts: StagedTexts, task: int, limits: Limits) -> Iterator[Row]:
    """Rows of PAGE_ENTRIES of all that was fetched; an archive that goes away costs its range one reject."""
    held: list[Fetched] = []
    size = 0
    try:
        for item in read_range(archive.address, part, limits.max_html_bytes):
            if isinstance(item, Damaged):
                yield reject(archive, f"@{item.offset_bytes}", "damaged", item.detail, None)
                continue
            held.append(item)
            size += len(item.body)
            if size >= BATCH_BYTES or len(held) == BATCH_RECORDS:
                yield from isolated_rows(archive, held, texts, task, limits)
                held, size = [], 0
    except SourceError as error:
        yield reject(archive, "", UNREADABLE, str(error), None)
    yield from isolated_rows(archive, held, texts, task, limits)


def isolated_rows(archive: Archive, items: list[Fetched], texts: StagedTexts, task: int, limits: Limits) -> Iterator[Row]:
    """Rows of these records, which a child process makes."""
    _load_kernels()
    room = (8 << 20) + 2 * sum(len(item.body) for item in items)
    done = isolated_results(items, partial(page_row, archive, limits=limits), limits.isolation, room) if items else []
    for item, found in zip(items, done, strict=True):
        if isinstance(found, RowStatus):
            reason = "too_slow" if found == RowStatus.TIMEOUT else "crashed"
            yield reject(archive, record_of(archive, item), reason, f"{REASONS[reason]} ({item.url[:200]})", len(item.body))
            continue
        row, text = found
        if text is not None:
            texts.add(row["content_sha256"], text)
            row["text_task"] = task
        yield row


@cache
def _load_kernels() -> None:
    """Once in each process that forks, so that no child loads or compiles them."""
    page_text.extract(b"<p>one</p>")


def record_of(archive: Archive, item: Fetched) -> str:
    """The record's id; of one without, its place."""
    place = f"{item.offset_bytes}.{item.ordinal}" if item.ordinal else str(item.offset_bytes)
    return item.record_id or f"{archive.name.partition(':')[2]}#{place}"


def page_row(archive: Archive, item: Fetched, limits: Limits) -> tuple[Row, bytes | None]:
    """A row of PAGE_ENTRIES, and the text of a page; None with a reject."""
    record = record_of(archive, item)
    most_html, most_text = limits.max_html_bytes, limits.max_content_bytes

    def refused(reason: str, detail: str) -> tuple[Row, None]:
        said = f"{detail}; the archive lacks {item.missing_bytes} bytes of this record" if item.missing_bytes else detail
        return reject(archive, record, reason, f"{said} ({item.url[:200]})" if item.url else said, len(item.body)), None

    host = host_of(item.url)
    media_type = item.media_type.partition(";")[0].strip().lower()
    if item.type in ("revisit", "continuation"):
        return refused(item.type, REASONS[item.type])
    if not host:
        return refused("no_url", f"the address is {item.url[:200]!r}")
    if item.http_status is not None and item.http_status != 200:
        return refused("http_status", str(item.http_status))
    if not item.body:
        return refused("empty_body", media_type)
    if item.has_wrong_digest:
        return refused("wrong_digest", REASONS["wrong_digest"])
    body = http_body.decoded(item.body, item.transfer_encoding, item.content_encoding, most_html + 1)
    if media_type not in HTML_TYPES and not (media_type in VAGUE_TYPES and LOOKS_LIKE_HTML.match(body.content[:2048])):
        return refused("not_html", media_type or "no media type")
    if item.is_cut or len(body.content) > most_html:
        return refused("too_large", f"the body has more than {most_html} bytes")
    html = page_charset.to_utf8(body.content, item.charset)
    if html is None:
        return refused("binary", f"{media_type}, but too many control characters")
    if other := other_format(html.html):
        return refused("not_html", f"{media_type}, but the body is {other}")
    page = page_text.extract(html.html, item.url, media_type == HTML_TYPES[1])
    if isinstance(page, page_text.Unextractable):
        return refused(page.reason, page.detail)
    text = page.text.encode()
    if len(text) > most_text:
        return refused("too_large", f"the text has {len(text)} bytes")
    key = hashlib.sha256(text).hexdigest()
    facts = {name: getattr(page, name) for name in _FACTS}
    row = facts | {
        "record": record,
        "archive": archive.name,
        "offset_bytes": item.offset_bytes,
        "url": printable(item.url),
        "host": host,
        "fetched_time": item.fetched_time,
        "http_status": item.http_status,
        "media_type": media_type if media_type in HTML_TYPES else "text/html",
        "charset": html.charset,
        "html_bytes": len(body.content),
        "content_sha256": key,
        "extractor": _EXTRACTOR,
        "is_truncated": item.is_truncated or item.missing_bytes > 0 or not body.is_whole,
        "code_languages": list(page.code_languages),
        "locator": record,
    }
    return row, text


_FACTS = (
    "canonical_url", "title", "html_language", "has_code_tags", "code_block_count", "code_bytes", "word_count", "link_word_count",
    "repeated_share", "cut_line_share",
)  # fmt: skip


def other_format(body: bytes) -> str:
    """PDF or JSON, where a body that a server called HTML is that as a whole; empty otherwise. No HTML begins as a PDF, or is JSON."""
    if body[:1024].lstrip().startswith(b"%PDF-"):
        return "PDF"
    ends = body[:64].lstrip()[:1], body[-64:].rstrip()[-1:]
    if ends not in ((b"{", b"}"), (b"[", b"]")):
        return ""
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return "JSON"


def host_of(url: str) -> str:
    """Lower case, without port, the dot at its end and `www.`, which name no other host; empty where the address has none."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".") if url.lower().startswith(("http://", "https://")) else ""
    except ValueError:
        return ""
    bare = host.removeprefix("www.")
    return bare if "." in bare else host


def reject(archive: Archive, locator: str, reason: str, detail: str, size_bytes: int | None) -> Row:
    return {
        "archive": archive.name,
        "locator": printable(locator),
        "reason": reason,
        "detail": printable(detail),
        "html_bytes": size_bytes,
    }
