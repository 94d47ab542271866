"""Reads JSON Lines, one object a line. Plain files are cut at line ends; compressed ones (gz, zst, xz, bz2) are one piece."""

import json
from collections.abc import Iterator
from typing import IO, Any

from jobs.sources.local_file import file_size
from jobs.sources.source import Entry, Reject
from jobs.sources.table_rows import Piece, RowReader
from jobs.sources.units import ENTRY_COST_BYTES
from jobs.sources.unpacking import PIECE_BYTES, BrokenStream, compression_of, unpacked

_SAMPLE_ROWS = 100  # whose keys must hold the mapped columns between them: a line may leave out what it does not know
_ESCAPE_BYTES = 6  # one byte of text takes at most this much in JSON: \u0000
_OTHER_VALUES_BYTES = 1 << 16


def list_pieces(file: IO[bytes], rows: RowReader, budget_bytes: int) -> Iterator[Piece | Reject]:
    compression = _compression(file)
    rows.check_columns(_sample_columns(file, compression, rows))
    if compression:
        yield Piece({"start": 0, "end": file_size(file), "row": 0}, 0, file_size(file))
        return
    file.seek(0)
    for start, end, row, count in _line_ranges(file, budget_bytes):
        yield Piece({"start": start, "end": end, "row": row}, count, end - start)


def read_piece(file: IO[bytes], rows: RowReader, place: dict[str, int]) -> Iterator[Entry | Reject]:
    compression, number = _compression(file), place["row"]
    try:
        pieces = unpacked(file, compression) if compression else _range(file, place["start"], place["end"])
        for line in _lines(pieces, _max_line_bytes(rows)):
            yield _entry(line, number, rows)
            number += 1
    except BrokenStream as error:
        yield rows.broken_file(error.reason, f"{error.detail}; {number} rows were read before")


def _compression(file: IO[bytes]) -> str | None:
    compression = compression_of(file.read(8))
    file.seek(0)
    return compression


def _sample_columns(file: IO[bytes], compression: str | None, rows: RowReader) -> list[str]:
    """Keys of the first rows. Where none of them is an object, the mapped columns: then each row is a reject."""
    names: set[str] = set()
    try:
        for number, line in enumerate(_lines(unpacked(file, compression), _max_line_bytes(rows))):
            row = None if isinstance(line, int) else _object(line)
            names.update(row or ())
            if number == _SAMPLE_ROWS:
                break
    except BrokenStream:
        pass
    return list(names) or list(rows.columns.values())


def _line_ranges(file: IO[bytes], budget_bytes: int) -> Iterator[tuple[int, int, int, int]]:
    """(start, end, number of the first line, count of lines) of runs of lines that fit the budget; a longer line is a run of its own."""
    start = row = end = number = 0
    for size in _line_sizes(file):
        if end > start and end - start + size + (number - row + 1) * ENTRY_COST_BYTES > budget_bytes:
            yield start, end, row, number - row
            start, row = end, number
        end += size
        number += 1
    if end > start:
        yield start, end, row, number - row


def _line_sizes(file: IO[bytes]) -> Iterator[int]:
    """Of each line with its line feed; a long line is never held as a whole."""
    size = 0
    while part := file.readline(PIECE_BYTES):
        size += len(part)
        if part.endswith(b"\n"):
            yield size
            size = 0
    if size:
        yield size


def _range(file: IO[bytes], start: int, end: int) -> Iterator[bytes]:
    file.seek(start)
    while start < end and (piece := file.read(min(PIECE_BYTES, end - start))):
        start += len(piece)
        yield piece


def _max_line_bytes(rows: RowReader) -> int:
    return rows.max_content_bytes * _ESCAPE_BYTES + _OTHER_VALUES_BYTES


def _lines(pieces: Iterator[bytes], max_bytes: int) -> Iterator[bytes | int]:
    """Lines without their line feed; of a longer one its size. What follows the last line feed is a line if it is not empty."""
    parts: list[bytes] = []
    size = 0
    for piece in pieces:
        for index, part in enumerate(piece.split(b"\n")):
            if index:
                yield b"".join(parts) if size <= max_bytes else size
                parts, size = [], 0
            size += len(part)
            if size <= max_bytes:
                parts.append(part)
            else:
                parts.clear()
    if size:
        yield b"".join(parts) if size <= max_bytes else size


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _entry(line: bytes | int, number: int, rows: RowReader) -> Entry | Reject:
    if isinstance(line, int):
        return rows.reject(rows.locator(number), "too_large", f"a line of {line} bytes", line)
    row = _object(line)
    if row is None:
        found = line[:60].decode("utf-8", "backslashreplace")
        return rows.reject(rows.locator(number), "bad_row", f"expected a JSON object, found {found!r}", len(line))
    values = {ours: row[theirs] for ours, theirs in rows.columns.items() if theirs in row}
    if type(values.get("text")) is not str:
        return rows.reject(rows.locator(number), "bad_row", f"no text in {rows.columns['text']!r}", len(line))
    return rows.entry(number, values)
