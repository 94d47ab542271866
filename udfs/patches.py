"""Patches as git writes them, without lines of context: what they are made of, and names for what they change."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

VERSION = 1
_SPACE = re.compile(rb"\s+")
_PUNCTUATION = re.compile(rb"[\s,;()\[\]{}\"'`\\]+")
# Where a line's indentation means something.
_INDENTED = re.compile(rb"(?:\.(?:pyi?|pyx|ya?ml|coffee|haml|pug|sass|nim|hs|fsx?|elm|rst|md|mk)|[Mm]akefile|[Ss][Cc]ons\w*)\"?$")


@dataclass(slots=True)
class Hunk:
    """Lines that one place loses and gets, without their marks, in order. Lines are counted from 1, as git does.

    `is_end_cut`: whether the last line of each side has no line feed, which only the last line of a file can have.
    """

    old_start: int
    removed: list[bytes] = field(default_factory=list)
    added: list[bytes] = field(default_factory=list)
    is_end_cut: list[bool] = field(default_factory=lambda: [False, False])


@dataclass(slots=True)
class FilePatch:
    """`head` is git's, from `diff --git` to `+++`."""

    head: list[bytes]
    hunks: list[Hunk] = field(default_factory=list)

    @property
    def names(self) -> bytes:
        """The line that names both sides."""
        return self.head[0]


def file_patches(patch: bytes) -> Iterator[FilePatch]:
    """A line of a hunk begins with `+`, `-` or `\\`, so a head is known by its first word even inside a diff of diffs."""
    found: FilePatch | None = None
    hunk: Hunk | None = None
    for line in patch.split(b"\n"):
        mark = line[:1] if hunk else b""  # before the first hunk there are `---` and `+++`
        if hunk and mark == b"+":
            hunk.added.append(line[1:])
        elif hunk and mark == b"-":
            hunk.removed.append(line[1:])
        elif hunk and mark == b"\\":  # of the side that came last
            hunk.is_end_cut[1 if hunk.added else 0] = True
        elif line.startswith(b"diff --git "):
            if found:
                yield found
            found, hunk = FilePatch([line]), None
        elif found and line.startswith(b"@@ "):
            hunk = Hunk(int(line.split(b" ")[1][1:].split(b",")[0]))
            found.hunks.append(hunk)
        elif found and not hunk:
            found.head.append(line)
    if found:
        yield found


def changes_only_space(files: Sequence[FilePatch]) -> bool:
    """Whether every place that loses or gets lines has, white space aside, the same text there.

    Where a line's indentation means something (by the path's ending), it is kept, and with it the lines.
    """
    places = [(one, hunk) for one in files for hunk in one.hunks]
    return bool(places) and all(_without_space(one, hunk.removed) == _without_space(one, hunk.added) for one, hunk in places)


def may_be_formatting(files: Sequence[FilePatch]) -> bool:
    """Whether the patch takes and gives the same characters in any order, but for white space, commas, semicolons, brackets and quotes.

    A cheap question before files are parsed: a formatter moves and wraps text, and adds or removes these.
    """
    return bool(files) and all(one.hunks and _letters(one, "removed") == _letters(one, "added") for one in files)


def _letters(one: FilePatch, side: str) -> Counter[int]:
    return Counter(_PUNCTUATION.sub(b"", b"".join(line for hunk in one.hunks for line in getattr(hunk, side))))


def _without_space(one: FilePatch, lines: list[bytes]) -> bytes:
    if not _INDENTED.search(one.names):
        return _SPACE.sub(b"", b"".join(lines))
    parts = ((line[: len(line) - len(line.lstrip())], _SPACE.sub(b"", line)) for line in lines)
    return b"\n".join(indent + text for indent, text in parts if text)


def identity(files: Sequence[FilePatch]) -> str | None:
    """A name that survives rebasing: of the paths and of what is lost and got there, white space aside, and not of places or blobs.

    32 hex digits; None for a patch without a line, whose files git calls binary or only moved. As `git patch-id` has it, but over lines of
    each side by themselves, so that the cutting of a change into hunks does not matter.
    """
    names = sorted(_name(one) for one in files if one.hunks)
    if not names:
        return None
    digest = hashlib.sha256()
    for name in names:
        digest.update(name)
    return digest.hexdigest()[:32]


def _name(one: FilePatch) -> bytes:
    sides = ([line for hunk in one.hunks for line in hunk.removed], [line for hunk in one.hunks for line in hunk.added])
    digests = (hashlib.sha256(_SPACE.sub(b"", b"\n".join(lines))).digest() for lines in sides)
    return hashlib.sha256(one.names + b"\0" + b"".join(digests)).digest()
