"""Patches as git writes them, without lines of context: what they are made of, and names for what they change."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

VERSION = 1
_SPACE = re.compile(rb"\s+")
_INDENTED = re.compile(rb"(?:\.(?:pyi?|pyx|ya?ml|coffee|haml|pug|sass|nim|hs|fsx?|elm|rst|md|mk)|[Mm]akefile|[Ss][Cc]ons\w*)\"?$")


@dataclass(frozen=True, slots=True)
class FilePatch:
    """Lines that one file loses and gets, without their marks, in order; `head` is git's, from `diff --git` to `+++`."""

    head: bytes
    removed: tuple[bytes, ...]
    added: tuple[bytes, ...]


def file_patches(patch: bytes) -> Iterator[FilePatch]:
    """A line of a hunk begins with `+`, `-`, `\\` or a space, so a head is known by its first word even inside a diff of diffs."""
    head: list[bytes] = []
    removed: list[bytes] = []
    added: list[bytes] = []
    is_in_hunk = False
    for line in patch.split(b"\n"):
        if line.startswith(b"diff --git "):
            if head:
                yield FilePatch(b"\n".join(head), tuple(removed), tuple(added))
            head, removed, added, is_in_hunk = [line], [], [], False
        elif line.startswith(b"@@ "):
            is_in_hunk = True
        elif not is_in_hunk:
            if head:
                head.append(line)
        elif line.startswith(b"-"):
            removed.append(line[1:])
        elif line.startswith(b"+"):
            added.append(line[1:])
    if head:
        yield FilePatch(b"\n".join(head), tuple(removed), tuple(added))


def changes_only_space(patch: bytes) -> bool:
    """Whether every file that loses or gets lines has, white space aside, the same text in them.

    Where a line's indentation means something (by the path's ending), it is kept, and with it the lines.
    """
    files = [one for one in file_patches(patch) if one.removed or one.added]
    return bool(files) and all(_without_space(one, one.removed) == _without_space(one, one.added) for one in files)


def _without_space(one: FilePatch, lines: tuple[bytes, ...]) -> bytes:
    if not _INDENTED.search(one.head.partition(b"\n")[0]):
        return _SPACE.sub(b"", b"".join(lines))
    parts = ((line[: len(line) - len(line.lstrip())], _SPACE.sub(b"", line)) for line in lines)
    return b"\n".join(indent + text for indent, text in parts if text)


def identity(patch: bytes) -> str | None:
    """A name that survives rebasing: of the paths and of what is lost and got there, white space aside, and not of places or blobs.

    32 hex digits; None for a patch without a line, whose files git calls binary or only moved. As `git patch-id` has it, but over lines of
    each side by themselves, so that the cutting of a change into hunks does not matter.
    """
    files = list(file_patches(patch))
    if not any(one.removed or one.added for one in files):
        return None
    digest = hashlib.sha256()
    for name in sorted(_name(one) for one in files):
        digest.update(name)
    return digest.hexdigest()[:32]


def _name(one: FilePatch) -> bytes:
    paths = one.head.partition(b"\n")[0]
    sides = (hashlib.sha256(_SPACE.sub(b"", b"\n".join(lines))).digest() for lines in (one.removed, one.added))
    return hashlib.sha256(paths + b"\0" + b"".join(sides)).digest()
