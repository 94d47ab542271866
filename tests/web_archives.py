"""Web archives written by hand for the tests, so that they can be wrong in every way."""

import gzip
import zlib
from pathlib import Path

from backports import zstd

from jobs.sources.warc import ranges, read_range
from jobs.sources.warc_records import Damaged, Fetched

TITLED = "<html><head><title>{0}</title></head><body><h1>{0}</h1><p>{1}</p></body></html>"
PROSE = "This page says in a dozen plain words or more how the thing called {0} is used every day."


def page(name: str, code: str = "") -> bytes:
    """An HTML page about `name`, with a block of code where one is given."""
    block = f"<pre><code class='language-python'>{code}</code></pre>" if code else ""
    return TITLED.format(name, PROSE.format(name) + "</p>" + block + "<p>").encode()


def http(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    """An HTTP response; header names with `_` for `-`. A given Content_Type takes the place of text/html."""
    found = {"Content_Type": "text/html; charset=utf-8"} | headers
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in found.items() if value)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def record(url: str, block: bytes, kind: str = "response", id: str | None = "", length: int | None = None, **headers: str) -> bytes:
    """A record of a block. `id` None leaves the header out; empty makes one of the address."""
    found = {"WARC_Type": kind, "WARC_Target_URI": url, "WARC_Date": "2026-01-02T03:04:05Z"}
    if id is not None:
        found["WARC_Record_ID"] = f"<urn:uuid:{id or url}>"
    found["Content_Type"] = "application/http;msgtype=response" if block.startswith(b"HTTP/") else "text/html"
    found |= {"Content_Length": str(len(block) if length is None else length)} | headers
    lines = ["WARC/1.0", *(f"{name.replace('_', '-')}: {value}" for name, value in found.items() if value)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + block + b"\r\n\r\n"


def by_record(records: list[bytes]) -> bytes:
    """Compressed as crawlers do it: a gzip member for each record."""
    return b"".join(gzip.compress(one, 6, mtime=0) for one in records)


def as_one(records: list[bytes]) -> bytes:
    return gzip.compress(b"".join(records), mtime=0)


def by_zstd(records: list[bytes]) -> bytes:
    return b"".join(zstd.compress(one) for one in records)


def chunked(body: bytes, size: int) -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x;x=y\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def raw_deflate(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(body) + stream.flush()


def read_archive(path: Path, range_bytes: int = 1 << 30, max_body_bytes: int = 1 << 20) -> list[Fetched | Damaged]:
    """All ranges of an archive, one after another."""
    return [item for part in ranges(str(path), range_bytes) for item in read_range(str(path), part, max_body_bytes)]
