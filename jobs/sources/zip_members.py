"""Lists a zip by its directory, and reads its members one by one from their offsets.

The directory is read once, when the zip is listed; a task gets the offsets that it needs. Methods: stored, deflate, bzip2, zstd.
"""

import bz2
import stat
import struct
import zlib
from collections.abc import Iterator
from typing import IO, NamedTuple

from jobs.sources.unpacking import PIECE_BYTES, UNPACK_ERRORS, BrokenStream, Decompressor, Zlib, new_decompressor
from jobs.sources.zip_directory import DirectoryEntry, directory_entries

METHODS = {0: "stored", 8: "deflate", 12: "bzip2", 93: "zstd"}

_LOCAL_HEADER = struct.Struct("<4s22xHH")


class Member(NamedTuple):
    """`kind` is file, folder, link or special. Sizes are what the directory says; reading checks them."""

    path: bytes
    kind: str
    is_encrypted: bool
    method: int
    offset: int
    packed_size: int
    size: int
    crc: int


def zip_members(file: IO[bytes]) -> Iterator[Member]:
    """Raises `BrokenStream` where there is no directory that can be read, or it breaks off."""
    return map(_member, directory_entries(file))


def _member(entry: DirectoryEntry) -> Member:
    mode = entry.attributes >> 16 if entry.system == 3 else 0  # 3 is Unix; others have no file types
    kind = "folder" if entry.name.endswith(b"/") else "link" if stat.S_ISLNK(mode) else "file"
    if kind == "file" and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        kind = "special"
    is_encrypted = bool(entry.flags & 0x2041)  # 1 encrypted, 0x40 strongly, 0x2000 with its header hidden
    return Member(entry.name, kind, is_encrypted, entry.method, entry.offset, entry.packed_size, entry.size, entry.crc)


def read_member(file: IO[bytes], method: int, offset: int, packed_size: int, size: int, crc: int) -> bytes:
    """Exactly `size` bytes; raises `BrokenStream` where more or fewer come out, or their checksum differs."""
    header = b""
    if 0 <= offset < 1 << 63:
        file.seek(offset)
        header = file.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\3\4"):
        raise BrokenStream("corrupt", f"no member begins at byte {offset}")
    _, name_size, extra_size = _LOCAL_HEADER.unpack(header)
    file.seek(name_size + extra_size, 1)
    raw = file.read(min(packed_size, size + 1)) if method == 0 else _inflate(file, _decompressor(method), packed_size, size)
    if len(raw) != size:
        raise BrokenStream("corrupt", f"{'more than ' * (len(raw) > size)}{min(len(raw), size)} bytes came out; its directory says {size}")
    if zlib.crc32(raw) != crc:
        raise BrokenStream("corrupt", "its checksum does not fit")
    return raw


def _decompressor(method: int) -> Decompressor:
    if method == 8:
        return Zlib(-15)
    return bz2.BZ2Decompressor() if method == 12 else new_decompressor("zst")


def _inflate(file: IO[bytes], decompressor: Decompressor, packed_size: int, size: int) -> bytes:
    """At most `size` + 1 bytes."""
    parts: list[bytes] = []
    while size >= 0 and not decompressor.eof:
        data = file.read(min(packed_size, PIECE_BYTES)) if decompressor.needs_input else b""
        if decompressor.needs_input and not data:
            raise BrokenStream("truncated", "its data end before they should")
        packed_size -= len(data)
        try:
            parts.append(decompressor.decompress(data, min(size + 1, PIECE_BYTES)))
        except UNPACK_ERRORS as error:
            raise BrokenStream("corrupt", str(error)) from error
        size -= len(parts[-1])
    return b"".join(parts)
