"""Reads a table whose rows are files: Parquet or JSON Lines, one file or a folder of them, with a column mapping.

Rows name their repository and path. A row without a path gets `row-<n>`, counted from 0 in its file; without a mapping for repositories
all rows belong to `table:<name>`. Two rows may name the same path: a table is read in pieces, so that only a look at all rows can tell.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace

from jobs.sources import lines_table, parquet_table
from jobs.sources.local_file import file_state, open_file
from jobs.sources.source import TABLE_SUFFIXES, Entry, Reject, Source, SourceError, Unit
from jobs.sources.table_rows import RowReader

READER_VERSION = 1


def state(source: Source) -> str:
    states = "\n".join(f"{name} {file_state(file)}" for name, file in _files(source))
    return hashlib.sha256(states.encode("utf-8", "surrogateescape")).hexdigest()


def list_units(source: Source, budget_bytes: int, max_content_bytes: int) -> Iterator[Unit | Reject]:
    for name, file in _files(source):
        rows = RowReader(source, name, max_content_bytes)
        with open_file(file) as opened:
            reader = parquet_table if opened.read(4) == b"PAR1" else lines_table
            opened.seek(0)
            for item in reader.list_pieces(opened, rows, budget_bytes):
                if isinstance(item, Reject):
                    yield item
                else:
                    yield Unit(source, json.dumps([name, item.place]).encode(), item.row_count, item.size_bytes)


def read_unit(unit: Unit, max_content_bytes: int) -> Iterator[Entry | Reject]:
    name, place = json.loads(unit.payload)
    rows = RowReader(unit.source, name, max_content_bytes)
    with open_file(_file(unit.source, name)) as opened:
        reader = parquet_table if opened.read(4) == b"PAR1" else lines_table
        opened.seek(0)
        yield from reader.read_piece(opened, rows, place)


def _files(source: Source) -> list[tuple[str, Source]]:
    """(name inside the folder, source of that file), in the order of names; the name of a single file is empty."""
    if not os.path.isdir(source.location):
        return [("", source)]
    names = [
        os.path.relpath(os.path.join(folder, name), source.location)
        for folder, _, names in os.walk(source.location)
        for name in names
        if name.lower().endswith(TABLE_SUFFIXES)
    ]
    if not names:
        raise SourceError(f"{source.location} holds no table. Expected files that end in {', '.join(TABLE_SUFFIXES)}.")
    return [(name, _file(source, name)) for name in sorted(names)]


def _file(source: Source, name: str) -> Source:
    return replace(source, location=os.path.join(source.location, name)) if name else source
