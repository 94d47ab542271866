"""The body of an HTTP message as its sender meant it: chunks joined, compression undone, within a bound.

Archives are careless here: many keep the headers of the wire beside a body that was decoded already (Common Crawl does), some cut bodies
off. So a coding that the body does not have is taken as undone, and what can be had of a damaged body is had.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import brotli
from backports import zstd

_STEP = 1 << 20
_FED = 64 << 10
_ZSTD = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True)
class Body:
    """`is_whole` is false where chunks or a compressed stream end before their end, or `limit` bytes are reached."""

    content: bytes
    is_whole: bool


def decoded(body: bytes, transfer_encoding: str, content_encoding: str, limit: int) -> Body:
    """Undoes the codings of the two headers (empty where there is none), from the outermost in. At most `limit` bytes come out."""
    found = Body(body, True)
    if "chunked" in transfer_encoding.lower():
        found = unchunked(body)
    for name in reversed([part.strip().lower() for part in content_encoding.split(",") if part.strip()]):
        if name in _CODINGS:
            inner = _CODINGS[name](found.content, limit)
            found = Body(inner.content, found.is_whole and inner.is_whole)
    if len(found.content) > limit:
        return Body(found.content[:limit], False)
    return found


def unchunked(body: bytes) -> Body:
    """The chunks of a body, joined (RFC 9112, 7.1). A body that does not start with the length of a chunk is returned as it is."""
    parts: list[bytes] = []
    start = 0
    while True:
        end = body.find(b"\n", start, start + 1024)
        size = _chunk_size(body[start:end]) if end >= 0 else None
        if size is None:
            return Body(b"".join(parts), False) if parts else Body(body, True)
        if size == 0:
            return Body(b"".join(parts), True)
        chunk = body[end + 1 : end + 1 + size]
        parts.append(chunk)
        if len(chunk) < size:
            return Body(b"".join(parts), False)
        start = end + 1 + size
        start += 2 if body[start : start + 2] == b"\r\n" else 1


def _chunk_size(line: bytes) -> int | None:
    digits = line.partition(b";")[0].strip()
    if not digits or len(digits) > 15 or not all(byte in b"0123456789abcdefABCDEF" for byte in digits):
        return None
    return int(digits, 16)


def _inflated(body: bytes, limit: int) -> Body:
    """gzip (several members too), zlib or bare deflate: the three things that are sent as `gzip` and `deflate`."""
    if body[:2] == b"\x1f\x8b":
        return _streamed(body, limit, partial(zlib.decompressobj, 31))
    for bits in (15, -15):
        try:
            zlib.decompressobj(bits).decompress(body[:4096], 64)
        except zlib.error:
            continue
        return _streamed(body, limit, partial(zlib.decompressobj, bits))
    return Body(body, True)


def _streamed(body: bytes, limit: int, start: Callable[[], Any]) -> Body:
    """One stream, and for gzip all that follow it. Fed in steps: what is left over is copied once a step and not once a member."""
    parts: list[bytes] = []
    size = place = 0
    view, stream = memoryview(body), start()
    try:
        while place < len(body) and size < limit:
            fed = view[place : place + _FED]
            place += len(fed)
            part = stream.decompress(fed, limit - size)
            while True:
                parts.append(part)
                size += len(part)
                if stream.eof or not stream.unconsumed_tail or size >= limit:
                    break
                part = stream.decompress(stream.unconsumed_tail, limit - size)
            if stream.eof:
                place -= len(stream.unused_data)
                while body[place : place + 1] == b"\0":
                    place += 1
                if body[place : place + 2] != b"\x1f\x8b":
                    break
                stream = start()
        return Body(b"".join(parts), size < limit and stream.eof)
    except zlib.error:
        return Body(b"".join(parts), False) if size else Body(body, True)


def _unbrotlied(body: bytes, limit: int) -> Body:
    """The library gives nothing of a stream that something follows, so a line end of the archive's is tried without."""
    found = _brotli(body, limit)
    found = _brotli(body[:-2], limit) if not found.content and body.endswith(b"\r\n") else found
    return found if found.content else Body(body, True)


def _brotli(body: bytes, limit: int) -> Body:
    stream = brotli.Decompressor()
    parts: list[bytes] = []
    size = 0
    try:
        part = stream.process(body, output_buffer_limit=_STEP)
        while part and size < limit:
            parts.append(part)
            size += len(part)
            part = b"" if stream.can_accept_more_data() else stream.process(b"", output_buffer_limit=_STEP)
    except brotli.error:
        return Body(b"".join(parts), False)
    return Body(b"".join(parts), stream.is_finished())


def _unzstd(body: bytes, limit: int) -> Body:
    """All frames, one after the other."""
    parts: list[bytes] = []
    size, rest = 0, body
    try:
        while rest[:4] == _ZSTD and size < limit:
            stream = zstd.ZstdDecompressor()
            part = stream.decompress(rest, _STEP)
            while True:
                parts.append(part)
                size += len(part)
                if stream.eof or stream.needs_input or size >= limit:
                    break
                part = stream.decompress(b"", _STEP)
            if not stream.eof:
                return Body(b"".join(parts), False)
            rest = stream.unused_data
    except zstd.ZstdError:
        return Body(b"".join(parts), False) if size else Body(body, True)
    return Body(b"".join(parts), size < limit) if parts else Body(body, True)


_CODINGS: dict[str, Callable[[bytes, int], Body]] = {
    "gzip": _inflated,
    "x-gzip": _inflated,
    "deflate": _inflated,
    "br": _unbrotlied,
    "zstd": _unzstd,
}
