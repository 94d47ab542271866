"""What keeps a model busy: a thread reads and tokenizes texts, and makes batches of them, while those before are worked on.

One pass over the contents, whatever the number of keys. In memory are the rows of some batches and some pages of the table.
"""

import queue
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
import pyarrow.compute as pc

from gpu_scoring.keys import Keys
from gpu_scoring.packed import is_packed
from gpu_scoring.scorer import Scorer
from schemas.ingest import CONTENTS
from schemas.lake import Lake

TEXTS_AT_ONCE = 64
BUFFER_BATCHES = 8  # whose rows wait, so that little of a batch stays empty, or is padding
BATCHES_AHEAD = 4


@dataclass(frozen=True)
class Row:
    key: str
    tokens: np.ndarray
    is_truncated: bool


def token_rows(lake: Lake, scorer: Scorer, keys: Keys, where: pc.Expression) -> Iterator[Row]:
    """The tokens of the texts of those keys that are open, in the order in which they lie. `where`: the range that all keys are of."""
    left = keys.open_count
    if not left:
        return
    for batch in lake.stream(CONTENTS, ["content_sha256", "text"], where, TEXTS_AT_ONCE):
        wanted = np.flatnonzero(keys.are_open(batch.column("content_sha256")))
        part = batch.take(wanted)
        tokens = scorer.tokens(part.column("text").to_pylist())
        for key, row in zip(part.column("content_sha256").to_pylist(), tokens, strict=True):
            yield Row(key, row, scorer.is_truncated(row))
        left -= len(wanted)
        if left <= 0:
            return


def batched(rows: Iterator[Row], scorer: Scorer, batch_tokens: int) -> Iterator[list[Row]]:
    """Rows in batches of at most so many tokens, or of one row."""
    waiting: list[Row] = []
    tokens = 0
    for row in rows:
        waiting.append(row)
        tokens += len(row.tokens)
        if tokens >= BUFFER_BATCHES * batch_tokens:
            found = scorer.batches([len(row.tokens) for row in waiting], batch_tokens)
            taken = list(islice(found, 1)) if is_packed(scorer.model) else list(found)
            yield from ([waiting[place] for place in places] for places in taken)
            gone = set(chain.from_iterable(taken))
            waiting = [row for place, row in enumerate(waiting) if place not in gone]
            tokens = sum(len(row.tokens) for row in waiting)
    for places in scorer.batches([len(row.tokens) for row in waiting], batch_tokens):
        yield [waiting[place] for place in places]


def ahead(batches: Iterator[list[Row]]) -> Generator[list[Row], None, None]:
    """The same, made by a thread while those before are worked on. Raises what that raises."""
    ready: queue.Queue[list[Row] | BaseException | None] = queue.Queue(maxsize=BATCHES_AHEAD)
    is_over = threading.Event()

    def put(item: list[Row] | BaseException | None) -> bool:
        while not is_over.is_set():
            try:
                ready.put(item, timeout=0.2)
                return True
            except queue.Full:
                continue
        return False

    def read() -> None:
        try:
            if all(map(put, batches)):
                put(None)
        except BaseException as error:
            put(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        is_over.set()
        reader.join()
