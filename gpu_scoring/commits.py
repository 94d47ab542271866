"""Scores on their way into annotate/scores: committed by a thread, so that the model does not wait for the lake.

A commit adds only keys that have no score by this model, whoever gave it. For that the table's log is followed: a file that another worker
added is looked at once, where the log says that it may hold keys of this worker's range, and they are closed for the feed too. One commit
is under way at most, while the rows of the next come in; what waits lies in gpu_scoring/pending.py's files. So a process that is killed
loses the batch that it works on, and one that ends by an error or an interrupt nothing that was scored.
"""

import json
import random
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

from gpu_scoring.keys import Keys
from gpu_scoring.pending import Pending, Scored
from schemas.annotate import SCORES
from schemas.delta_files import BOUNDS, INSERT_ATTEMPTS, OvertakenError, add_rows, make
from schemas.lake import Lake, filesystem_of, storage_options

ALL_KEYS = "", "g"  # of hex digits


class Commits:
    """A context: leaving it commits what is held, also where an error passes through. `written` counts rows that this worker added.

    `ends`: first key of the worker's range and first key beyond. `keys` are closed as scores of them come into the table. Those that it
    held at version `since` (None: it was not there) are closed already.
    """

    def __init__(
        self,
        lake: Lake,
        version: str,
        keys: Keys,
        since: int | None,
        most_rows: int,
        most_s: float,
        ends: tuple[str, str] = ALL_KEYS,
    ) -> None:
        self.written = 0
        self._ends = ends
        self._lake, self._version, self._keys = lake, version, keys
        self._seen = -1 if since is None else since
        self._most_rows, self._most_s = most_rows, most_s
        self._pending = Pending(lake, version)
        self._held: list[Scored] = []
        self._files: list[str] = []  # of what is held
        self._begun = time.monotonic()
        self._pool = ThreadPoolExecutor(1)
        self._under_way: tuple[Future[None], list[Scored], list[str]] | None = None
        self._table: DeltaTable | None = None

    def __enter__(self) -> "Commits":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._hand_over()
            self._settle()
        finally:
            self._pool.shutdown()
            self._pending.close()

    def take_up(self) -> None:
        """Commits what killed workers left of these keys. The rest of a file, of other ranges or another profile, is put into one of its
        own."""
        for name, rows in self._pending.left(*self._ends):
            is_mine = self._keys.are_ours(pa.array([row.key for row in rows]))
            if not is_mine.any():
                continue
            rest = [row for row, mine in zip(rows, is_mine, strict=True) if not mine]
            if rest:
                self._pending.keep(rest)
                self._pending.settle()
            self._held += [row for row, mine in zip(rows, is_mine, strict=True) if mine]
            self._files.append(name)
        self._hand_over()
        self._settle()

    def add(self, rows: list[Scored]) -> None:
        """Raises what the commit before raised."""
        if rows:
            self._held += rows
            self._files.append(self._pending.keep(rows))
        if len(self._held) >= self._most_rows or time.monotonic() - self._begun > self._most_s:
            self._hand_over()

    def _hand_over(self) -> None:
        self._settle()
        held, files, self._begun = self._held, self._files, time.monotonic()
        self._held, self._files = [], []
        if files or held:
            self._under_way = self._pool.submit(self._commit, held, files), held, files

    def _settle(self) -> None:
        under_way, self._under_way = self._under_way, None
        if under_way:
            done, rows, files = under_way
            try:
                done.result()
            except BaseException:
                self._held, self._files = rows + self._held, files + self._files  # leaving tries once more
                raise

    def _commit(self, rows: list[Scored], files: list[str]) -> None:
        if rows:
            self._insert(rows)
        self._pending.forget(files)

    def _insert(self, rows: list[Scored]) -> None:
        keys, percents, tokens, truncated = zip(*rows, strict=True)
        columns = [keys, [self._version] * len(rows), percents, tokens, truncated]
        scores = pa.table(dict(zip(SCORES.names, columns, strict=True)), schema=SCORES.arrow_schema)
        for attempt in range(INSERT_ATTEMPTS):
            table = self._follow()
            new = scores.filter(pa.array(self._keys.are_open(scores.column("content_sha256").combine_chunks())))
            if not new.num_rows:
                return
            try:
                add_rows(self._lake, SCORES, new, table)
            except OvertakenError:
                if attempt == INSERT_ATTEMPTS - 1:
                    raise
                time.sleep(random.uniform(0, 0.05 * 2 ** min(attempt, 5)))  # else those that met meet again
                continue
            self._seen += 1
            self._keys.close(new.column("content_sha256").combine_chunks())
            self.written += new.num_rows
            return

    def _follow(self) -> DeltaTable:
        """The table as it is now, with the keys closed of all that others have added."""
        if self._table is None:
            make(self._lake, SCORES)
            self._table = DeltaTable(self._lake.path(SCORES.name), storage_options=storage_options())
        else:
            self._table.update_incremental()
        for version in range(self._seen + 1, self._table.version() + 1):
            for name in self._added(version):
                self._close(name)
            self._seen = version
        return self._table

    def _added(self, version: int) -> list[str]:
        """Names of the files that a version added and that may hold keys of the range, by the bounds in the version's entry of the log.

        A list of all files would grow with the table.
        """
        filesystem, root = filesystem_of(self._lake.path(SCORES.name))
        with filesystem.open_input_stream(f"{root}/_delta_log/{version:020d}.json") as stream:
            actions: list[dict[str, Any]] = [json.loads(line) for line in stream.read().splitlines() if line.strip()]
        return [unquote(action["add"]["path"]) for action in actions if "add" in action and self._may_hold(action["add"].get("stats"))]

    def _may_hold(self, statistics: str | None) -> bool:
        """Whether a file may hold scores of the range by this model; it may where the log does not say."""
        least, most = (json.loads(statistics or "{}").get(name, {}) for name in BOUNDS)
        low, high = self._ends
        is_ours = least.get("version", self._version) <= self._version <= most.get("version", self._version)
        return is_ours and least.get("content_sha256", low) < high and most.get("content_sha256", low) >= low

    def _close(self, name: str) -> None:
        filesystem, root = filesystem_of(self._lake.path(SCORES.name))
        where = pc.field("version") == self._version
        found = pq.read_table(f"{root}/{name}", columns=["content_sha256"], filesystem=filesystem, filters=where)
        for keys in found.column("content_sha256").chunks:
            self._keys.close(keys)
