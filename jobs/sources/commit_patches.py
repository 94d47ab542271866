"""Patches of the commits of a history, as git makes them: without lines of context, against the first parent.

One `git log` serves many commits and its output streams. Where an object is corrupt or missing git ends; the commit that it ended at is
tried alone, and git is started again after it.
"""

import os
import subprocess
from collections.abc import Iterator

from jobs.sources.history import DIFF, LOG
from jobs.sources.quarantine import Quarantine

READ_BYTES = 1 << 20
UNREADABLE, TOO_LARGE = "unreadable", "patch_too_large"  # why there is no patch: the first may change, the second is final
_HEAD_BYTES = 100  # the line before a patch is no longer


def read_patches(repository: Quarantine, ids: list[str], most_bytes: int) -> Iterator[tuple[str, bytes | str]]:
    """(id, patch without context lines) in the order of `ids`; in its place UNREADABLE where git cannot make it, TOO_LARGE where it is
    longer than `most_bytes`."""
    left = list(ids)
    while left:
        read = 0
        for found in _patches(repository, left, most_bytes):
            yield found
            read += 1
        if read < len(left):
            yield next(_patches(repository, [left[read]], most_bytes), (left[read], UNREADABLE))
            read += 1
        left = left[read:]


def _patches(repository: Quarantine, ids: list[str], most_bytes: int) -> Iterator[tuple[str, bytes | str]]:
    """A line of NUL, the id and NUL stands before each patch: no line of a patch begins with NUL."""
    given = "".join(f"{one}\n" for one in ids).encode()
    layout = ("--format=%x00%H%x00", "--patch", "--unified=0", "--full-index")
    with repository.stream(*LOG, *layout, *DIFF, stdin=given) as process:
        held: list[bytes] = []  # of the commit that is being read; no more than its head where it is too long
        size = 0
        for is_new, part in _parts(process, b"\n\0"):
            if is_new and held:
                yield _patch(held, size, most_bytes)
            held, size = ([], 0) if is_new else (held, size)
            held.append(part)
            size += len(part)
            if size > most_bytes + _HEAD_BYTES:
                held = [b"".join(held)[:_HEAD_BYTES]]
        if held and not process.wait():
            yield _patch(held, size, most_bytes)


def _parts(process: subprocess.Popen[bytes], separator: bytes) -> Iterator[tuple[bool, bytes]]:
    """What a process prints after the first separator, which may lack its line feed there, READ_BYTES at a time: whether a part begins
    after a separator, and the part. The line feed at the very end is left out."""
    assert process.stdout
    rest = b"\n"
    has_begun = False
    while chunk := os.read(process.stdout.fileno(), READ_BYTES):
        first, *others = (rest + chunk.removesuffix(b"\n")).split(separator)
        rest = b"\n" if chunk.endswith(b"\n") else b""  # a separator may go on in the next
        if has_begun and first:
            yield False, first
        for part in others:
            has_begun = True
            yield True, part


def _patch(held: list[bytes], size: int, most_bytes: int) -> tuple[str, bytes | str]:
    commit, _, patch = b"".join(held).partition(b"\0")
    return commit.decode(), patch[1:] if size - len(commit) - 1 <= most_bytes else TOO_LARGE
