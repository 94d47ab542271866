"""The directories of a snapshot, carried along a history: a path that comes or goes costs its depth, a listing what it shows."""

import heapq
import posixpath
from collections.abc import Iterator, Sequence

from udfs.edits import lines_of

FILES_A_DIRECTORY = (60, 20, 5, 0)
MOST_DEPTH = 40  # of directories that are shown with what is in them
NOTE_BYTES = 40  # of the line that says how much is left out


class Directories:
    """Paths by directory. `""` is the root."""

    def __init__(self) -> None:
        self._files: dict[str, set[str]] = {}
        self._readmes: dict[str, set[str]] = {}
        self._below: dict[str, dict[str, int]] = {}  # directories in a directory, with how many files are somewhere below

    def add(self, path: str) -> None:
        """A path that is not there yet."""
        folder, name = posixpath.split(path)
        self._files.setdefault(folder, set()).add(name)
        if is_readme(name):
            self._readmes.setdefault(folder, set()).add(name)
        self._count(folder, 1)

    def remove(self, path: str) -> None:
        """A path that is there."""
        folder, name = posixpath.split(path)
        for names in (self._files, self._readmes):
            if name in names.get(folder, ()):
                names[folder].remove(name)
                if not names[folder]:
                    del names[folder]
        self._count(folder, -1)

    def _count(self, folder: str, change: int) -> None:
        while folder:
            folder, name = posixpath.split(folder)
            inside = self._below.setdefault(folder, {})
            inside[name] = inside.get(name, 0) + change
            if not inside[name]:
                del inside[name]
            if not inside:
                del self._below[folder]

    def readme(self, changed: Sequence[str]) -> str | None:
        """The README nearest above the changed paths: of their common directory, else of the ones above it, the root's last."""
        folder = posixpath.commonpath([posixpath.dirname(path) for path in changed]) if changed else ""
        while folder and folder not in self._readmes:
            folder = posixpath.dirname(folder)
        found = self._readmes.get(folder)
        return posixpath.join(folder, min(found)) if found else None

    def text(self, changed: Sequence[str], most_bytes: int) -> tuple[str, bool]:
        """Directories around the changed paths with their files, others with their number; and whether it had to be cut to `most_bytes`."""
        focus = {""}
        for path in changed:
            while path := posixpath.dirname(path):
                focus.add(path)
        text = ""
        for most_files in FILES_A_DIRECTORY:
            text = "".join(self._lines("", focus, most_files, 0))
            if len(text.encode()) <= most_bytes:
                return text, most_files != FILES_A_DIRECTORY[0] and bool(text)
        return cut_to(text, most_bytes), True

    def _lines(self, folder: str, focus: set[str], most_files: int, depth: int) -> Iterator[str]:
        indent = "  " * depth
        for name, count in sorted(self._below.get(folder, {}).items()):
            path = f"{folder}/{name}" if folder else name
            if path in focus and depth < MOST_DEPTH:
                yield f"{indent}{name}/\n"
                yield from self._lines(path, focus, most_files, depth + 1)
            else:
                yield f"{indent}{name}/ ({count} {'file' if count == 1 else 'files'})\n"
        names = self._files.get(folder, set())
        yield from (f"{indent}{name}\n" for name in heapq.nsmallest(most_files, names))
        if len(names) > most_files:
            yield f"{indent}... {len(names) - most_files} more files\n"


def is_readme(name: str) -> bool:
    return name[:6].lower() == "readme" and name.lower().split(".")[0] == "readme"


def cut_to(text: str, most_bytes: int) -> str:
    """Whole lines from the beginning, and a last one that says how many are left out."""
    size, kept = 0, 0
    head = lines_of(text[: max(0, most_bytes)])  # a character has a byte or more
    for line in head:
        size += len(line.encode())
        if size > most_bytes - NOTE_BYTES:
            break
        kept += 1
    count = text.count("\n") + (not text.endswith("\n") and bool(text))
    return "".join([*head[:kept], f"... {count - kept} more lines\n"])
