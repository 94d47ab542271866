"""Streams windows of tokens out of a shard folder, in an order that depends on the shards, the plan and a seed alone.

The row groups of a split are dealt out to a few streams, the same however many processes there are. Each step takes as many windows from
every stream; a process reads the streams that its share of the step comes from, and no other. A stream reads a pool of row groups, gives
their windows in a drawn order, then the next; after its last pool comes another epoch in another order. So no window comes twice before
its stream has given all, and a run goes on with more or fewer processes where it stopped.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from training.errors import PlanError
from training.pools import Pool, Windows, pool_of, stacked
from udfs.draws import uniform
from udfs.manifest import Manifest, Shard, ShardError
from udfs.shards import ROW_GROUP_ROWS, open_folder

_POOL_TOKENS = 8 << 20  # shuffled together over all streams, one row group a stream at least: neighbours come from few repositories
_STREAMS_MAX = 64
_ROW_GROUPS_A_STREAM = 8  # at least, so that streams are about as long
RowGroup = tuple[Shard, int]


@dataclass(frozen=True)
class Source:
    """A split, and how its sequences become windows. `joined` neighbours in a shard make one sequence. The order is drawn with `seed`."""

    folder: str
    manifest: Manifest
    split: str
    context: int
    end_id: int
    seed: int | str = 0
    joined: int = 1

    def row_groups(self) -> list[RowGroup]:
        """As the manifest has them: no file is opened."""
        shards = self.manifest.splits[self.split].shards
        return [(shard, number) for shard in shards for number in range(-(-shard.rows // ROW_GROUP_ROWS))]

    def pool(self, row_groups: list[RowGroup]) -> Pool:
        tables = [_opened(self.folder, shard).read_row_group(number, columns=["tokens", "pieces"]) for shard, number in row_groups]
        return pool_of(tables, self.context, self.joined, self.manifest.vocabulary_size)


@dataclass(frozen=True)
class Position:
    """Where a stream stands: `window` windows of the pool are given."""

    epoch: int = 0
    pool: int = 0
    window: int = 0


class Batches:
    """The share of one process of every step's windows, without end; share `rank` of `count`.

    `positions` are those of an earlier run, by stream; a stream that is not there starts at its beginning.
    """

    def __init__(
        self, source: Source, batch_size: int, rank: int = 0, count: int = 1, positions: dict[int, Position] | None = None
    ) -> None:
        if batch_size % count:
            raise PlanError(f"a step of {batch_size} windows does not divide among {count} processes; set batch_size to a multiple")
        groups = _shuffled(source.row_groups(), f"{source.seed}.streams")
        streams = _stream_count(batch_size, len(groups))
        self._share = batch_size // streams  # of each stream in a step
        self._first, self._end = rank * batch_size // count, (rank + 1) * batch_size // count
        needed = range(self._first // self._share, -(-self._end // self._share))
        pool_size = max(1, _POOL_TOKENS // (streams * ROW_GROUP_ROWS * source.manifest.window))
        known = positions or {}
        self._streams = {
            number: _Stream(source, number, groups[number::streams], pool_size, known.get(number, Position())) for number in needed
        }

    def __iter__(self) -> "Batches":
        return self

    def __next__(self) -> Windows:
        parts = []
        for number, stream in self._streams.items():
            start = number * self._share
            mine = slice(max(self._first - start, 0), min(self._end - start, self._share))
            parts.append(stream.take(self._share)[mine])
        return stacked(parts)

    def positions(self) -> dict[int, dict[str, int]]:
        """Of the streams that this process reads, after the last step: what a saved state keeps."""
        return {number: asdict(stream.position) for number, stream in self._streams.items()}


def _stream_count(batch_size: int, row_groups: int) -> int:
    """The most streams that a step takes equal shares from, and that have some row groups each."""
    most = max(1, min(_STREAMS_MAX, row_groups // _ROW_GROUPS_A_STREAM))
    return next(count for count in range(most, 0, -1) if batch_size % count == 0)


class _Stream:
    def __init__(self, source: Source, number: int, row_groups: list[RowGroup], pool_size: int, position: Position) -> None:
        self._source, self._number, self._row_groups = source, number, row_groups
        self._pool_size = pool_size  # in row groups
        self.position = position
        self._epoch_order: tuple[int, list[RowGroup]] = (-1, [])
        self._loaded: tuple[int, int] | None = None

    def take(self, wanted: int) -> Windows:
        parts, missing = [], wanted
        while missing:
            self._load()
            at = self.position
            rows = self._order[at.window : at.window + missing]
            if len(rows):
                parts.append(self._pool.windows(rows, self._source.context, self._source.end_id))
                missing -= len(rows)
                self.position = Position(at.epoch, at.pool, at.window + len(rows))
            elif (at.pool + 1) * self._pool_size < len(self._row_groups):
                self.position = Position(at.epoch, at.pool + 1)
            else:
                self.position = Position(at.epoch + 1)
        return stacked(parts)

    def _load(self) -> None:
        """Reads the pool of the position, unless it is there."""
        epoch, pool = self.position.epoch, self.position.pool
        if self._loaded == (epoch, pool):
            return
        seed = f"{self._source.seed}.{epoch}"
        if self._epoch_order[0] != epoch:
            self._epoch_order = (epoch, _shuffled(self._row_groups, seed))
        self._pool = self._source.pool(self._epoch_order[1][pool * self._pool_size : (pool + 1) * self._pool_size])
        self._order = _order([f"{self._number}/{pool}/{window}" for window in range(len(self._pool.starts))], f"{seed}.windows")
        self._loaded = (epoch, pool)


def pools(source: Source) -> Iterator[Pool]:
    """The split's windows, one pool per row group, row groups in an order drawn with the seed. Their order says nothing of the rest."""
    for row_group in _shuffled(source.row_groups(), f"{source.seed}.groups"):
        yield source.pool([row_group])


def joined_sequences(manifest: Manifest, window: int, is_allowed: bool, phase: str) -> int:
    """How many neighbours make a sequence as long as the window. Raises `PlanError` where it takes more than one and is not allowed."""
    joined = -(-window // manifest.window)
    if joined > 1 and not is_allowed:
        raise PlanError(
            f"{phase}.window is {window:,} tokens; the longest sequence of the shards has {manifest.window:,}. Export a mixture of longer "
            f"sequences, or lower the window, or set {phase}.joins_sequences=true: neighbours in a shard are then joined"
        )
    return joined


@lru_cache(maxsize=16)
def _opened(folder: str, shard: Shard) -> pq.ParquetFile:
    filesystem, root = open_folder(folder)
    try:
        return pq.ParquetFile(filesystem.open_input_file(f"{root}/{shard.file}"))
    except (OSError, pa.ArrowInvalid) as error:
        raise ShardError(f"the shard {shard.file} of {folder} cannot be read: {error}. Export the shards again") from error


def _shuffled(row_groups: list[RowGroup], seed: str) -> list[RowGroup]:
    return [row_groups[place] for place in _order([f"{shard.file}/{number}" for shard, number in row_groups], seed)]


def _order(ids: list[str], seed: str) -> np.ndarray:
    return np.argsort(uniform(pa.array(ids, pa.string()), seed), kind="stable")


def positions_of(saved: dict[Any, dict[str, int]]) -> dict[int, Position]:
    """Positions as `Batches.positions` gave them, by way of JSON or not."""
    return {int(number): Position(**position) for number, position in saved.items()}
