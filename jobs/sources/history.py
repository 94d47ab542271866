"""Reads the commits of a history: who, when, why, and which paths changed how.

git prints, in a repository of ours that a bundle was unpacked into (see `bundles`). A commit is compared with its first parent. One
`git log` serves a whole range of commits; where an object is corrupt or missing git ends, the commit that it ended at gets a flaw, and
git is started again after it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import NamedTuple

from jobs.sources.git import seconds_of, split
from jobs.sources.paths import path_text
from jobs.sources.quarantine import Quarantine

MAX_CHANGES = 10_000  # of a commit that are listed; `change_count` has them all
MAX_MESSAGE_BYTES = 1 << 20
FLAWS = {
    "unreadable": "an object of it is corrupt or missing",
    "many_changes": f"more than {MAX_CHANGES:,} paths, of which that many are listed",
    "long_message": f"a message of more than {MAX_MESSAGE_BYTES:,} bytes, cut there",
}
_FIELDS = ("%H", "%P", "%at", "%ct", "%an", "%ae", "%B")
# git compares no file that is larger: two of 50 MB took 0.9 GB and seconds. As `max_content_bytes`.
LOG = ("-c", f"core.bigFileThreshold={16 << 20}", "log", "--no-walk=unsorted", "--stdin")
DIFF = (
    "--diff-merges=first-parent", "--root", "--no-abbrev", "--find-renames", "--find-copies", "--no-ext-diff", "--no-textconv",
    "--no-color", "--no-show-signature", "--no-notes", "--no-decorate",
)  # fmt: skip
_HASH = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_NO_BLOB = "0" * 40
_STATUSES = {"A": "added", "M": "modified", "D": "deleted", "R": "renamed", "C": "copied", "T": "type"}


class Change(NamedTuple):
    """A path of a commit. status: added, modified, deleted, renamed, copied, mode (nothing else changed) or type.

    Blobs are None where there is none on that side; lines are None where git sees a binary file, or one over 16 MiB.
    """

    status: str
    path: str
    old_path: str | None
    old_mode: str
    new_mode: str
    old_blob: str | None
    new_blob: str | None
    added_lines: int | None = None
    deleted_lines: int | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """Times are seconds since 1970, None where git cannot read them. `flaw` is one of FLAWS, or None."""

    id: str
    parents: tuple[str, ...] = ()
    author_time: int | None = None
    committer_time: int | None = None
    author_name: str = ""
    author_email: str = ""
    message: str = ""
    changes: tuple[Change, ...] = ()
    change_count: int = 0
    flaw: str | None = None


@dataclass
class _Raw:
    """A commit while its tokens come."""

    head: list[bytes]
    changes: list[tuple[bytes, bytes | None, bytes]] = field(default_factory=list)  # head, old path, path
    change_count: int = 0
    lines: list[tuple[int | None, int | None]] = field(default_factory=list)


def read_commits(repository: Quarantine, ids: list[str]) -> Iterator[Commit]:
    """The commits of these ids, in their order, one each."""
    while ids:
        read = 0
        for commit in _read(repository, ids):
            yield commit
            read += 1
        if read < len(ids):  # what came last may be whole or not; alone it is known
            yield next(_read(repository, [ids[read]]), Commit(ids[read], flaw="unreadable"))
            read += 1
        ids = ids[read:]


def _read(repository: Quarantine, ids: list[str]) -> Iterator[Commit]:
    """Those that git prints before it ends, or before it comes to one whose objects are broken."""
    given = "".join(f"{one}\n" for one in ids).encode()
    layout = "--format=" + "%x00".join(_FIELDS)
    with repository.stream(*LOG, "-z", "--raw", "--numstat", layout, *DIFF, stdin=given) as process:
        held: _Raw | None = None
        tokens = split(process, b"\0")
        for token in tokens:
            if _HASH.fullmatch(token):
                if held:
                    yield _commit(held)
                held = _Raw([token, *(next(tokens, b"") for _ in range(len(_FIELDS) - 1))])
            elif held and token.lstrip(b"\n").startswith(b":"):
                _note_change(held, token.lstrip(b"\n"), tokens)
            elif held and b"\t" in token:
                _note_lines(held, token, tokens)
        if held and not process.wait():
            yield _commit(held)


def _note_change(held: _Raw, head: bytes, tokens: Iterator[bytes]) -> None:
    """`:<old mode> <new mode> <old blob> <new blob> <status>`, then the path, or the old one and the new one."""
    old = next(tokens, b"") if head.rpartition(b" ")[2][:1] in (b"R", b"C") else None
    path = next(tokens, b"")
    held.change_count += 1
    if held.change_count <= MAX_CHANGES:
        held.changes.append((head, old, path))


def _note_lines(held: _Raw, token: bytes, tokens: Iterator[bytes]) -> None:
    """`<added> TAB <deleted> TAB <path>`, `-` for binary; a rename has no path there and two after it. In the order of the changes."""
    added, deleted, path = token.split(b"\t", 2)
    if not path:
        next(tokens, b""), next(tokens, b"")
    held.lines.append((int(added), int(deleted)) if added != b"-" else (None, None))


def _commit(held: _Raw) -> Commit:
    commit_id, parents, author_time, committer_time, name, email, message = held.head
    lines = chain(held.lines, repeat((None, None)))  # none of them where git compares nothing
    changes = tuple(_change(*change, *counts) for change, counts in zip(held.changes, lines, strict=False))
    flaw = "many_changes" if held.change_count > MAX_CHANGES else "long_message" if len(message) > MAX_MESSAGE_BYTES else None
    return Commit(
        commit_id.decode(), tuple(parents.decode().split()), seconds_of(author_time), seconds_of(committer_time), _text(name), _text(email),
        _text(message[:MAX_MESSAGE_BYTES]).rstrip("\n"), changes, held.change_count, flaw,
    )  # fmt: skip


def _change(head: bytes, old: bytes | None, path: bytes, added: int | None, deleted: int | None) -> Change:
    old_mode, new_mode, old_blob, new_blob, status = head[1:].decode().split(" ")
    name = "mode" if status[0] == "M" and old_blob == new_blob else _STATUSES.get(status[0], status)
    before, after = (None if blob.startswith(_NO_BLOB) else blob for blob in (old_blob, new_blob))
    old_path = None if old is None else path_text(old)
    return Change(name, path_text(path), old_path, old_mode, new_mode, before, after, added, deleted)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace").replace("\0", "")
