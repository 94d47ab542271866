"""From one row of a table to an entry: what a mapped value may be, and what a bad one is called."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from jobs.sources.naming import BAD_NAME
from jobs.sources.paths import MAX_PATH_BYTES, is_unsafe, short_locator, tidy
from jobs.sources.source import Entry, Facts, Reject, Source, SourceError, printable


class Piece(NamedTuple):
    """A part of a table file that one task reads. `row_count` is 0 where only reading can tell."""

    place: dict[str, int | list[int]]
    row_count: int
    size_bytes: int


class RowReader:
    """Knows one table file: its mapping, its limits, and how its rows are called in rejects."""

    def __init__(self, source: Source, file_name: str, max_content_bytes: int) -> None:
        self.columns = dict(source.mapping)
        self.max_content_bytes = max_content_bytes
        self._label = source.label
        self._prefix = f"{printable(file_name)}/" if file_name else ""
        self._name = printable(source.location.rpartition("/")[2]) + ("/" + self._prefix if self._prefix else "")

    def check_columns(self, found: Iterable[str]) -> None:
        """Raises `SourceError` where a mapped column is not there."""
        names = list(found)
        if missing := sorted(set(self.columns.values()) - set(names)):
            asked = "&".join(f"{ours}={theirs}" for ours, theirs in self.columns.items())
            raise SourceError(
                f"{self._name.rstrip('/')}: no column {', '.join(missing)}. Found {', '.join(sorted(names)[:50]) or 'none'}; the mapping "
                f"asked for {asked}. Correct it (table:PATH?ours=theirs), or leave a column out with ours= and nothing behind."
            )

    def wrong_column(self, theirs: str, found: object) -> SourceError:
        return SourceError(f"{self._name.rstrip('/')}: column {theirs} is {found}. Expected text or binary; map another one.")

    def locator(self, row: int) -> str:
        return f"{self._prefix}row-{row}"

    def range_locator(self, first: int, end: int) -> str:
        """Of rows that cannot be read: how many there are is what the file says, so they are one reject."""
        return self.locator(first) if end - first == 1 else f"{self.locator(first)}..{end - 1}"

    def reject(self, locator: str, reason: str, detail: str, size: int | None = None) -> Reject:
        return Reject(self._label, locator, reason, detail, size)

    def broken_file(self, reason: str, detail: str) -> Reject:
        return self.reject(self._prefix.rstrip("/"), reason, detail)

    def entry(self, number: int, values: dict[str, Any]) -> Entry | Reject:
        """`values` are by our column names; the text is str or bytes, or its size as int where it was too large to be read."""
        try:
            raw = _raw(values["text"])
            repository = _name_of(values["repository"]) if "repository" in self.columns else self._label
            facts = self._facts(values)
            path = _text(values, "path").encode()
        except (KeyError, TypeError, ValueError) as error:
            detail = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
            return self.reject(self.locator(number), "bad_row", detail)
        size = raw if isinstance(raw, int) else len(raw)
        if isinstance(raw, int) or size > self.max_content_bytes:
            return self.reject(self.locator(number), "too_large", f"{size} bytes; the limit is {self.max_content_bytes}", size)
        path = tidy(path.lstrip(b"/"))  # some tables begin every path with it, and nothing is opened here
        if is_unsafe(path):
            return self.reject(self.locator(number), "unsafe_path", f"{path.decode()!r} leads outside", size)
        if len(path) > MAX_PATH_BYTES:
            return self.reject(self.locator(number), "path_too_long", short_locator(path.decode()), size)
        return Entry(repository, path.decode() or self.locator(number), raw, facts=facts)

    def _facts(self, values: dict[str, Any]) -> Facts | None:
        facts = Facts(
            stars=_count(values, "stars"),
            forks=_count(values, "forks"),
            commits=_count(values, "commits"),
            maintained_days=_count(values, "maintained_days"),
            licence=_licence(values.get("licence")),
            commit=_text(values, "commit") or None,
        )
        return None if facts == Facts() else facts


def _raw(value: object) -> bytes | int:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes) or type(value) is int:
        return value
    raise TypeError(f"the text is {_kind(value)}, expected text")


def _name_of(value: object) -> str:
    if not isinstance(value, str) or BAD_NAME.search(value):
        raise ValueError(f"repository is {value!r:.100}, expected a name")
    return value


def _text(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name} is {_kind(value)}, expected text")
    return value or ""


def _count(values: dict[str, Any], name: str) -> int | None:
    """A whole number from 0; one with a point too, because tables with nulls often hold counts so. NaN is unknown."""
    value = values.get(name)
    if value is None or value != value:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or value != int(value):
        raise ValueError(f"{name} is {value!r:.100}, expected a count")
    return int(value)


def _licence(value: object) -> str | None:
    """One name, or a list of them, which is kept as `MIT, Apache-2.0`."""
    names = [name for name in (value if isinstance(value, list) else [value]) if name is not None]
    if not all(isinstance(name, str) for name in names):
        raise TypeError(f"licence is {value!r:.100}, expected text or a list of texts")
    return ", ".join(map(str, names)) or None


def _kind(value: object) -> str:
    return "missing" if value is None else type(value).__name__
