"""From what a user writes to web archives: `--archive` on the command line.

PATH  NAME=PATH         an archive; its name in the lake is the last part of its path, or the name given
s3://BUCKET/KEY         the same, on an object store
FOLDER, s3://.../       every archive below it
@FILE                   a list of them, one a line (gzip too); a relative one is relative to the list
@FILE@s3://BUCKET       the same, relative to another place: a list as Common Crawl publishes it (@warc.paths.gz@s3://commoncrawl)
"""

import gzip
import os
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.fs

from jobs.sources.source import SourceError, printable
from schemas.lake import filesystem_of, is_remote

SUFFIXES = tuple(f".warc{c}" for c in ("", ".gz", ".zst", ".zstd"))
PREFIX = "warc:"
EXPECTED = "a file or folder of .warc, .warc.gz or .warc.zst, an s3:// address of one, or @FILE[@FOLDER] with one of these a line"


@dataclass(frozen=True, slots=True)
class Archive:
    """`name` stands in the lake, a user's own where `is_named`; `address` is where it lies: an absolute path or an `s3://` address."""

    name: str
    address: str
    is_named: bool = field(default=False, compare=False)


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
    if "=" in text and not os.path.lexists(text) and "/" not in text.partition("=")[0]:
        name, _, rest = text.partition("=")
    if is_remote(rest) and not rest.lower().endswith(SUFFIXES):
        return [_named(f"{name}/{place}" if name else "", place, address) for place, address in _below(rest)]
    if is_remote(rest):
        return [_named(name, rest.rpartition("/")[2], rest)]
    path = Path(os.path.abspath(Path(rest).expanduser()))
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.name.lower().endswith(SUFFIXES) and p.is_file())
        if not files:
            raise SourceError(f"there is no web archive below {rest}. Expected {EXPECTED}.")
        places = [(p.relative_to(path).as_posix(), p) for p in files]
        return [_named(f"{name}/{place}" if name else "", place, str(p)) for place, p in places]
    if not rest or not path.exists():
        raise SourceError(f"nothing lies at {rest!r}. Expected {EXPECTED}. Check the path.")
    return [_named(name, path.name, str(path))]


def _named(name: str, place: str, address: str) -> Archive:
    return Archive(f"{PREFIX}{printable(name or place)}", address, bool(name))


def is_archive(label: str) -> bool:
    """Whether a source's name is that of a web archive."""
    return label.startswith(PREFIX)


def _below(address: str) -> list[tuple[str, str]]:
    """(place below the address, address) of every archive there."""
    filesystem, root = filesystem_of(address)
    try:
        infos = filesystem.get_file_info(pyarrow.fs.FileSelector(root, recursive=True))
    except OSError as error:
        raise SourceError(f"{address} cannot be listed: {error}. Expected {EXPECTED}.") from error
    names = sorted(info.path for info in infos if info.type == pyarrow.fs.FileType.File and info.path.lower().endswith(SUFFIXES))
    if not names:
        raise SourceError(f"there is no web archive below {address}. Expected {EXPECTED}.")
    places = [name.removeprefix(root.rstrip("/")).lstrip("/") for name in names]
    return [(place, f"{address.rstrip('/')}/{place}") for place in places]


def _lines(text: str) -> list[str]:
    """Entries of a list of archives; a relative one is relative to the place behind a second `@`, or to the list."""
    path, _, base = text.partition("@") if not os.path.lexists(text) else (text, "", "")
    file = Path(path)
    try:
        raw = file.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeError) as error:
        raise SourceError(f"the list of archives {path} cannot be read: {error}") from error
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    if not lines:
        raise SourceError(f"the list of archives {path} names none. Expected {EXPECTED}.")
    return [_beside(base or str(file.parent), line) for line in lines]


def _beside(folder: str, line: str) -> str:
    """A line of a list, with the place that it is relative to. An `=` behind a `/` belongs to the path: `crawl/year=2020/a.warc.gz`."""
    name, equals, path = line.partition("=") if is_remote(folder) or not os.path.exists(os.path.join(folder, line)) else ("", "", line)
    if not equals or "/" in name:
        name, equals, path = "", "", line
    if is_remote(folder) and not is_remote(path):
        return f"{name}{equals}{folder.rstrip('/')}/{path.lstrip('/')}"
    return name + equals + (path if is_remote(path) else os.path.join(folder, path))


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
