"""Paths inside a source: bytes as they were found, text as they are kept, and what no path may be."""

import hashlib
import re

MAX_PATH_BYTES = 4096  # PATH_MAX of Linux; archives, trees and tables can hold longer ones

_DRIVE = re.compile(rb"[A-Za-z]:[/\\]")
_ODD = re.compile(r"(?:^|/)(?:\.?|\.git)(?:/|$)|(?:^|[/\\])\.\.(?:[/\\]|$)|^[a-z]:[/\\]|\0", re.I)


def path_text(raw: bytes) -> str:
    """A path as it is kept: bytes that are not UTF-8 become \\xNN, so two paths can become one text (see `PathTexts`)."""
    return raw.decode("utf-8", "backslashreplace")


def is_unsafe(raw: bytes) -> bool:
    """Whether a path out of an archive or a tree leads outside its folder, on this system or on Windows, or cannot be a file's."""
    return (
        raw.startswith((b"/", b"\\"))
        or b"\0" in raw
        or bool(_DRIVE.match(raw))
        or (b".." in raw and b".." in raw.replace(b"\\", b"/").split(b"/"))
    )


def is_odd(path: str) -> bool:
    """Whether a path of a git tree, as text, leads outside its folder, or is one that git would not check out. Nobody's git writes it."""
    return len(path) > MAX_PATH_BYTES or bool(_ODD.search(path))


def tidy(raw: bytes) -> bytes:
    """The path without `.` and empty parts: tar writes `./a`. Only for paths that are not unsafe."""
    if b"//" not in raw and not raw.startswith(b"./") and b"/." not in raw:
        return raw
    return b"/".join(part for part in raw.split(b"/") if part not in (b"", b"."))


def short_locator(text: str) -> str:
    """A locator for a path that is too long: its beginning and its hash, so that two of them stay two."""
    return f"{text[:200]}...{hashlib.sha256(text.encode()).hexdigest()[:16]}"


class PathTexts:
    """Texts of paths that were seen in a repository, to tell the second of two that are equal.

    With `is_unique=True` the caller knows that the bytes differ. Then two texts can only be equal where both hold a backslash, and
    only those are remembered.
    """

    def __init__(self, is_unique: bool = False) -> None:
        self._is_unique = is_unique
        self._seen: set[str] = set()

    def add(self, text: str) -> str | None:
        """None where the text is new; else a locator that no other path of this repository has had: `path#2`, `path#3`, ..."""
        if self._is_unique and "\\" not in text:
            return None
        locator, count = text, 1
        while locator in self._seen:
            count += 1
            locator = f"{text}#{count}"
        self._seen.add(locator)
        return None if count == 1 else locator
