"""What the readers of sources share: a source, its units, the entries that come out of them, and what could not be read.

    Source --list_units--> Unit | Reject         (cheap: names and sizes only)
    Unit   --read_unit---> Entry | Reject        (one task; streams)

Every entry of a source comes out exactly once, as an `Entry` or as a `Reject`, either from the listing or from the reading. Where a part of
a source cannot be read, one `Reject` stands for all that is in it.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any, Self

REASONS = {
    "archive_bomb": "the source unpacks to far more than it holds; reading stopped there",
    "bad_row": "a row or line that does not say what its source promised",
    "changed": "the file was being written while it was read",
    "corrupt": "its bytes contradict themselves: a checksum, a header, an object",
    "duplicate_path": "another entry of the repository has this path already",
    "duplicate_repository": "another line of the manifest names this repository already",
    "encrypted": "needs a password",
    "missing": "is named but is not there",
    "path_too_long": "its path is longer than MAX_PATH_BYTES or than the system can open",
    "shallow": "a history that is cut off, of which no commit is read",
    "special_file": "a pipe, socket or device; never opened",
    "submodule": "a commit of another repository; never fetched",
    "symlink": "a symbolic or hard link; never followed",
    "too_large": "larger than max_content_bytes",
    "truncated": "its end is missing",
    "unreadable": "the system refused to read it",
    "unsafe_path": "a path that leads outside, such as /etc/passwd or ../x, or that no file can have",
    "unsupported": "a form that is not read here",
}


class SourceError(Exception):
    """A source as a whole cannot be read. Says where, what was found, what was expected and what to do."""


class ShallowHistoryError(SourceError):
    """A history is cut off: its oldest commits cannot be compared with what was before them."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the source itself says of a repository. None is unknown, which is not zero."""

    stars: int | None = None
    forks: int | None = None
    commits: int | None = None
    maintained_days: int | None = None
    licence: str | None = None
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """One thing that the user named.

    `repository` is `kind:name` or the name given; it is empty for a table, whose rows name their repositories.
    `location` is an absolute path. `mapping` belongs to tables: (our column, theirs).
    """

    kind: str
    repository: str
    location: str
    ref: str | None = None
    mapping: tuple[tuple[str, str], ...] = ()
    facts: Facts = Facts()

    @property
    def label(self) -> str:
        """What rejects call this source: its repository, or for a table `table:<file name>`. Never a path."""
        return self.repository or default_name(self.kind, self.location)

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        values: dict[str, Any] = json.loads(text)
        mapping = tuple((ours, theirs) for ours, theirs in values.pop("mapping"))
        return cls(**{**values, "mapping": mapping, "facts": Facts(**values["facts"])})


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of a source that one task reads. `payload` means something to the reader of `source.kind` only.

    `size_bytes` is at most the budget, unless one entry alone is larger, or one row group of Parquet. For a tar and for compressed
    JSON Lines, which are one unit each, it is the size of the file as it lies. `entry_count` is 0 where only reading can tell (the
    same two).
    """

    source: Source
    payload: bytes
    entry_count: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as it was read. `facts` come from tables only, whose rows carry them."""

    repository: str
    path: str
    raw: bytes
    git_blob_id: str | None = None
    facts: Facts | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """What could not be read, and why.

    `source` is the repository, or the label of a source of which no repository could be made. `locator` is the path inside, with
    a `/` at its end where a whole folder is meant, `row-<n>`, `row-<first>..<last>` or `line-<n>`; empty for the source as a whole. The two
    are unique together within one listing and reading of a source. `reason` is one of `REASONS`.
    """

    source: str
    locator: str
    reason: str
    detail: str
    size_bytes: int | None = None


ARCHIVE_SUFFIXES = (
    *(f".tar{c}" for c in ("", ".gz", ".bz2", ".xz", ".zst", ".zstd")),
    *(".tgz", ".tbz2", ".tbz", ".txz", ".tzst", ".crate"),
    *(".zip", ".whl", ".egg", ".jar"),
)
TABLE_SUFFIXES = (".parquet", *(f".{name}{c}" for name in ("jsonl", "ndjson") for c in ("", ".gz", ".zst")))


def default_name(kind: str, location: str) -> str:
    """`kind:name` for a location: its last part without the suffix of an archive or of a bare repository."""
    path = PurePath(location)
    name = path.parent.name if kind == "git" and path.name == ".git" else path.name
    suffixes = {"git": (".git",), "archive": ARCHIVE_SUFFIXES}.get(kind, ())
    for suffix in sorted(suffixes, key=len, reverse=True):
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            name = name[: -len(suffix)]
            break
    return f"{kind}:{printable(name) or 'root'}"


def printable(name: str) -> str:
    """A name from the file system as text that UTF-8 can hold: bytes that are not UTF-8 become \\xNN."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
