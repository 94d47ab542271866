"""From what a user writes to web archives: `--archive` on the command line.

PATH  NAME=PATH         an archive; its name in the lake is the last part of its path, or the name given
s3://BUCKET/KEY         the same, on an object store
FOLDER                  every archive below it
@FILE                   a list of them, one a line, as Common Crawl publishes it (gzip too)
"""

import gzip
import os
from dataclasses import dataclass
from pathlib import Path

import pyarrow.fs

from jobs.sources.source import SourceError, printable
from schemas.lake import filesystem_of, is_remote

SUFFIXES = tuple(f".warc{c}" for c in ("", ".gz", ".zst", ".zstd"))
PREFIX = "warc:"
EXPECTED = "a file or folder of .warc, .warc.gz or .warc.zst, an s3:// address of one, or @FILE with one of these a line"


@dataclass(frozen=True, slots=True)
class Archive:
    """`name` stands in the lake, `address` is where it lies now: an absolute path or an `s3://` address."""

    name: str
    address: str


def parse_archives(texts: tuple[str, ...]) -> list[Archive]:
    """All archives that were named, in order. Raises `SourceError` where nothing lies at a name, or two archives have one."""
    found: dict[str, Archive] = {}
    for text in texts:
        for archive in _archives(text):
            if found.setdefault(archive.name, archive) != archive:
                raise SourceError(
                    f"two archives are both called {archive.name}: {found[archive.name].address} and {archive.address}.\n"
                    "Give one of them a name: --archive NAME=PATH"
                )
    return list(found.values())


def _archives(text: str) -> list[Archive]:
    if text.startswith("@") and not os.path.lexists(text):
        return [archive for line in _lines(text[1:]) for archive in _archives(line)]
    name, rest = "", text
    if "=" in text and not os.path.lexists(text) and not is_remote(text.partition("=")[0]):
        name, _, rest = text.partition("=")
    if is_remote(rest):
        return [_named(name or rest.rpartition("/")[2], rest)]
    path = Path(rest).expanduser().absolute()
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.name.lower().endswith(SUFFIXES) and p.is_file())
        if not files:
            raise SourceError(f"there is no web archive below {rest}. Expected {EXPECTED}.")
        prefix = f"{name}/" if name else ""
        return [_named(prefix + p.relative_to(path).as_posix(), str(p)) for p in files]
    if not rest or not path.exists():
        raise SourceError(f"nothing lies at {rest!r}. Expected {EXPECTED}. Check the path.")
    return [_named(name or path.name, str(path))]


def _named(name: str, address: str) -> Archive:
    return Archive(f"{PREFIX}{printable(name)}", address)


def is_archive(label: str) -> bool:
    """Whether a source's name is that of a web archive."""
    return label.startswith(PREFIX)


def _lines(path: str) -> list[str]:
    """Entries of a list of archives; a relative one is relative to the list."""
    file = Path(path)
    try:
        raw = file.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode()
    except (OSError, EOFError, UnicodeError) as error:
        raise SourceError(f"the list of archives {path} cannot be read: {error}") from error
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [_beside(file.parent, line) for line in lines]


def _beside(folder: Path, line: str) -> str:
    name, equals, path = line.partition("=") if not (folder / line).exists() else ("", "", line)
    if not equals:
        name, path = "", line
    return name + equals + (path if is_remote(path) else str(folder / path))


def fingerprint(archive: Archive) -> str:
    """Changes when the archive does: its size and time. Raises `SourceError` where it is not there."""
    filesystem, path = filesystem_of(archive.address)
    try:
        info = filesystem.get_file_info(path)
    except OSError as error:
        raise SourceError(f"{archive.address} cannot be looked at: {error}") from error
    if info.type != pyarrow.fs.FileType.File:
        raise SourceError(f"{archive.address} is not there. Expected {EXPECTED}.")
    return f"{info.size} {info.mtime_ns}"
