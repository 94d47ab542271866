"""Reads the members of a tar, forward only and in bounded memory.

Not the standard library's reader: that one takes a broken header in the middle for the end of the archive, without a word, and reads
an extended header of any size into memory. Forms read: v7, ustar, GNU long names, pax. Sparse files are recognised and skipped.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from jobs.sources.unpacking import BrokenStream, ByteStream

_BLOCK = 512
_OCTAL = re.compile(rb"[0-7]+")
_MAX_HEADER_BYTES = 1 << 20  # of an extended header: names and attributes
_REGULAR = (b"0", b"\0", b"7")
_EXTENDED = (b"x", b"g", b"L", b"K")
_KINDS = {b"1": "link", b"2": "link", b"3": "special", b"4": "special", b"5": "folder", b"6": "special"}


class Member(NamedTuple):
    """`kind` is file, link, special, folder or unsupported. `raw` is None where the member is no file or is larger than the limit."""

    path: bytes
    kind: str
    size: int
    raw: bytes | None
    target: bytes


def tar_members(stream: ByteStream, max_content_bytes: int) -> Iterator[Member]:
    """Raises `BrokenStream` where the archive is truncated or corrupt, after all that came before it."""
    extended: dict[bytes, bytes] = {}
    while any(header := _header(stream)):
        kind, size = header[156:157], _number(header[124:136], stream)
        if kind in _EXTENDED and size > _MAX_HEADER_BYTES:
            raise BrokenStream("corrupt", f"an extended header of {size} bytes before byte {stream.position}")
        if kind in _EXTENDED:
            data = _data(stream, size)
            if kind == b"x":
                extended.update(_pax_records(data, stream))
            elif kind != b"g":
                extended[b"path" if kind == b"L" else b"linkpath"] = data.rstrip(b"\0")
            continue
        yield _member(stream, header, kind, size, extended, max_content_bytes)
        extended = {}


def _member(
    stream: ByteStream, header: bytes, kind: bytes, size: int, extended: dict[bytes, bytes], max_content_bytes: int
) -> Member:  # fmt: skip
    path = extended.get(b"path") or _path(header)
    target = extended.get(b"linkpath") or _text(header[157:257])
    if b"size" in extended:
        size = _decimal(extended[b"size"], stream)
    if kind == b"S":
        _skip_sparse_map(stream, header)
    is_sparse = kind == b"S" or any(key.startswith(b"GNU.sparse.") for key in extended)
    if kind in _KINDS:
        return Member(path, _KINDS[kind], 0, None, target)
    if kind in _REGULAR and path.endswith(b"/"):  # v7 has no type for folders
        return Member(path, "folder", 0, None, target)
    if kind not in _REGULAR or is_sparse or size > max_content_bytes:
        stream.skip(size + -size % _BLOCK)
        is_file = kind in _REGULAR and not is_sparse
        return Member(path, "file" if is_file else "unsupported", size, None, b"sparse" if is_sparse else b"type " + kind)
    return Member(path, "file", size, _data(stream, size), target)


def _header(stream: ByteStream) -> bytes:
    try:
        header = stream.take(_BLOCK)
    except BrokenStream as error:
        if error.reason == "truncated" and stream.position % _BLOCK == 0:
            raise BrokenStream("truncated", f"ends after {stream.position} bytes without its end mark") from None
        raise
    if any(header) and _number(header[148:156], stream) != sum(header) - sum(header[148:156]) + 8 * ord(" "):
        raise BrokenStream("corrupt", f"no tar header before byte {stream.position}: its checksum does not fit")
    return header


def _data(stream: ByteStream, size: int) -> bytes:
    data = stream.take(size)
    stream.skip(-size % _BLOCK)
    return data


def _number(field: bytes, stream: ByteStream) -> int:
    """Octal digits, or a binary number where the first bit is set (GNU)."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = _text(field).strip() or b"0"
    if not _OCTAL.fullmatch(digits):
        raise BrokenStream("corrupt", f"no tar header before byte {stream.position}: {field!r} is no number")
    return int(digits, 8)


def _decimal(digits: bytes, stream: ByteStream) -> int:
    if not digits.isdigit() or len(digits) > 20:
        raise BrokenStream("corrupt", f"{digits[:40]!r} is no size, before byte {stream.position}")
    return int(digits)


def _path(header: bytes) -> bytes:
    prefix = _text(header[345:500]) if header[257:263] == b"ustar\0" else b""
    name = _text(header[:100])
    return prefix + b"/" + name if prefix else name


def _text(field: bytes) -> bytes:
    return field.split(b"\0", 1)[0]


def _pax_records(data: bytes, stream: ByteStream) -> dict[bytes, bytes]:
    """Records `<length> <key>=<value>\\n`, where the length counts all of it."""
    records = {}
    while data.strip(b"\0"):
        digits, _, _ = data.partition(b" ")
        length = _decimal(digits, stream)
        record = data[len(digits) + 1 : length]
        key, equals, value = record[:-1].partition(b"=")
        if not equals or not record.endswith(b"\n") or length > len(data):
            raise BrokenStream("corrupt", f"a pax header before byte {stream.position} holds a record that is none")
        records[key] = value
        data = data[length:]
    return records


def _skip_sparse_map(stream: ByteStream, header: bytes) -> None:
    """GNU's old sparse form: the map goes on in blocks of its own while a byte says so."""
    goes_on = header[482]
    while goes_on:
        goes_on = stream.take(_BLOCK)[504]
