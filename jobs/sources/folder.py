"""Reads a folder of files.

Symbolic links are never followed, pipes, sockets and devices never opened. Whatever is called `.git` is skipped as a whole and is no
entry: it is git's, and the git reader reads it. Names are bytes; see `paths.path_text` for how they become text.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator

from jobs.sources.paths import MAX_PATH_BYTES, PathTexts, path_text, short_locator
from jobs.sources.source import Entry, Reject, Source, SourceError, Unit
from jobs.sources.units import cut_units, records_of

READER_VERSION = 1

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_REASONS = {
    errno.ENOENT: "missing",
    errno.ENOTDIR: "missing",
    errno.ELOOP: "symlink",
    errno.ENAMETOOLONG: "path_too_long",
    errno.ENXIO: "special_file",
}


def state(source: Source) -> str:
    """Hash over names, types, sizes and times of all that lies there. Status change times too: programs can set the others back."""
    root = os.fsencode(source.location)
    digest = hashlib.sha256()
    for path, found in _walk(source):
        digest.update(path + b"\0")
        try:
            if found:
                raise found
            status = os.lstat(root + b"/" + path)
        except OSError as error:
            digest.update(b"%d\0" % (error.errno or 0))
            continue
        digest.update(b"%d %d %d %d %d\0" % (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino))
    return digest.hexdigest()


def list_units(source: Source, budget_bytes: int, max_content_bytes: int) -> Iterator[Unit | Reject]:
    return cut_units(source, _listing(source, max_content_bytes), budget_bytes)


def read_unit(unit: Unit, max_content_bytes: int) -> Iterator[Entry | Reject]:
    root = os.fsencode(unit.source.location) + b"/"
    repository = unit.source.repository
    for path in records_of(unit):
        yield _read(root + path, repository, path_text(path), max_content_bytes)


def _listing(source: Source, max_content_bytes: int) -> Iterator[tuple[bytes, int] | Reject]:
    root = os.fsencode(source.location) + b"/"
    texts = PathTexts(is_unique=True)
    for path, found in _walk(source):
        text = path_text(path)
        locator = texts.add(text)
        try:
            if found:
                raise found
            status = os.lstat(root + path)
        except OSError as error:
            yield _refused(source.repository, locator or text, error)
            continue
        if locator:
            yield Reject(source.repository, locator, "duplicate_path", f"another name is written {text!r} too", status.st_size)
        elif reject := _not_a_file(source.repository, text, status, max_content_bytes, root + path):
            yield reject
        else:
            yield path, status.st_size


def _walk(source: Source) -> Iterator[tuple[bytes, OSError | None]]:
    """Paths of all that is no folder, in the order of their bytes; and paths of folders that cannot be listed, with the error."""
    root = os.fsencode(source.location) + b"/"
    if not os.path.isdir(root):
        raise SourceError(f"{source.location} is no folder (any more). Expected the folder that was named; check the path and run again.")
    pending = [b""]
    while pending:
        path = pending.pop()
        if path and not path.endswith(b"/"):
            yield path, None
            continue
        try:
            names = _names(root + path.rstrip(b"/") if path else root)
        except OSError as error:
            yield path, error
            continue
        pending.extend(path + name for name in names)


def _names(folder: bytes) -> list[bytes]:
    """Names in a folder, those of folders with a `/` at the end, last first. With that `/` the order of names is the order of paths."""
    flags = _FOLDER_FLAGS if not folder.endswith(b"/") else _FOLDER_FLAGS & ~os.O_NOFOLLOW
    descriptor = os.open(folder, flags)
    try:
        with os.scandir(descriptor) as entries:
            names = [
                os.fsencode(entry.name) + (b"/" if entry.is_dir(follow_symlinks=False) else b"")
                for entry in entries
                if entry.name != ".git"
            ]
    finally:
        os.close(descriptor)
    return sorted(names, reverse=True)


def _not_a_file(repository: str, text: str, status: os.stat_result, max_content_bytes: int, full_path: bytes) -> Reject | None:
    if stat.S_ISLNK(status.st_mode):
        return Reject(repository, text, "symlink", f"points to {path_text(_target(full_path))!r}")
    if not stat.S_ISREG(status.st_mode):
        return Reject(repository, text, "special_file", f"file type {stat.filemode(status.st_mode)[0]!r}")
    if len(text.encode()) > MAX_PATH_BYTES:
        return Reject(repository, short_locator(text), "path_too_long", f"{len(text.encode())} bytes", status.st_size)
    if status.st_size > max_content_bytes:
        return Reject(repository, text, "too_large", f"{status.st_size} bytes; the limit is {max_content_bytes}", status.st_size)
    return None


def _target(link: bytes) -> bytes:
    try:
        return os.readlink(link)
    except OSError:
        return b"?"


def _read(full_path: bytes, repository: str, text: str, max_content_bytes: int) -> Entry | Reject:
    try:
        descriptor = os.open(full_path, _FILE_FLAGS)
    except OSError as error:
        return _refused(repository, text, error)
    try:
        before = os.fstat(descriptor)
        if reject := _not_a_file(repository, text, before, max_content_bytes, full_path):
            return reject
        raw = _all_bytes(descriptor, before.st_size, max_content_bytes)
        after = os.fstat(descriptor)
    except OSError as error:
        return _refused(repository, text, error)
    finally:
        os.close(descriptor)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        return Reject(repository, text, "changed", f"from {before.st_size} to {after.st_size} bytes while it was read", after.st_size)
    if len(raw) > max_content_bytes:
        return Reject(repository, text, "too_large", f"more than {max_content_bytes} bytes", None)
    return Entry(repository, text, raw)


def _all_bytes(descriptor: int, expected: int, max_content_bytes: int) -> bytes:
    """Up to `max_content_bytes` + 1 bytes. Almost always one read, which asks for a byte too many; a later one shows in the size."""
    raw = os.read(descriptor, expected + 1)
    while (
        len(raw) != expected
        and len(raw) <= max_content_bytes
        and (more := os.read(descriptor, min(max_content_bytes + 1 - len(raw), 1 << 20)))
    ):
        raw += more
    return raw


def _refused(repository: str, text: str, error: OSError) -> Reject:
    reason = _REASONS.get(error.errno or 0, "unreadable")
    return Reject(repository, short_locator(text) if reason == "path_too_long" else text, reason, error.strerror or str(error))
