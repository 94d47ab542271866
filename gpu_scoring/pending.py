"""Scores that wait for a commit, in files beside the table: a worker that is killed loses the batch under way and no other.

A file holds one batch. It is written while the model works on the next, and removed when its rows are in annotate/scores. What is there
when a worker starts was left by one that was killed, or is another's that still runs: either may be committed, and is then removed, because
a commit never adds a key twice.
"""

import json
import secrets
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import pyarrow.fs

from schemas.lake import PENDING_SCORES, Lake


class Scored(NamedTuple):
    """`percent` is None where the model gives no number; `token_count` of what was read of the text."""

    key: str
    percent: int | None
    token_count: int
    is_truncated: bool


class Pending:
    """Scores by one version. To be closed."""

    def __init__(self, lake: Lake, version: str) -> None:
        self._filesystem, root = lake.filesystem()
        self._folder = f"{root}/{PENDING_SCORES}/{version}"
        self._is_made = False
        self._pool = ThreadPoolExecutor(1)
        self._under_way: Future[None] | None = None

    def keep(self, rows: list[Scored]) -> str:
        """Returns the name of their file, and raises what the writing of the file before raised."""
        self._settle()
        name = f"{secrets.token_hex(16)}.json"
        self._under_way = self._pool.submit(self._write, name, rows)
        return name

    def _write(self, name: str, rows: list[Scored]) -> None:
        if not self._is_made:
            self._filesystem.create_dir(self._folder, recursive=True)
            self._is_made = True
        with self._filesystem.open_output_stream(f"{self._folder}/{name}") as out:
            out.write(json.dumps(rows).encode())

    def _settle(self) -> None:
        under_way, self._under_way = self._under_way, None
        if under_way:
            under_way.result()

    def left(self) -> dict[str, list[Scored]]:
        """Rows by file; none where a file was not written to its end."""
        infos = self._filesystem.get_file_info(pyarrow.fs.FileSelector(self._folder, allow_not_found=True))
        return {info.base_name: self._read(info.path) for info in infos if info.type == pyarrow.fs.FileType.File}

    def _read(self, path: str) -> list[Scored]:
        try:
            with self._filesystem.open_input_stream(path) as stream:
                return [Scored(*row) for row in json.loads(stream.read())]
        except (FileNotFoundError, ValueError):  # another worker has committed it meanwhile, or was killed while it wrote it
            return []

    def forget(self, names: list[str]) -> None:
        """Their rows are in the table. Whoever took them up may have removed them."""
        self._settle()
        for name in names:
            try:
                self._filesystem.delete_file(f"{self._folder}/{name}")
            except FileNotFoundError:
                continue

    def close(self) -> None:
        self._pool.shutdown()
