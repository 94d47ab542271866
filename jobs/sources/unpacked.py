"""What the members of a gzip file, or the frames of a zstd file, hold, as one file that can be read again from a place before.

A reader of archives goes back to where a record of a wrong length should have ended, and on from there. Places are counted in what was
unpacked; `member_at` tells where in the file they are from.
"""

import contextlib
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from backports import zstd

GZIP, ZSTD = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"
ZSTD_DICTIONARY = b"\x5d\x2a\x4d\x18"  # a skippable frame: https://iipc.github.io/warc-specifications/specifications/warc-zstd/
_TRAINED = b"\x37\xa4\x30\xec"  # what a dictionary with tables begins with
_FED = 1 << 16  # as fastwarc reads: over S3 each is a request
_STEP = 1 << 18
_BEHIND = 1 << 20
_MOST_DICTIONARY_BYTES = 16 << 20  # those of crawls have a tenth of it; a frame of 33 KB may claim, and unpack to, gigabytes
_MOST_HEAD_BYTES = (1 << 17) + (1 << 12)  # zstd gives nothing before the end of a block
_AHEAD = 64  # more than what follows a record in its member, so that the member's checksum is asked before the record's last byte is given


class Unpackers:
    """Of a gzip or zstd file, with the dictionary that it begins with, where it does."""

    def __init__(self, file: Any) -> None:
        file.seek(0)
        head = file.read(8)
        self.mark = GZIP if head.startswith(GZIP) else ZSTD
        self._dictionary = _dictionary(file, int.from_bytes(head[4:], "little")) if head.startswith(ZSTD_DICTIONARY) else None

    def new(self) -> Any:
        return zlib.decompressobj(31) if self.mark == GZIP else zstd.ZstdDecompressor(self._dictionary)

    def beginning(self, file: Any, size: int) -> bytes:
        """The first bytes of what is packed from the file's place on; none where that cannot be told."""
        stream, fed, found = self.new(), 0, b""
        with contextlib.suppress(zlib.error, zstd.ZstdError):
            while not found and not stream.eof and fed < _MOST_HEAD_BYTES:
                block = bytes(file.read(_MOST_HEAD_BYTES if fed else 1 << 12))
                if not block:
                    break
                fed += len(block)
                found = bytes(stream.decompress(block, size))
        return found


def _dictionary(file: Any, size_bytes: int) -> zstd.ZstdDict | None:
    """None for a broken one, or one too large: no frame that needs it can be read, which is said of each."""
    if size_bytes > _MOST_DICTIONARY_BYTES:
        return None
    content, unpacker = file.read(size_bytes), zstd.ZstdDecompressor()
    with contextlib.suppress(zstd.ZstdError, ValueError):
        if content.startswith(ZSTD):
            content = unpacker.decompress(content, _MOST_DICTIONARY_BYTES)
            if not unpacker.eof:
                return None
        return zstd.ZstdDict(content, is_raw=not content.startswith(_TRAINED))
    return None


class BrokenMemberError(ValueError):
    """Raised where a member cannot be unpacked; `start` is where it begins in the file."""

    def __init__(self, start: int, detail: str) -> None:
        super().__init__(detail)
        self.start = start


class Unpacked:
    """A file of what `file` holds from the member at `start` on.

    `window_bytes` are held from the place that `keep` was told of; what lies before is unpacked again where it is asked for, from the
    member of that place on. `is_salvaged`: what a broken member holds before its fault is told is given too, although its checksum was
    never asked: what is at fault may lie far before, and be altered. `cut_member` is where the member begins
    that the file ends in, once it was read that far.
    """

    def __init__(self, file: Any, unpackers: Unpackers, start: int, window_bytes: int, is_salvaged: bool) -> None:
        self._file, self._unpackers, self._window_bytes, self._is_salvaged = file, unpackers, window_bytes, is_salvaged
        self._position = self._held_start = self._kept = 0
        self._held = bytearray()
        self.go_on(start)

    def go_on(self, start: int) -> int:
        """Leaves what was not read, and goes on at the member that begins at this place of the file. Returns where its bytes are found."""
        self._first = self._kept_member = (self._held_start + len(self._held), start)
        self.cut_member: int | None = None
        self._rewind(self._first)
        return self._first[0]

    def member_at(self, place: int) -> int:
        return self._member_of(place)[1]

    def is_start(self, place: int) -> bool:
        """Whether a member begins here; asked of a place that was just read."""
        return self._member_of(place)[0] == place

    def _member_of(self, place: int) -> tuple[int, int]:
        return self._members[max(0, bisect_right(self._members, (place, 1 << 62)) - 1)]

    def keep(self, place: int) -> None:
        self._kept, self._kept_member = place, self._member_of(place)

    def seek(self, place: int) -> int:
        self._position = place
        return place

    def tell(self) -> int:
        return self._position

    def read(self, count: int) -> bytes:
        """Raises `BrokenMemberError`, once the reader is at the place where nothing more can be had."""
        if self._position < self._held_start:
            self._rewind(self._kept_member if self._kept_member[0] <= self._position else self._first)
        while self._held_start + len(self._held) < self._position + count + _AHEAD:
            try:
                if not self._unpack():
                    break
            except BrokenMemberError:
                if self._held_start + len(self._held) <= self._position:
                    raise
                break
            self._drop()
        start = self._position - self._held_start
        found = bytes(self._held[start : start + count])
        self._position += len(found)
        return found

    def _rewind(self, member: tuple[int, int]) -> None:
        self._held_start, self._fed_bytes = member
        self._held = bytearray()
        self._members = [member]
        self._stream: Any = None
        self._block = b""
        self._fault: BrokenMemberError | None = None
        self._file.seek(self._fed_bytes)

    def _unpack(self) -> bool:
        """Takes a little more from the file; False at its end."""
        if self._fault:
            raise self._fault
        is_full = self._stream is not None and not getattr(self._stream, "needs_input", True)
        block = self._block or (b"" if is_full else self._next_block())
        if not block and not is_full:
            self.cut_member = self._members[-1][1] if self._stream is not None else None
            return False
        if self._stream is None:
            self._members.append((self._held_start + len(self._held), self._fed_bytes - len(block)))
            self._stream = self._unpackers.new()
        before = self._stream.copy() if self._is_salvaged and hasattr(self._stream, "copy") else None
        try:
            self._held += self._stream.decompress(block, _STEP)
        except (zlib.error, zstd.ZstdError) as error:
            begin, member = self._members[-1]
            self._fault = BrokenMemberError(member, str(error))
            if before:
                self._held += b"".join(until_fault(before, block))
            elif not self._is_salvaged:
                del self._held[max(begin, self._position) - self._held_start :]
            return True
        if self._stream.eof:
            self._block, self._stream = self._stream.unused_data, None
        else:
            self._block = getattr(self._stream, "unconsumed_tail", b"")
        return True

    def _next_block(self) -> bytes:
        self._file.seek(self._fed_bytes)
        block = bytes(self._file.read(_FED))
        self._fed_bytes += len(block)
        return block

    def _drop(self) -> None:
        """What lies far behind, and before what is kept."""
        needed = min(self._position - _BEHIND, max(self._kept, self._position - self._window_bytes), self._held_start + len(self._held))
        if needed - self._held_start > _BEHIND:
            del self._held[: needed - self._held_start]
            self._held_start = needed
            del self._members[: bisect_right(self._members, (needed, 1 << 62)) - 1]


def until_fault(unpacker: Any, block: bytes) -> Iterator[bytes]:
    """What zlib gives of a block before it tells that it is broken: the fault itself may lie far before."""
    with contextlib.suppress(zlib.error):
        for place in range(len(block)):
            yield unpacker.decompress(block[place : place + 1])
