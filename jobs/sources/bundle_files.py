"""A bundle as a file of the lake: a head of lines, then a pack; beside it the index of that pack."""

import hashlib
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import IO

from jobs.sources.source import SourceError

MAX_LINE = 1 << 16  # of a bundle's head


def index_of(bundle: Path) -> Path:
    return bundle.with_suffix(".idx")


def head_of(hash_name: str, commit: str, branch: str) -> bytes:
    """Of a bundle with one branch, by git's gitformat-bundle."""
    version = "# v2 git bundle\n" if hash_name == "sha1" else f"# v3 git bundle\n@object-format={hash_name}\n"
    return f"{version}{commit} {branch}\n\n".encode()


def object_format(bundle: Path) -> str:
    """sha1 or sha256, as the bundle's head says. Raises `SourceError` where there is no such file."""
    try:
        with bundle.open("rb") as file:
            for line in _head(file):
                if line.startswith(b"@object-format="):
                    return "sha1" if line.partition(b"=")[2].strip() == b"sha1" else "sha256"
    except OSError as error:
        raise SourceError(f"{bundle.name} cannot be read: {error}") from error
    return "sha1"


def _head(bundle: IO[bytes]) -> Iterator[bytes]:
    """The lines before the pack. What is no bundle may have no end of a line."""
    while (line := bundle.readline(MAX_LINE)) not in (b"", b"\n"):
        yield line


def pack_hash(bundle: Path, hash_name: str, target: Path | None = None) -> bytes | None:
    """The hash at the end of a bundle's pack; None where it is not that of what stands before it. Copies the pack to `target`."""
    size = hashlib.new(hash_name).digest_size
    with bundle.open("rb") as source, target.open("wb") if target else nullcontext() as copy:
        for _ in _head(source):
            pass
        found, held = hashlib.new(hash_name), b""
        while block := source.read(1 << 20):
            if copy:
                copy.write(block)
            held += block
            found.update(held[:-size])
            held = held[-size:]
    return held if held and found.digest() == held else None
