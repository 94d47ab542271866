"""Reads the commits of a history that ingest keeps as a bundle: what each changed, and its patch.

git unpacks the bundle into a repository of ours (see `quarantine`) and prints; nothing is checked out, run or fetched. A commit is
compared with its first parent. One `git log` serves a whole range of commits; where an object is corrupt or missing git ends, the commit
that it ended at gets a flaw, and git is started again after it.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from jobs.sources.git import split
from jobs.sources.paths import path_text
from jobs.sources.quarantine import GitError, Quarantine
from jobs.sources.refs import RefReader
from jobs.sources.source import SourceError

MAX_CHANGES = 10_000  # of a commit that are listed; `change_count` has them all
MAX_MESSAGE_BYTES = 1 << 20
READ_BYTES = 1 << 20
FLAWS = {
    "unreadable": "an object of it is corrupt or missing",
    "many_changes": f"more than {MAX_CHANGES:,} paths, of which that many are listed",
    "long_message": f"a message of more than {MAX_MESSAGE_BYTES:,} bytes, cut there",
}
_FIELDS = ("%H", "%P", "%at", "%ct", "%an", "%ae", "%B")
_DIFF = (
    "--diff-merges=first-parent", "--root", "--no-abbrev", "--find-renames", "--no-ext-diff", "--no-textconv", "--no-color",
    "--no-show-signature", "--no-notes", "--no-decorate",
)  # fmt: skip
_HEAD_BYTES = 100  # the line before a patch is no longer
_HASH = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_NO_BLOB = re.compile(r"0+")


@dataclass(frozen=True, slots=True)
class Change:
    """A path of a commit. status: added, modified, deleted, renamed, copied, mode (nothing else changed) or type.

    Blobs are None where there is none on that side; lines are None where git sees a binary file.
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
    changes: list[Change] = field(default_factory=list)
    change_count: int = 0
    lines: list[tuple[int | None, int | None]] = field(default_factory=list)


@contextmanager
def open_bundle(bundle: Path) -> Iterator[Quarantine]:
    """A repository of ours that holds what the bundle does. Raises `SourceError` where it cannot be unpacked."""
    folder = Path(tempfile.mkdtemp(prefix="codemill-history-"))
    try:
        is_sha1 = object_format(bundle) == "sha1"
        extension = "" if is_sha1 else "[extensions]\n\tobjectformat = sha256\n"
        (folder / "config").write_text(f"[core]\n\trepositoryformatversion = {0 if is_sha1 else 1}\n\tbare = true\n{extension}")
        (folder / "HEAD").write_text("ref: refs/heads/none\n")
        (folder / "refs").mkdir()
        (folder / "objects" / "pack").mkdir(parents=True)
        found = Quarantine(folder, RefReader(folder, folder), "sha1" if is_sha1 else "sha256", False, False)
        try:
            found.run("bundle", "unbundle", str(bundle.absolute()))
        except GitError as error:
            raise SourceError(f"{bundle.name} cannot be unpacked: {error}. Expected the bundle that ingest wrote.") from error
        yield found
    except OSError as error:
        raise SourceError(f"{bundle.name} cannot be read: {error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def object_format(bundle: Path) -> str:
    """sha1 or sha256, as the bundle's head says."""
    with bundle.open("rb") as file:
        for line in iter(file.readline, b"\n"):
            if line.startswith(b"@object-format="):
                return line.partition(b"=")[2].strip().decode()
            if not line:
                break
    return "sha1"


def commit_ids(repository: Quarantine, tip: str, since: str | None = None) -> Iterator[str]:
    """Ids of the commits that `tip` reaches and `since` does not, oldest first, parents before children."""
    beyond = [f"^{since}"] if since else []
    with repository.stream("rev-list", "--reverse", "--topo-order", tip, *beyond) as process:
        yield from (line.decode() for line in split(process, b"\n"))
        if process.wait():
            raise SourceError(f"the history of {tip} cannot be listed: {repository.said()}. Expected all its commits.")


def is_ancestor(repository: Quarantine, old: str, new: str) -> bool:
    """Whether `new` goes on from `old`; False too where `old` is not there."""
    try:
        repository.run("merge-base", "--is-ancestor", old, new)
        return True
    except GitError:
        return False


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
    with repository.stream("log", "--no-walk=unsorted", "--stdin", "-z", "--raw", "--numstat", layout, *_DIFF, stdin=given) as process:
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
    old_mode, new_mode, old_blob, new_blob, status = head[1:].decode().split(" ")
    old = next(tokens, b"") if status[0] in "RC" else None
    path = next(tokens, b"")
    held.change_count += 1
    if held.change_count > MAX_CHANGES:
        return
    names = {"A": "added", "M": "modified", "D": "deleted", "R": "renamed", "C": "copied", "T": "type"}
    name = "mode" if status[0] == "M" and old_blob == new_blob else names.get(status[0], status)
    before, after = (None if _NO_BLOB.fullmatch(blob) else blob for blob in (old_blob, new_blob))
    old_path = None if old is None else path_text(old)
    held.changes.append(Change(name, path_text(path), old_path, old_mode, new_mode, before, after))


def _note_lines(held: _Raw, token: bytes, tokens: Iterator[bytes]) -> None:
    """`<added> TAB <deleted> TAB <path>`, `-` for binary; a rename has no path there and two after it. In the order of the changes."""
    added, deleted, path = token.split(b"\t", 2)
    if not path:
        next(tokens, b""), next(tokens, b"")
    held.lines.append((int(added), int(deleted)) if added != b"-" else (None, None))


def _commit(held: _Raw) -> Commit:
    commit_id, parents, author_time, committer_time, name, email, message = held.head
    changes = [
        replace(change, added_lines=added, deleted_lines=deleted)
        for change, (added, deleted) in zip(held.changes, held.lines, strict=False)
    ] or held.changes
    flaw = "many_changes" if held.change_count > MAX_CHANGES else "long_message" if len(message) > MAX_MESSAGE_BYTES else None
    return Commit(
        commit_id.decode(), tuple(parents.decode().split()), _seconds(author_time), _seconds(committer_time), _text(name), _text(email),
        _text(message[:MAX_MESSAGE_BYTES]).rstrip("\n"), tuple(changes), held.change_count, flaw,
    )  # fmt: skip


def _seconds(text: bytes) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace").replace("\0", "")


def read_patches(repository: Quarantine, ids: list[str], most_bytes: int) -> Iterator[tuple[str, bytes | None]]:
    """(id, patch without context lines) in the order of `ids`; None where git cannot make it or it is longer than `most_bytes`."""
    left = list(ids)
    while left:
        read = 0
        for found in _patches(repository, left, most_bytes):
            yield found
            read += 1
        if read < len(left):
            yield next(_patches(repository, [left[read]], most_bytes), (left[read], None))
            read += 1
        left = left[read:]


def _patches(repository: Quarantine, ids: list[str], most_bytes: int) -> Iterator[tuple[str, bytes | None]]:
    """A line of NUL, the id and NUL stands before each patch: no line of a patch begins with NUL."""
    given = "".join(f"{one}\n" for one in ids).encode()
    layout = ("--format=%x00%H%x00", "--patch", "--unified=0", "--full-index", "--binary")
    with repository.stream("log", "--no-walk=unsorted", "--stdin", *layout[:-1], *_DIFF, stdin=given) as process:
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


def _patch(held: list[bytes], size: int, most_bytes: int) -> tuple[str, bytes | None]:
    commit, _, patch = b"".join(held).partition(b"\0")
    return commit.decode(), patch[1:] if size - len(commit) - 1 <= most_bytes else None
