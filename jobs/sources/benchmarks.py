"""Benchmarks as the user names them: `[NAME=]PATH[?text=FIELD,...[&item=FIELD]]`.

PATH is JSON Lines or Parquet, as it is or compressed (gz, zst, xz, bz2), one item a row; or a folder, each of whose files is an item, which
is how Aider's exercises come. The usual benchmarks are known by their fields; of others `text` says which fields hold what a model must not
have seen. An item's text is its fields one after another, lists of strings included.
"""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.runtime.errors import UsageError
from jobs.sources.unpacking import BrokenStream, compression_of, unpacked
from udfs.contamination import Benchmark

ITEM_FIELDS = ("task_id", "question_id", "id", "name")
_MOST_BYTES = 1 << 30  # of a benchmark, unpacked
TABLES = tuple(f".{name}{c}" for name in ("jsonl", "ndjson", "parquet") for c in ("", ".gz", ".zst", ".xz", ".bz2"))


@dataclass(frozen=True)
class Layout:
    """A benchmark is known by its `fields`; `text` are those that count."""

    name: str
    fields: frozenset[str]
    text: tuple[str, ...]


def _layout(name: str, text: str, others: str = "") -> Layout:
    return Layout(name, frozenset(f"{text} {others}".split()), tuple(text.split()))


# In the order in which they are tried: the more fields a layout asks for, the earlier. Tests are in the text: they tell the answer.
LAYOUTS = (
    _layout("BigCodeBench", "complete_prompt instruct_prompt canonical_solution test", "task_id"),
    _layout("LiveCodeBench", "question_content starter_code", "question_id platform"),
    _layout("FullStackBench", "content canonical_solution", "id labels test"),
    _layout("MHPP", "question", "function_name difficulty_types"),
    _layout("HumanEval", "prompt canonical_solution test", "task_id entry_point"),
    _layout("HumanEval+ or MBPP+", "prompt canonical_solution", "task_id entry_point"),
    _layout("MultiPL-E", "prompt tests", "name language"),
    _layout("MBPP", "text code test_list", "task_id"),
    _layout("MBPP, sanitized", "prompt code test_list", "task_id"),
)


@dataclass(frozen=True)
class Named:
    """A benchmark as it was named; without `text` its layout must be a known one."""

    name: str
    path: str
    text: tuple[str, ...] = ()
    item: str = ""


def parse_benchmark(given: str) -> Named:
    """Raises `UsageError`. The name is the file's, without its suffixes, unless one is given."""
    place, _, query = given.partition("?")
    name, equals, path = place.partition("=")
    if not equals or os.path.exists(place):
        name, path = "", place
    asked = parse_qs(query, keep_blank_values=True)
    if not path or not set(asked) <= {"text", "item"} or any(len(values) > 1 or not values[0] for values in asked.values()):
        raise UsageError(f"--benchmark {given}: expected [NAME=]PATH[?text=FIELD,...[&item=FIELD]], such as evals.jsonl?text=prompt")
    name = name or Path(path).name.split(".")[0]
    return Named(name, path, tuple(part for part in asked.get("text", [""])[0].split(",") if part), asked.get("item", [""])[0])


def read_benchmarks(given: Sequence[str]) -> list[Benchmark]:
    """In order of names. Raises `UsageError` for a file that is not there, not as expected or without items, and for a name given twice."""
    found: dict[str, Benchmark] = {}
    for one in map(parse_benchmark, given):
        if one.name in found:
            raise UsageError(f"two benchmarks are called {one.name!r}. Name them: --benchmark NAME={one.path}")
        found[one.name] = Benchmark(one.name, tuple(_folder(one) if os.path.isdir(one.path) else _items(one)))
        if not found[one.name].items:
            raise UsageError(f"{one.path} holds no item of a benchmark: expected at least one row, or one file")
    return [found[name] for name in sorted(found)]


def _folder(named: Named) -> list[tuple[str, str]]:
    """Text files of a folder by their paths in it; those that are not UTF-8 are no text."""
    items = []
    for path in sorted(Path(named.path).rglob("*")):
        inside = path.relative_to(named.path)
        if inside.name.lower().endswith(TABLES):
            raise UsageError(f"{path} is a table inside of a folder whose files are taken as texts. Name it: --benchmark {path}")
        if path.is_file() and not path.is_symlink() and ".git" not in inside.parts:
            try:
                items.append((inside.as_posix(), path.read_bytes().decode()))
            except UnicodeDecodeError:
                continue
    return items


def _items(named: Named) -> list[tuple[str, str]]:
    rows = _rows(named.path)
    fields = set().union(*(row.keys() for row in rows[:100]))
    text = named.text or _known(named.path, fields).text
    item = named.item or next((name for name in ITEM_FIELDS if name in fields), "")
    missing = [name for name in (*text, *filter(None, [item])) if name not in fields]
    if missing:
        raise UsageError(f"{named.path} has no {', '.join(missing)}. It has: {', '.join(sorted(fields)) or 'no field'}")
    names = (str(row.get(item, number)) if item else str(number) for number, row in enumerate(rows))
    texts = (_text(row, text, named.path, number) for number, row in enumerate(rows))
    return [(_whole(name), _whole(found)) for name, found in zip(names, texts, strict=True)]


def _whole(text: str) -> str:
    """Half a pair of surrogates, which JSON can write and UTF-8 cannot, becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def _known(path: str, fields: set[str]) -> Layout:
    for layout in LAYOUTS:
        if layout.fields <= fields:
            return layout
    names = ", ".join(layout.name for layout in LAYOUTS)
    raise UsageError(
        f"{path} is none of the benchmarks that are known by their fields ({names}). It has: {', '.join(sorted(fields)) or 'no field'}.\n"
        f"Say which of them hold text: --benchmark {path}?text=FIELD,FIELD"
    )


def _text(row: dict[str, Any], fields: Iterable[str], path: str, number: int) -> str:
    parts: list[str] = []
    for name in fields:
        value = row.get(name)
        values = value if isinstance(value, list) else [] if value is None else [value]
        if not all(isinstance(one, str) for one in values):
            raise UsageError(f"{path}, row {number}: {name} is {type(value).__name__}; expected text, or a list of texts")
        parts += values
    return "\n".join(parts)


def _rows(path: str) -> list[dict[str, Any]]:
    try:
        with open(path, "rb") as file:
            head = file.read(8)
            if head.startswith(b"PAR1"):
                found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
                return found
            file.seek(0)
            raw = bytearray()
            for piece in unpacked(file, compression_of(head)):
                raw += piece
                if len(raw) > _MOST_BYTES:
                    raise UsageError(f"{path} holds more than {_MOST_BYTES >> 30} GiB; expected a benchmark")
    except (OSError, pa.ArrowException, BrokenStream) as error:
        raise UsageError(f"{path} cannot be read: {error}. Expected JSON Lines or Parquet, or a folder of files") from error
    return [_object(path, number, line) for number, line in enumerate(bytes(raw).split(b"\n"), 1) if line.strip()]


def _object(path: str, number: int, line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        shown = line[:60].decode("utf-8", "backslashreplace")
        raise UsageError(f"{path}, line {number}: expected a JSON object a line, found {shown!r}")
    return row
