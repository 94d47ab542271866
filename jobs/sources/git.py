"""Reads the snapshot of a commit from a git repository's object database, without checking it out.

git lists and unpacks; it runs on a borrowed repository (see `quarantine`), never in the source. One `cat-file` process serves a whole
unit, and blobs come in the order of their paths, which is close to their order in a pack.
"""

import hashlib
import os
import subprocess
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import IO, NamedTuple

from jobs.sources.limits import bomb_detail
from jobs.sources.paths import MAX_PATH_BYTES, PathTexts, is_unsafe, path_text, short_locator
from jobs.sources.quarantine import Quarantine, open_quarantine
from jobs.sources.source import Entry, Facts, Reject, Source, Unit
from jobs.sources.units import cut_units, records_of

READER_VERSION = 1

_SECONDS_A_DAY = 86_400


def state(source: Source) -> str:
    with open_quarantine(source.location) as repository:
        return f"{repository.resolve(source.location, source.ref)} {'shallow' if repository.is_shallow else ''}"


def facts(source: Source) -> Facts:
    """Given facts, with the commit id, and with commits and days between the first and the last committer time where history is whole."""
    with open_quarantine(source.location) as repository:
        commit = repository.resolve(source.location, source.ref)
        given = replace(source.facts, commit=commit)
        if repository.is_shallow:
            return given
        count, first, last = 0, None, None
        with repository.stream("log", "--format=%ct", commit, "--") as process:
            for line in split(process, b"\n"):
                count += 1
                seconds = seconds_of(line)
                if seconds is None:
                    continue
                first = seconds if first is None else min(first, seconds)
                last = seconds if last is None else max(last, seconds)
            is_whole = process.wait() == 0
    if not is_whole or first is None or last is None:
        return given
    return replace(given, commits=count, maintained_days=(last - first) // _SECONDS_A_DAY)


def seconds_of(text: bytes) -> int | None:
    """A time as git prints it; None where a commit has none that git can read, or one that 64 bits do not hold."""
    return int(text) if text.isdigit() and int(text) < 1 << 63 else None


def list_units(source: Source, budget_bytes: int, max_content_bytes: int) -> Iterator[Unit | Reject]:
    return cut_units(source, _listing(source, max_content_bytes), budget_bytes)


def read_unit(unit: Unit, max_content_bytes: int) -> Iterator[Entry | Reject]:
    """A corrupt object ends git. It is tried once more alone, rejected, and git is started again after it."""
    blobs = [_Blob(*record.split(b" ", 2)) for record in records_of(unit)]
    with open_quarantine(unit.source.location) as repository:
        while blobs:
            read = yield from _read_blobs(repository, unit.source.repository, blobs, max_content_bytes)
            blobs = blobs[read:]
            if not blobs:
                break
            first = blobs.pop(0)
            if not (yield from _read_blobs(repository, unit.source.repository, [first], max_content_bytes)):
                yield Reject(unit.source.repository, first.path.decode(), "corrupt", repository.said(), int(first.size))


class _Blob(NamedTuple):
    """A record of a unit: id in hex, size in bytes, path as text in UTF-8."""

    id: bytes
    size: bytes
    path: bytes


def _listing(source: Source, max_content_bytes: int) -> Iterator[tuple[bytes, int] | Reject]:
    with open_quarantine(source.location) as repository:
        commit = repository.resolve(source.location, source.ref)
        packed_bytes = repository.size_bytes()
        texts = PathTexts(is_unique=True)
        last, total, count = b"", 0, 0
        with repository.stream("ls-tree", "-r", "-z", "-l", "--full-tree", commit) as process:
            for line in split(process, b"\0"):
                head, _, path = line.partition(b"\t")
                item = _listed(source.repository, head.split(), path, path > last, texts, max_content_bytes)
                yield item
                last = max(last, path)
                count += 1
                if not isinstance(item, Reject):
                    total += item[1]
                if detail := bomb_detail(total, packed_bytes, count):
                    yield Reject(source.repository, "", "archive_bomb", detail)
                    return
            if process.wait():
                yield Reject(source.repository, "", "corrupt", f"the listing of {commit} ended after {count} entries: {repository.said()}")


def _listed(
    name: str, head: list[bytes], path: bytes, is_in_order: bool, texts: PathTexts, max_content_bytes: int
) -> tuple[bytes, int] | Reject:
    """One line of `ls-tree -l`: mode, type, id and size (`-` for a submodule, BAD where the object has no readable header)."""
    mode, _, blob_id, size = head
    text = path_text(path)
    if len(path) > MAX_PATH_BYTES:
        return Reject(name, short_locator(text), "path_too_long", f"{len(path)} bytes")
    if locator := texts.add(text):
        return Reject(name, locator, "duplicate_path", f"another path is written {text!r} too")
    if not is_in_order:
        return Reject(name, f"{text}#{blob_id.decode()}", "duplicate_path", "its tree is not in git's order, or names it twice")
    if is_unsafe(path):
        return Reject(name, text, "unsafe_path", "leads outside the repository")
    if mode == b"120000":
        return Reject(name, text, "symlink", f"blob {blob_id.decode()} holds its target")
    if mode == b"160000":
        return Reject(name, text, "submodule", f"commit {blob_id.decode()} of another repository")
    if not size.isdigit():
        return Reject(name, text, "missing", f"blob {blob_id.decode()} is not in the object database, or its header cannot be read")
    if int(size) > max_content_bytes:
        return Reject(name, text, "too_large", f"{size.decode()} bytes; the limit is {max_content_bytes}", int(size))
    return b"%b %b %b" % (blob_id, size, text.encode()), int(size)


def split(process: subprocess.Popen[bytes], separator: bytes) -> Iterator[bytes]:
    """What a process prints, cut at separators, read a megabyte at a time."""
    assert process.stdout
    rest = b""
    while chunk := os.read(process.stdout.fileno(), 1 << 20):
        *lines, rest = (rest + chunk).split(separator)
        yield from lines


def _read_blobs(repository: Quarantine, name: str, blobs: list[_Blob], max_content_bytes: int) -> Generator[Entry | Reject, None, int]:
    """Entries and rejects of `blobs` in their order, until git ends; returns how many came out."""
    ids = b"".join(blob.id + b"\n" for blob in blobs)
    with repository.stream("cat-file", "--batch", "--buffer", stdin=ids) as process:
        assert process.stdout
        for count, blob in enumerate(blobs):
            item = _read_blob(process.stdout, name, blob, repository.hash_name, max_content_bytes)
            if item is None:
                return count
            yield item
    return len(blobs)


def _read_blob(stream: IO[bytes], name: str, blob: _Blob, hash_name: str, max_content_bytes: int) -> Entry | Reject | None:
    """The next answer of `cat-file --batch`: `<id> <type> <size>`, the bytes, a line feed; or `<id> missing`. None at a broken end.

    git does not compare the bytes with their id, so this does.
    """
    head = stream.readline()
    path = blob.path.decode()
    if head.endswith(b" missing\n"):
        return Reject(name, path, "missing", f"blob {blob.id.decode()} is not in the object database", int(blob.size))
    if not head.endswith(b"\n"):
        return None
    _, kind, size = head.split()
    if kind != b"blob" or int(size) > max_content_bytes:
        skipped = int(size) + 1
        while skipped and (chunk := stream.read(min(skipped, 1 << 20))):
            skipped -= len(chunk)
        detail = f"object {blob.id.decode()} is a {kind.decode()} of {int(size)} bytes, listed as a blob of {int(blob.size)}"
        return Reject(name, path, "corrupt", detail)
    raw = stream.read(int(size))
    if len(raw) < int(size) or stream.read(1) != b"\n":
        return None
    found = hashlib.new(hash_name, b"blob %d\0" % len(raw))
    found.update(raw)
    if found.hexdigest() != blob.id.decode():
        return Reject(name, path, "corrupt", f"object {blob.id.decode()} holds the bytes of {found.hexdigest()}", len(raw))
    return Entry(name, path, raw, blob.id.decode())
