"""Readers of sources: one per kind, plain Python, no Spark.

A source is listed where the job is driven and read where its tasks run. What comes out is bytes with a path; whether the bytes are
text is decided later (`udfs.decode`).
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from jobs.sources import archive, folder, git, kept_histories, table
from jobs.sources.manifest import manifest_label, read_manifest
from jobs.sources.naming import parse_source
from jobs.sources.source import REASONS, Entry, Facts, Reject, Source, SourceError, Unit

__all__ = [
    "REASONS", "Entry", "Facts", "Reject", "Source", "SourceError", "Unit",
    "facts", "fingerprint", "keep_history", "list_units", "manifest_label", "parse_source", "read_manifest", "read_unit",
]  # fmt: skip


class Reader(Protocol):
    """What a module that reads one kind of source has. Raise `READER_VERSION` when the same bytes would come out differently."""

    READER_VERSION: int

    def state(self, source: Source) -> str: ...
    def list_units(self, source: Source, budget_bytes: int, max_content_bytes: int) -> Iterator[Unit | Reject]: ...
    def read_unit(self, unit: Unit, max_content_bytes: int) -> Iterator[Entry | Reject]: ...


_READERS: dict[str, Reader] = {"folder": folder, "git": git, "archive": archive, "table": table}


def fingerprint(source: Source) -> str:
    """A hash that changes whenever what would be read may have changed; reads no contents. Raises `SourceError`.

    It covers the source as it was named, with its given facts, and the reader's version, but no limits: add those that you use.
    """
    reader = _READERS[source.kind]
    parts = [source.to_json(), reader.READER_VERSION, reader.state(source)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def list_units(source: Source, budget_bytes: int, max_content_bytes: int) -> Iterator[Unit | Reject]:
    """Units in a fixed order, and rejects of what the listing shows already. Streams. Raises `SourceError`, at any item."""
    return _READERS[source.kind].list_units(source, budget_bytes, max_content_bytes)


def read_unit(unit: Unit, max_content_bytes: int) -> Iterator[Entry | Reject]:
    """The unit's entries in a fixed order, one in memory at a time. Raises `SourceError` where the source itself is gone."""
    return _READERS[unit.source.kind].read_unit(unit, max_content_bytes)


def facts(source: Source) -> Facts:
    """The given facts, with commits, days and commit id from the history where there is one. Raises `SourceError`."""
    return git.facts(source) if source.kind == "git" else source.facts


def keep_history(source: Source, target: Path) -> bool:
    """Writes the history of a git source to `target` as a bundle whose one ref is refs/heads/codemill, and beside it the index of its pack.

    Atomic. A target that is whole is taken as it is: name it by the commit. False where there is no history: no git, or one commit.
    Raises `SourceError` where the history is damaged, `ShallowHistoryError` where it is cut off.
    """
    return source.kind == "git" and kept_histories.keep_history(source, target)
