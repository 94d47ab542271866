"""The files of one commit after another: what differs between their trees, and the texts of blobs, from git's own object database."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from jobs.sources.git import split
from jobs.sources.paths import path_text
from jobs.sources.quarantine import Quarantine
from jobs.sources.source import SourceError

EMPTY_TREES = {
    "sha1": "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "sha256": "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}


class TreeChange(NamedTuple):
    """A path whose blob or mode differs; both are empty where it is gone. `old_blob` is empty where it was not there."""

    path: str
    mode: str
    blob: str
    old_blob: str


def trees_of(repository: Quarantine, ids: Sequence[str]) -> list[str | None]:
    """The tree of each commit; None where it is not there or cannot be read."""
    found: list[str | None] = []
    while len(found) < len(ids):
        left = ids[len(found) :]
        given = "".join(f"{one}^{{tree}}\n" for one in left).encode()
        with repository.stream("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=given) as process:
            answers = [line.decode().split(" ") for line in split(process, b"\n") if line][: len(left)]
        found += [answer[0] if answer[1:] == ["tree"] else None for answer in answers]
        if len(answers) < len(left):  # git ended at this one
            found.append(None)
    return found


def tree_changes(repository: Quarantine, steps: Sequence[tuple[str, str]]) -> Iterator[list[TreeChange]]:
    """What changes from one tree to another, for each pair. Raises `SourceError` where a tree cannot be read; what came before it holds."""
    given = "".join(f"{old} {new}\n" for old, new in steps if old != new).encode()
    with repository.stream("diff-tree", "--stdin", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", stdin=given) as process:
        tokens = _tokens(process)
        token = next(tokens, b"")
        for place, (old, new) in enumerate(steps):
            changes: list[TreeChange] = []
            if old != new:
                if token != f"{old} {new}".encode():
                    raise SourceError(f"trees {old} and {new} cannot be compared: {repository.said()}")
                while (token := next(tokens, b"")).startswith(b":"):
                    _, mode, old_blob, blob, status = token[1:].decode().split(" ")
                    path, old_blob = path_text(next(tokens, b"")), "" if status == "A" else old_blob
                    changes.append(TreeChange(path, "", "", old_blob) if status == "D" else TreeChange(path, mode, blob, old_blob))
                # Where git has ended, this step is whole only if it was the last.
                if not token and (any(one != other for one, other in steps[place + 1 :]) or process.wait()):
                    raise SourceError(f"trees {old} and {new} cannot be compared: {repository.said()}")
            yield changes


def _tokens(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """A step begins with its two trees and a line feed, which no path can be mistaken for: a path follows a token that begins with `:`."""
    is_path = False
    for token in split(process, b"\0"):
        if is_path:
            yield token
            is_path = False
            continue
        head, line_feed, rest = token.partition(b"\n")
        if line_feed:
            yield head
            token = rest
        yield token
        is_path = True


class Blobs:
    """Answers of `git cat-file --batch`. A corrupt object ends git; it is then none, and git is started again."""

    def __init__(self, repository: Quarantine) -> None:
        self._repository = repository
        self._running = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        self._running.close()
        self._process = None

    def read(self, blob: str, most_bytes: int) -> bytes | None:
        """None where it is not there, is no blob, cannot be read, or is larger."""
        try:
            return self._answer(blob, most_bytes)
        except (EOFError, BrokenPipeError):
            self.close()
            return None

    def _answer(self, blob: str, most_bytes: int) -> bytes | None:
        if self._process is None:
            self._process = self._running.enter_context(self._repository.conversation("cat-file", "--batch"))
        asked, said = self._process.stdin, self._process.stdout
        assert asked and said
        asked.write(blob.encode() + b"\n")
        asked.flush()
        line = said.readline()
        if not line:
            raise EOFError
        head = line.split()
        if len(head) != 3 or not head[2].isdigit():  # `<what was asked> missing`, which may hold spaces
            return None
        size = int(head[2])
        is_wanted = head[1] == b"blob" and size <= most_bytes
        raw, left = b"", size + 1  # a line feed stands behind
        while left:
            part = said.read(left if is_wanted else min(left, 1 << 20))
            if not part:
                raise EOFError
            raw += part if is_wanted else b""
            left -= len(part)
        return raw[:-1] if is_wanted else None


@contextmanager
def open_blobs(repository: Quarantine) -> Iterator[Blobs]:
    blobs = Blobs(repository)
    try:
        yield blobs
    finally:
        blobs.close()
