"""From what a user writes to a `Source`: `--source` on the command line.

One of these, and the first that fits:
    PATH                                  kind by what lies there
    NAME=PATH                             the repository's name is given
    folder:PATH  archive:PATH             kind is given
    git:PATH  git:PATH@REF                any ref; HEAD where none is given
    table:PATH?text=content&path=file     our column = theirs
    the-stack:PATH                        a table with the columns of The Stack
"""

import os
import re
from pathlib import Path
from urllib.parse import parse_qsl

from jobs.sources.source import ARCHIVE_SUFFIXES, TABLE_SUFFIXES, Facts, Source, SourceError, default_name

TABLE_COLUMNS = ("text", "path", "repository", "stars", "forks", "commits", "maintained_days", "licence", "commit")
# Of The Stack v1. Its max_forks_count belongs to max_forks_repo_name, which may be another repository, so forks stay unknown.
THE_STACK = {
    "text": "content",
    "path": "max_stars_repo_path",
    "repository": "max_stars_repo_name",
    "stars": "max_stars_count",
    "licence": "max_stars_repo_licenses",
    "commit": "max_stars_repo_head_hexsha",
}
DEFAULT_MAPPING = {"text": "text"}
KINDS = ("folder", "git", "archive", "table", "the-stack")

BAD_NAME = re.compile(r"^$|^/|[\x00-\x1f\x7f]|[\ud800-\udfff]")


def parse_source(text: str) -> Source:
    """One `--source` argument. Raises `SourceError` where nothing lies at the path or the argument contradicts itself."""
    kind, name, rest = None, None, text
    if text.partition(":")[0] not in KINDS and not os.path.lexists(text) and "=" in text.partition("?")[0]:
        name, _, rest = text.partition("=")
    if rest.partition(":")[0] in KINDS and not os.path.lexists(rest):
        kind, _, rest = rest.partition(":")
    path, ref, query = rest, None, ""
    if kind == "git" and not os.path.lexists(rest) and "@" in rest:
        path, _, ref = _split_ref(rest)
    elif kind in ("table", "the-stack", None) and not os.path.lexists(rest):
        path, _, query = rest.partition("?")
    return make_source(path, kind, name, ref, dict(parse_qsl(query, keep_blank_values=True)))


def make_source(
    path: str, kind: str | None = None, repository: str | None = None, ref: str | None = None,
    mapping: dict[str, str] | None = None, facts: Facts | None = None,
) -> Source:  # fmt: skip
    """Checks what was said and fills in what was not. Raises `SourceError`."""
    location = os.path.abspath(path)
    if not path or not os.path.exists(location):
        raise SourceError(f"Nothing lies at {path!r}. Expected {_EXPECTED}. Check the path.")
    found = kind or detect_kind(location)
    if found not in KINDS:
        raise SourceError(f"{path}: unknown kind {found!r}. Expected one of {', '.join(KINDS)}.")
    is_table = found in ("table", "the-stack")
    if mapping and not is_table:
        raise SourceError(f"{path} is read as {found}, which has no columns to map. Write table:{path}?... if it is a table.")
    if ref and found != "git":
        raise SourceError(f"{path} is read as {found}, which has no ref {ref!r}. Only git repositories have.")
    if repository is not None and BAD_NAME.search(repository):
        raise SourceError(f"{path}: {repository!r} cannot name a repository. Expected printable text that is no absolute path.")
    if is_table:
        columns = _columns(path, found, mapping or {})
        return Source("table", repository or "", location, mapping=columns, facts=facts or Facts())
    return Source(found, repository or default_name(found, location), location, ref, facts=facts or Facts())


def detect_kind(location: str) -> str:
    """folder, git, archive or table by what lies at an absolute path. Raises `SourceError` for a file of another sort."""
    path = Path(location)
    if path.is_dir():
        is_bare = (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir()
        return "git" if is_bare or os.path.lexists(path / ".git") else "folder"
    name = path.name.lower()
    if name.endswith(TABLE_SUFFIXES):
        return "table"
    if name.endswith(ARCHIVE_SUFFIXES):
        return "archive"
    raise SourceError(f"{location} is a file of an unknown sort. Expected {_EXPECTED}. Say what it is, for example archive:{location}.")


_EXPECTED = (
    "a folder, a git repository, an archive (tar, zip, wheel; "
    + ", ".join(ARCHIVE_SUFFIXES[:6])
    + ", ...) or a table ("
    + ", ".join(TABLE_SUFFIXES[:4])
    + ", ...)"
)


def _split_ref(text: str) -> tuple[str, str, str]:
    """Cuts PATH@REF at the last `@` whose left side exists: a path and a ref may both hold one. At the first where none does."""
    cuts = [position for position, character in enumerate(text) if character == "@"]
    cut = next((position for position in reversed(cuts) if os.path.exists(text[:position])), cuts[0])
    return text[:cut], "@", text[cut + 1 :]


def _columns(path: str, kind: str, mapping: dict[str, str]) -> tuple[tuple[str, str], ...]:
    unknown = sorted(set(mapping) - set(TABLE_COLUMNS))
    if unknown:
        raise SourceError(
            f"{path}: unknown columns {', '.join(unknown)} in the mapping. Write ours=theirs; ours are {', '.join(TABLE_COLUMNS)}."
        )
    defaults = THE_STACK if kind == "the-stack" else DEFAULT_MAPPING
    return tuple((ours, theirs) for ours, theirs in {**defaults, **mapping}.items() if theirs)
