"""Real files as sources hold them: those of the installed Python, and forks of them."""

import hashlib
import os
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

LARGEST_BYTES = 16_000


@dataclass(frozen=True)
class SourceFile:
    """A file as a source holds it."""

    repository: str
    path: str
    data: bytes


def standard_library(limit: int) -> list[SourceFile]:
    """The first `limit` files by hash of the installed Python's library and headers, binary ones among them."""
    roots = {"stdlib": sysconfig.get_path("stdlib"), "include": sysconfig.get_path("include")}
    found = []
    for kind, root in roots.items():
        for path in _files_under(Path(root)):
            inside = path.relative_to(root)
            found.append((f"folder:{inside.parts[0] if len(inside.parts) > 1 else kind}", inside.as_posix(), path))
    found.sort(key=lambda one: hashlib.sha256(one[1].encode()).digest())
    return [SourceFile(repository, name, path.read_bytes()) for repository, name, path in found[:limit]]


def with_fork(files: Sequence[SourceFile]) -> list[SourceFile]:
    """The files, and of every third Python file of some length one to three copies in other repositories, each with other lines gone."""
    long = [file for file in files if file.path.endswith(".py") and len(file.data.splitlines()) > 40]
    forks = []
    for place, file in enumerate(long[::3]):
        for copy in range(place % 3 + 1):
            lines = file.data.splitlines(keepends=True)
            gone = len(lines) * ((place + 3 * copy) % 8) // 24 + 1
            lines[20 : 20 + gone] = [b"forked = %d\n" % copy]
            forks.append(SourceFile(f"folder:fork-{copy}", f"fork/{file.path}", b"".join(lines)))
    return [*files, *forks]


def _files_under(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in ("site-packages", "__pycache__")]
        for path in (Path(folder, name) for name in names):
            if path.is_file() and path.stat().st_size < LARGEST_BYTES:
                yield path
