"""Unpacks compressed bytes in bounded pieces, and says how a stream broke.

Nothing here trusts a size that a file states about itself: what comes out is counted, and compared with what went in.
"""

import bz2
import lzma
import sys
import zlib
from collections.abc import Iterator
from typing import IO, Protocol

from jobs.sources.limits import bomb_detail

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE_BYTES = 1 << 20
_INPUT_BYTES = 1 << 16  # what is lost before the place where a stream is corrupt: decoders drop what they made in the failing call
_XZ_MEMORY_BYTES = 256 << 20  # `xz -9` needs 65 MiB; a header can ask for gigabytes

COMPRESSIONS = {"gz": b"\x1f\x8b", "bz2": b"BZh", "xz": b"\xfd7zXZ\0", "zst": b"\x28\xb5\x2f\xfd"}  # by the first bytes
UNPACK_ERRORS = (zlib.error, lzma.LZMAError, zstd.ZstdError, OSError, ValueError)


class BrokenStream(Exception):
    """The rest cannot be read; `reason` is one of `REASONS`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Decompressor(Protocol):
    """As `bz2` and `lzma` have it: at most `max_length` bytes a call, the rest on later calls with no input."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class Zlib:
    """zlib with the interface of the others. `wbits` as in zlib: 31 for gzip, -15 for bare deflate."""

    def __init__(self, wbits: int) -> None:
        self._inner = zlib.decompressobj(wbits)
        self._full = False

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._full and not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        out = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        self._full = len(out) == max_length  # zlib may hold more output although it has taken all input
        return out


def new_decompressor(compression: str) -> Decompressor:
    if compression == "gz":
        return Zlib(31)
    if compression == "bz2":
        return bz2.BZ2Decompressor()
    if compression == "xz":
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES)
    return zstd.ZstdDecompressor()


def compression_of(head: bytes) -> str | None:
    return next((name for name, magic in COMPRESSIONS.items() if head.startswith(magic)), None)


def unpacked(file: IO[bytes], compression: str | None) -> Iterator[bytes]:
    """The file's bytes in pieces of at most `PIECE_BYTES`. Several streams behind each other are one, and what follows them is ignored,
    as gzip does. Raises `BrokenStream`."""
    if compression is None:
        yield from iter(lambda: file.read(PIECE_BYTES), b"")
        return
    total, data = 0, file.read(_INPUT_BYTES)
    while data.startswith(COMPRESSIONS[compression]):
        decompressor = new_decompressor(compression)
        while not decompressor.eof:
            try:
                piece = decompressor.decompress(data, PIECE_BYTES)
            except UNPACK_ERRORS as error:
                raise BrokenStream("corrupt", f"{compression} stream breaks after {total} bytes: {error}") from error
            total += len(piece)
            if detail := bomb_detail(total, file.tell()):
                raise BrokenStream("archive_bomb", detail)
            yield piece
            if decompressor.eof:
                break
            data = file.read(_INPUT_BYTES) if decompressor.needs_input else b""
            if decompressor.needs_input and not data:
                raise BrokenStream("truncated", f"{compression} stream ends after {total} bytes without its end mark")
        data = decompressor.unused_data
        if len(data) < _INPUT_BYTES:
            data += file.read(_INPUT_BYTES)


class ByteStream:
    """Pieces of bytes as one stream that only goes forward."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._piece = b""
        self._at = 0
        self.position = 0

    def take(self, count: int) -> bytes:
        """Exactly `count` bytes, or `BrokenStream` where there are fewer. The caller bounds `count`."""
        parts = list(self._parts(count))
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def skip(self, count: int) -> None:
        for _ in self._parts(count):
            pass

    def _parts(self, count: int) -> Iterator[bytes]:
        while count:
            if self._at == len(self._piece):
                piece = next(self._pieces, None)
                if piece is None:
                    raise BrokenStream("truncated", f"ends after {self.position} bytes; {count} more were announced")
                self._piece, self._at = piece, 0
            part = self._piece[self._at : self._at + count]
            self._at += len(part)
            self.position += len(part)
            count -= len(part)
            yield part
