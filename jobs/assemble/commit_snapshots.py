"""The snapshot before each of a range's commits, carried from one to the next: paths, directories, and an index of the files' terms.

A range begins with the snapshot before its first commit, read whole: that is its price. What follows costs what differs.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from jobs.sources.commit_patches import read_patches
from jobs.sources.paths import is_odd
from jobs.sources.quarantine import Quarantine
from jobs.sources.snapshots import EMPTY_TREES, Blobs, TreeChange, open_blobs, tree_changes, trees_of
from jobs.sources.source import SourceError
from udfs.bm25 import changed_terms, file_terms
from udfs.bounded_index import BoundedIndex
from udfs.directories import Directories

MAX_FILE_BYTES = 1 << 20  # of a file that takes part, in the index or in a change
MAX_PATCH_BYTES = 16 << 20
MAX_FILES = 500_000  # of a snapshot: what is known of the paths alone takes 0.5 KB each
MAX_ENTRIES = 2_500_000  # of the index, see docs/decisions/0013 for what they take
REMEMBERED_ENTRIES = 1_000_000  # terms of versions of files that are remembered: branches come back to them
REMEMBERED_CHARACTERS = 16 << 20  # of texts: a commit's files are looked at more than once
LINK, MODULE = "120000", "160000"
Key = TypeVar("Key")
Value = TypeVar("Value")


class NoSnapshotError(Exception):
    """A snapshot cannot be held; the message is the reason."""


class Remembered(Generic[Key, Value]):
    """Values of the keys that were asked for last, of no more than `most` size together, the newest aside."""

    def __init__(self, most: int, size_of: Callable[[Value], int]) -> None:
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._most = most
        self._size_of = size_of
        self._size = 0

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        found = self._values[key] = make()
        self._size += self._size_of(found)
        while self._size > self._most and len(self._values) > 1:
            self._size -= self._size_of(self._values.popitem(last=False)[1])
        return found


class Snapshot:
    """The files before a commit. `files` is (mode, blob) by path; `index` has those whose text takes part."""

    def __init__(self, blobs: Blobs, most_entries: int = MAX_ENTRIES) -> None:
        self.files: dict[str, tuple[str, str]] = {}
        self.directories = Directories()
        self._bounded = BoundedIndex(most_entries)
        self.index = self._bounded.index
        self._blobs = blobs
        self._terms: Remembered[tuple[str, str], Counter[str] | None] = Remembered(REMEMBERED_ENTRIES, lambda found: 1 + len(found or ()))
        self._texts: Remembered[str, str | None] = Remembered(REMEMBERED_CHARACTERS, lambda found: 100 + len(found or ""))

    @property
    def is_index_full(self) -> bool:
        """Whether the index has no room for all files."""
        return self._bounded.is_full

    def move(self, changes: Sequence[TreeChange]) -> None:
        """Leaves odd paths out. Raises `NoSnapshotError` where there are too many files, or a path is there twice; the snapshot is then of
        no use."""
        before: dict[str, str] = {}
        gone: list[str] = []
        changed: list[str] = []
        for change in changes:
            if is_odd(change.path):
                continue
            old = self.files.pop(change.path, None)
            if (old[1] if old else "") != change.old_blob:  # two entries of a tree, or two names whose texts are one
                raise NoSnapshotError("duplicate_path")
            if old:
                before[change.path] = old[1]
            if change.blob:
                self.files[change.path] = (change.mode, change.blob)
            if bool(old) != bool(change.blob):
                (self.directories.add if change.blob else self.directories.remove)(change.path)
            (changed if change.blob and change.mode not in (LINK, MODULE) else gone).append(change.path)
            if len(self.files) > MAX_FILES:
                raise NoSnapshotError("too_many_files")
        self._bounded.change(gone, changed, self.files, lambda path: self._terms_of(path, before.get(path)))

    def _terms_of(self, path: str, old: str | None) -> Counter[str] | None:
        """Of a text that takes part; from those of the blob that was there where the index has it."""
        mode, blob = self.files[path]
        return self._terms.get((path, blob), lambda: self._made_terms(path, blob, old)) if mode not in (LINK, MODULE) else None

    def _made_terms(self, path: str, blob: str, old: str | None) -> Counter[str] | None:
        text = self.text_of(blob)
        if text is None:
            return None
        old_text = self.text_of(old) if old and path in self.index else None
        return file_terms(path, text) if old_text is None else changed_terms(self.index.counts(path), old_text, text)

    def text(self, path: str) -> str | None:
        """None where the path is not there, or is no text that takes part."""
        mode, blob = self.files.get(path, ("", ""))
        return self.text_of(blob) if blob and mode != MODULE else None

    def text_of(self, blob: str) -> str | None:
        return self._texts.get(blob, lambda: _decoded(self._blobs.read(blob, MAX_FILE_BYTES)))


def _decoded(raw: bytes | None) -> str | None:
    if raw is None or b"\0" in raw:
        return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


class Walk:
    """Goes over commits, parents first, and stands before each; over some of them, then over the next, as they come."""

    def __init__(self, repository: Quarantine, blobs: Blobs, most_entries: int = MAX_ENTRIES) -> None:
        self._repository = repository
        self._blobs = blobs
        self._most_entries = most_entries
        self._restart()

    def _restart(self) -> None:
        self._snapshot = Snapshot(self._blobs, self._most_entries)
        self._tree = EMPTY_TREES[self._repository.hash_name]

    def over(self, commits: Sequence[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Snapshot | str, bytes | str]]:
        """Each commit with the snapshot before it, which is the same object every time, or the reason why there is none; and its patch.

        After a snapshot that cannot be made the next is read whole, so that each commit's fate is its own.
        """
        parents = trees_of(self._repository, [commit["parents"][0] for commit in commits if commit["parents"]])
        left = iter(parents)
        trees = [next(left) if commit["parents"] else "" for commit in commits]
        patches = read_patches(self._repository, [commit["commit"] for commit in commits], MAX_PATCH_BYTES)
        moves: Iterator[list[TreeChange]] = iter(())
        for place, (commit, tree, (_, patch)) in enumerate(zip(commits, trees, patches, strict=True)):
            found: Snapshot | str = self._snapshot
            if not tree:
                found = "unreadable" if tree is None else Snapshot(self._blobs)
            else:
                try:
                    changes, moves = self._changes(tree, moves, trees[place:])
                    self._snapshot.move(changes)
                    self._tree = tree
                except (SourceError, NoSnapshotError) as error:
                    found = "unreadable" if isinstance(error, SourceError) else str(error)
                    moves = iter(())
                    self._restart()
            yield commit, found, patch

    def _changes(
        self, tree: str, moves: Iterator[list[TreeChange]], trees: Sequence[str | None]
    ) -> tuple[list[TreeChange], Iterator[list[TreeChange]]]:
        """What leads to the first of `trees`, and the iterator that has what comes after. Where git ended, that step is tried alone."""
        try:
            changes = next(moves, None)
            if changes is None:
                moves = tree_changes(self._repository, self._steps(trees))
                changes = next(moves)
            return changes, moves
        except SourceError:
            return next(tree_changes(self._repository, [(self._tree, tree)])), iter(())

    def _steps(self, trees: Sequence[str | None]) -> list[tuple[str, str]]:
        asked = [tree for tree in trees if tree]
        return list(zip([self._tree, *asked], asked, strict=False))


def walk(repository: Quarantine, commits: Sequence[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Any, bytes | str]]:
    """All of them, in one range, from objects that can be read."""
    with open_blobs(repository) as blobs:
        yield from Walk(repository, blobs).over(commits)
