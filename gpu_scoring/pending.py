"""Scores that wait for a commit, in files beside the table: a worker that is killed loses the batch under way, and that whose file is just
being written.

A file holds one batch. It is written while the model works on the next, and removed when its rows are in annotate/scores. What is there
when a worker starts was left by one that was killed, or is another's that still runs: either may be committed, and is then removed, because
a commit never adds a key twice.
"""

import json
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

import pyarrow.fs

from schemas.lake import PENDING_SCORES, Lake

SHORT = 8  # digits of a key in a name
TORN_AFTER_S = 3600.0


class Scored(NamedTuple):
    """`percent` is None where the model gives no number; `token_count` of what was read of the text."""

    key: str
    percent: int | None
    token_count: int
    is_truncated: bool


class Pending:
    """Scores by one version. To be closed. A file's name begins with the first and the last of its keys, cut short."""

    def __init__(self, lake: Lake, version: str) -> None:
        self._filesystem, root = lake.filesystem()
        self._folder = f"{root}/{PENDING_SCORES}/{version}"
        self._is_made = False
        self._pool = ThreadPoolExecutor(1)  # in the order in which it is asked: a file is written before it is removed
        self._under_way: Future[None] | None = None

    def keep(self, rows: list[Scored]) -> str:
        """Returns the name of their file, which is written meanwhile. Raises what the writing of the file before raised."""
        self.settle()
        keys = [row.key for row in rows]
        name = f"{min(keys)[:SHORT]}-{max(keys)[:SHORT]}-{secrets.token_hex(16)}.json"
        self._under_way = self._pool.submit(self._write, name, rows)
        return name

    def settle(self) -> None:
        """Waits until the last file is written, and raises what that raised."""
        under_way, self._under_way = self._under_way, None
        if under_way:
            under_way.result()

    def _write(self, name: str, rows: list[Scored]) -> None:
        if not self._is_made:
            self._filesystem.create_dir(self._folder, recursive=True)
            self._is_made = True
        with self._filesystem.open_output_stream(f"{self._folder}/{name}") as out:
            out.write(json.dumps(rows).encode())

    def left(self, low: str, high: str) -> Iterator[tuple[str, list[Scored]]]:
        """Name and rows of each file that may hold keys from `low` up to `high`."""
        for info in self._filesystem.get_file_info(pyarrow.fs.FileSelector(self._folder, allow_not_found=True)):
            first, last, _ = info.base_name.split("-")
            if first < high and last >= low[:SHORT] and (rows := self._read(info)):
                yield info.base_name, rows

    def _read(self, info: pyarrow.fs.FileInfo) -> list[Scored]:
        """None of a file that was not written to its end: somebody writes it now, or was killed while he did."""
        try:
            with self._filesystem.open_input_stream(info.path) as stream:
                return [Scored(*row) for row in json.loads(stream.read())]
        except ValueError:
            if time.time() - info.mtime_ns / 1e9 > TORN_AFTER_S:
                self._filesystem.delete_file(info.path)
        except OSError:
            if self._filesystem.get_file_info(info.path).type == pyarrow.fs.FileType.File:
                raise  # else another worker has committed it meanwhile
        return []

    def forget(self, names: list[str]) -> None:
        """Their rows are in the table. Whoever took them up may have removed them."""
        self._pool.submit(self._remove, names)

    def _remove(self, names: list[str]) -> None:
        for name in names:
            with suppress(OSError):  # what stays is taken up by the next worker, and is no score then
                self._filesystem.delete_file(f"{self._folder}/{name}")

    def close(self) -> None:
        """Waits for what is written and removed."""
        self._pool.shutdown()
