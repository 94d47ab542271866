"""What a run of labels has asked and been told, on this machine's disk: an answer is paid for once, whatever is killed when.

One SQLite file. It holds the sampled texts (so that files are asked about in the order of the draw, and a run that ends early has a random
sample) and every answer from the moment it is there until it is in the lake. The lock is the file's own: a second run beside the first is
refused.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from schemas.annotate import LABELS

_COLUMNS = ", ".join(LABELS.names)
_BEFORE = {"kind": "'file'"}  # what answers were about when all were about it


class WorksheetError(Exception):
    """The file cannot be used: another run works with it, it is none, or the disk is full."""


class Worksheet:
    """`version` names who is asked. Answers of another one, which a run that was killed left, go into the lake with the rest."""

    def __init__(self, path: Path, version: str) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        except OSError as error:
            raise WorksheetError(f"{path} cannot be made: {error}. Answers must be safe there: name another --work folder.") from error
        before = path.stat().st_ino
        self.path, self.version = path, version
        self._db = sqlite3.connect(path, isolation_level=None, timeout=1)
        try:
            self._db.execute("pragma locking_mode = exclusive")
            self._db.execute("begin exclusive")
            self._db.execute(
                "create table if not exists texts (key text, language text, draw real, text text, primary key (key, language))"
            )
            self._db.execute(f"create table if not exists answers ({_COLUMNS}, primary key ({', '.join(LABELS.key)}))")
            there = {row[1] for row in self._db.execute("pragma table_info(answers)")}  # of a run before a column was added
            for name in (name for name in LABELS.names if name not in there):
                self._db.execute(f"alter table answers add column {name} default {_BEFORE.get(name, 'null')}")
            self._db.execute("commit")
        except sqlite3.DatabaseError as error:
            what = "is in use. Another `codemill label` works on this lake: wait for it, or"
            if getattr(error, "sqlite_errorname", "") not in ("SQLITE_BUSY", "SQLITE_LOCKED"):
                what = f"cannot be used ({error}). It holds answers that may have been paid for and are not in the lake: save it, and"
            raise WorksheetError(f"{path} {what} name another --work folder.") from error
        if not path.exists() or path.stat().st_ino != before:  # the run before us ended, and took its file with it
            self._db.close()
            raise WorksheetError(f"{path} was removed by another run as this one began: start it again.")

    def put(self, rows: Iterable[tuple[str, str, float, str]]) -> None:
        """(key, language, draw, text)"""
        with self._written():
            self._db.execute("begin")
            self._db.executemany("insert or ignore into texts values (?, ?, ?, ?)", rows)
            self._db.execute("commit")

    def keys(self) -> set[tuple[str, str]]:
        return set(self._db.execute("select key, language from texts"))

    def rows(self, wanted: set[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
        """(key, language, text) of those that are wanted, in the order of the draw; each text is read when it is asked for."""
        for key, language in self._db.execute("select key, language from texts order by draw, key, language").fetchall():
            if (key, language) in wanted:
                ((text,),) = self._db.execute("select text from texts where key = ? and language = ?", (key, language))
                yield key, language, text

    def sizes(self, wanted: set[tuple[str, str]]) -> list[int]:
        """Bytes of the same texts."""
        found = self._db.execute("select key, language, length(cast(text as blob)) from texts").fetchall()
        return [size for *key, size in found if tuple(key) in wanted]

    def record(self, row: dict[str, Any]) -> None:
        """Durable when it returns."""
        marks = ", ".join("?" * len(LABELS.names))
        with self._written():
            self._db.execute(f"insert or replace into answers ({_COLUMNS}) values ({marks})", [row[name] for name in LABELS.names])

    @contextmanager
    def _written(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise WorksheetError(
                f"{self.path} cannot be written: {error}. Answers that were told before are safe there, and the next run brings them "
                "into the lake: make room, and start it again with the same --work folder."
            ) from error

    def answers(self) -> pa.Table:
        """Rows of LABELS that are not known to be in the lake, whatever their version."""
        rows = self._db.execute(f"select {_COLUMNS} from answers").fetchall()
        columns = list(zip(*rows, strict=True)) or [()] * len(LABELS.names)
        arrays = [_array(values, field.type) for values, field in zip(columns, LABELS.arrow_schema, strict=True)]
        return pa.Table.from_arrays(arrays, schema=LABELS.arrow_schema)

    def forget_answers(self) -> None:
        """All that there are: they are in the lake."""
        with self._written():
            self._db.execute("delete from answers")

    def close(self, is_done: bool) -> None:
        """Removes the file when all that it holds is in the lake; while the lock is held, so that nobody else's goes."""
        if is_done:
            self.path.unlink(missing_ok=True)
        self._db.close()


def _array(values: Iterable[Any], kind: pa.DataType) -> pa.Array:
    """SQLite keeps truth values as 0 and 1."""
    return pa.array(values, pa.int64()).cast(kind) if pa.types.is_boolean(kind) else pa.array(values, kind)
