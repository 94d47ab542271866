"""Reads an archive: tar (plain, gz, bz2, xz, zst) or zip (wheels, eggs and jars are zips). Nothing is ever written to disk.

A tar can only be read from its beginning, so it is one unit. A zip has a directory and is cut like a folder. A folder that all names
have in common (`name-1.2/`) stays part of the paths. Archives inside archives are files like others.
"""

from collections.abc import Iterator
from typing import IO

from jobs.sources.limits import MAX_ENTRIES, bomb_detail
from jobs.sources.local_file import file_size, file_state, open_file
from jobs.sources.paths import MAX_PATH_BYTES, PathTexts, is_unsafe, path_text, short_locator, tidy
from jobs.sources.source import Entry, Reject, Source, Unit
from jobs.sources.tar_members import tar_members
from jobs.sources.units import cut_units, records_of
from jobs.sources.unpacking import BrokenStream, ByteStream, compression_of, unpacked
from jobs.sources.zip_members import METHODS, Member, read_member, zip_members

READER_VERSION = 1

_ZIP_SUFFIXES = (".zip", ".whl", ".egg", ".jar")
_KIND_REASONS = {"link": "symlink", "special": "special_file", "unsupported": "unsupported"}

state = file_state


def list_units(source: Source, budget_bytes: int, max_content_bytes: int) -> Iterator[Unit | Reject]:
    with open_file(source) as file:
        if _is_zip(source, file):
            yield from cut_units(source, _zip_listing(source, file, max_content_bytes), budget_bytes)
        else:
            yield Unit(source, b"", 0, file_size(file))


def read_unit(unit: Unit, max_content_bytes: int) -> Iterator[Entry | Reject]:
    with open_file(unit.source) as file:
        if unit.payload:
            yield from _read_zip(unit, file)
        else:
            yield from _read_tar(unit.source.repository, file, max_content_bytes)


def _is_zip(source: Source, file: IO[bytes]) -> bool:
    head = file.read(4)
    file.seek(0)
    return head in (b"PK\3\4", b"PK\5\6") or source.location.lower().endswith(_ZIP_SUFFIXES)


def _read_tar(name: str, file: IO[bytes], max_content_bytes: int) -> Iterator[Entry | Reject]:
    compression = compression_of(file.read(8))
    file.seek(0)
    texts, count = PathTexts(), 0
    try:
        for member in tar_members(ByteStream(unpacked(file, compression)), max_content_bytes):
            if member.kind == "folder":
                continue
            count += 1
            if count > MAX_ENTRIES:
                raise BrokenStream("archive_bomb", f"more than {MAX_ENTRIES} entries")
            path = _checked_path(name, member.path, texts)
            if isinstance(path, Reject):
                yield path
            elif reason := _KIND_REASONS.get(member.kind):
                yield Reject(name, path, reason, f"{member.kind}: {path_text(member.target)!r}")
            elif member.raw is None:
                yield _too_large(name, path, member.size, max_content_bytes)
            else:
                yield Entry(name, path, member.raw)
    except BrokenStream as error:
        yield Reject(name, "", error.reason, f"{error.detail}; {count} entries were read before")


def _zip_listing(source: Source, file: IO[bytes], max_content_bytes: int) -> Iterator[tuple[bytes, int] | Reject]:
    name, texts, total, count = source.repository, PathTexts(), 0, 0
    packed_bytes = file_size(file)
    try:
        for member in zip_members(file):
            if member.kind == "folder":
                continue
            item = _zip_listed(name, member, texts, max_content_bytes)
            count += 1
            total += 0 if isinstance(item, Reject) else member.size
            if detail := bomb_detail(total, packed_bytes, count):
                raise BrokenStream("archive_bomb", detail)
            yield item
    except BrokenStream as error:
        yield Reject(name, "", error.reason, f"{error.detail}; {count} entries were listed before")


def _zip_listed(name: str, member: Member, texts: PathTexts, max_content_bytes: int) -> tuple[bytes, int] | Reject:
    path = _checked_path(name, member.path, texts)
    if isinstance(path, Reject):
        return path
    if reason := _KIND_REASONS.get(member.kind):
        return Reject(name, path, reason, f"a {member.kind}, by its mode", member.size)
    if member.is_encrypted:
        return Reject(name, path, "encrypted", "needs a password", member.size)
    if member.method not in METHODS:
        return Reject(name, path, "unsupported", f"compression method {member.method}; read are {', '.join(METHODS.values())}", member.size)
    if member.size > max_content_bytes:
        return _too_large(name, path, member.size, max_content_bytes)
    numbers = (member.method, member.offset, member.packed_size, member.size, member.crc)
    return b"%d %d %d %d %d %b" % (*numbers, path.encode()), member.size


def _read_zip(unit: Unit, file: IO[bytes]) -> Iterator[Entry | Reject]:
    name = unit.source.repository
    for record in records_of(unit):
        *numbers, path = record.split(b" ", 5)
        method, offset, packed_size, size, crc = map(int, numbers)
        try:
            yield Entry(name, path.decode(), read_member(file, method, offset, packed_size, size, crc))
        except BrokenStream as error:
            yield Reject(name, path.decode(), error.reason, error.detail, size)


def _checked_path(name: str, raw: bytes, texts: PathTexts) -> str | Reject:
    is_refused = is_unsafe(raw)
    tidied = raw if is_refused else tidy(raw)
    text = path_text(tidied) or "."
    if len(raw) > MAX_PATH_BYTES:
        text = short_locator(text)
    if locator := texts.add(text):
        return Reject(name, locator, "duplicate_path", f"an entry before it is {text!r} too")
    if len(raw) > MAX_PATH_BYTES:
        return Reject(name, text, "path_too_long", f"{len(raw)} bytes")
    if is_refused or not tidied:
        return Reject(name, text, "unsafe_path", "leads outside the archive, or is no file's name")
    return text


def _too_large(name: str, path: str, size: int, max_content_bytes: int) -> Reject:
    return Reject(name, path, "too_large", f"{size} bytes; the limit is {max_content_bytes}", size)
