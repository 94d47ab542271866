"""Reads a manifest: JSON Lines that name many sources with their facts.

    {"repository": "curl/curl", "path": "mirrors/curl.git", "ref": "curl-8_9_1", "stars": 35000, "forks": 6300,
     "first_activity": "1999-12-29", "last_activity": "2024-07-31", "licence": "curl"}

`path` is relative to the manifest. A bad line is one `Reject` and the rest goes on.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jobs.sources.naming import make_source
from jobs.sources.source import Facts, Reject, Source, SourceError, printable

KEYS = ("repository", "kind", "path", "ref", "mapping", "stars", "forks", "first_activity", "last_activity", "licence")
MAX_LINE_BYTES = 1 << 20  # a line names one source; a longer one is no manifest

_TEXTS = ("repository", "kind", "path", "ref", "first_activity", "last_activity", "licence")


def manifest_label(path: str | Path) -> str:
    """What rejects of a manifest's lines call their source."""
    return f"manifest:{printable(Path(path).name)}"


def read_manifest(path: str | Path) -> Iterator[Source | Reject]:
    """Sources in the manifest's order. A `Reject` of a line has the source `manifest:<file name>` and the locator `line-<n>`."""
    manifest = Path(path)
    label = manifest_label(path)
    named: set[str] = set()
    try:
        with manifest.open("rb") as lines:
            number = 0
            while line := lines.readline(MAX_LINE_BYTES + 1):
                number += 1
                if line.strip():
                    yield _source(line, manifest.parent, label, f"line-{number}", named)
                while len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
                    line = lines.readline(MAX_LINE_BYTES + 1)
                    if not line:
                        break
    except OSError as error:
        raise SourceError(f"The manifest {path} cannot be read: {error.strerror}. Expected JSON Lines, one source a line.") from error


def _source(line: bytes, folder: Path, label: str, locator: str, named: set[str]) -> Source | Reject:
    try:
        if len(line) > MAX_LINE_BYTES:
            raise ValueError(f"longer than {MAX_LINE_BYTES} bytes")
        row = _checked(json.loads(line))
        path = str(folder / row["path"])
    except (ValueError, RecursionError) as error:
        return Reject(label, locator, "bad_row", str(error))
    if not os.path.exists(path):
        return Reject(label, locator, "missing", f"nothing lies at {printable(row['path'])!r}, which is relative to the manifest")
    try:
        source = make_source(path, row.get("kind"), row.get("repository"), row.get("ref"), row.get("mapping"))
        source = replace(source, facts=_facts(row))
    except (SourceError, ValueError) as error:
        return Reject(label, locator, "bad_row", str(error).replace(path, row["path"]))
    if source.repository in named:
        return Reject(label, locator, "duplicate_repository", f"{source.repository!r} is named by a line before it")
    named.update({source.repository} - {""})
    return source


def _checked(found: Any) -> dict[str, Any]:
    """The line's object with types checked. Raises `ValueError` that names all that is wrong."""
    if not isinstance(found, dict):
        raise ValueError(f"expected a JSON object, found {type(found).__name__}")
    row: dict[str, Any] = {key: value for key, value in found.items() if value is not None}
    wrong = [f"unknown key {key!r}" for key in row if key not in KEYS]
    wrong += [f"{key} is no text" for key in _TEXTS if key in row and not isinstance(row[key], str)]
    wrong += [f"{key} is no count" for key in ("stars", "forks") if key in row and not (type(row[key]) is int and row[key] >= 0)]
    mapping = row.get("mapping", {})
    if not isinstance(mapping, dict) or not all(isinstance(value, str) for value in mapping.values()):
        wrong.append("mapping is no object of texts")
    if not row.get("path"):
        wrong.append("path is missing")
    elif "\0" in str(row["path"]):
        wrong.append("path holds a NUL")
    if wrong:
        raise ValueError("; ".join(wrong) + f". Keys are {', '.join(KEYS)}")
    return row


def _facts(row: dict[str, Any]) -> Facts:
    first, last = (_day(row[key]) if key in row else None for key in ("first_activity", "last_activity"))
    if first and last and last < first:
        raise ValueError(f"last_activity {row['last_activity']} is before first_activity {row['first_activity']}")
    days = (last - first).days if first and last else None
    return Facts(row.get("stars"), row.get("forks"), None, days, row.get("licence"))


def _day(text: str) -> datetime:
    """An ISO 8601 date or time; one without a zone is UTC."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
