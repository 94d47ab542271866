"""The worker: scores of all files that pass the gates of a policy, by a scorer, without Spark.

Reads   decide/gates, ingest/contents
Writes  annotate/scores

Texts stream: a thread reads and tokenizes while the model works; rows wait in a buffer that is bounded in tokens. What has a score by this
model is skipped. Several workers share the work by ranges of keys, without a coordinator, and hold the keys of their range, 64 bytes each.
A commit adds only keys that are not there, so that whoever overlaps or is started again doubles nothing, and a worker that is killed loses
what it scored since its last commit.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from gpu_scoring.device import flops, peak_flops
from gpu_scoring.packed import is_packed
from gpu_scoring.population import passes
from gpu_scoring.scorer import Scorer
from schemas.annotate import SCORES
from schemas.decide import GATES
from schemas.ingest import CONTENTS
from schemas.lake import Lake

KEYS_AT_ONCE = 1_000_000  # of which one pass over the contents is made: about 100 MB
TEXTS_AT_ONCE = 64
BATCHES_AHEAD = 4
Say = Callable[[str], None]


@dataclass(frozen=True)
class WorkerParams:
    """`share` of `shares`: which range of keys is this worker's. Commits come after so many rows or seconds, whichever is first."""

    share: int = 0
    shares: int = 1
    batch_tokens: int = 8192
    buffer_batches: int = 8
    commit_rows: int = 2000
    commit_s: float = 30.0
    price_per_hour: float = 0.0


@dataclass
class Summary:
    wanted: int = 0
    skipped: int = 0
    scored: int = 0
    tokens: int = 0
    truncated: int = 0
    seconds: float = 0.0
    flops: float = 0.0
    peak_flops: float = 0.0
    scores: np.ndarray = field(default_factory=lambda: np.zeros(101, np.int64))

    @property
    def peak_share(self) -> float:
        """Of what a product of dense matrices reaches on the device, counted in useful operations."""
        return self.flops / max(self.seconds, 1e-9) / self.peak_flops if self.peak_flops else 0.0


@dataclass(frozen=True)
class Row:
    key: str
    tokens: np.ndarray
    is_truncated: bool


def key_range(share: int, shares: int) -> tuple[str, str]:
    """First key and first key beyond, as hex digits: equal parts of all keys."""
    ends = [f"{part * 2**32 // shares:08x}" for part in range(shares)] + ["g"]
    return ends[share], ends[share + 1]


def run(lake: Lake, scorer: Scorer, version: str, profile: str, params: WorkerParams, say: Say) -> Summary:
    """Scores what this worker's range of keys lacks. `version` is the scorer's hash."""
    weights = scorer.model.score.weight
    found = Summary(peak_flops=peak_flops(weights.device, weights.dtype))
    start = time.monotonic()
    low, high = key_range(params.share, params.shares)
    passing = _keys(lake, GATES, "candidate", low, high, passes(profile))
    since = lake.version(SCORES)
    known = _keys(lake, SCORES, "content_sha256", low, high, pc.field("version") == version)
    missing = passing.filter(pc.invert(pc.is_in(passing, value_set=known)))
    found.wanted, found.skipped = len(passing), len(passing) - len(missing)
    held: list[tuple[str, int, int, bool]] = []
    committed = time.monotonic()
    for rows in ahead(batched(token_rows(lake, scorer, missing), scorer, params)):
        lengths = [len(row.tokens) for row in rows]
        percents = score(scorer, rows)
        held += [(row.key, int(p), n, row.is_truncated) for row, p, n in zip(rows, percents, lengths, strict=True)]
        found.scored += len(rows)
        found.tokens += sum(lengths)
        found.truncated += sum(row.is_truncated for row in rows)
        found.flops += flops(scorer.model, lengths)
        found.seconds = time.monotonic() - start
        found.scores += np.bincount(percents, minlength=101)
        if len(held) >= params.commit_rows or time.monotonic() - committed > params.commit_s:
            commit(lake, version, held, since)
            held, committed = [], time.monotonic()
        say(progress(found, len(missing), params.price_per_hour))
    commit(lake, version, held, since)
    found.seconds = time.monotonic() - start
    return found


def score(scorer: Scorer, rows: list[Row]) -> np.ndarray:
    """Whole percents (int64)."""
    scorer.model.eval()
    with torch.inference_mode():
        raw = scorer.forward([row.tokens for row in rows]).numpy()
    return np.floor(100 * np.clip(raw.astype(np.float64), 0, 1) + 0.5).astype(np.int64)


def token_rows(lake: Lake, scorer: Scorer, keys: pa.Array) -> Iterator[Row]:
    """The tokens of the texts of these keys, in the order in which they lie."""
    for start in range(0, len(keys), KEYS_AT_ONCE):
        wanted = keys.slice(start, KEYS_AT_ONCE)
        where = pc.field("content_sha256").isin(wanted)
        for batch in lake.scan(CONTENTS, ["content_sha256", "text"], where):
            for part in (batch.slice(at, TEXTS_AT_ONCE) for at in range(0, batch.num_rows, TEXTS_AT_ONCE)):
                tokens = scorer.tokens(part.column("text").to_pylist())
                for key, row in zip(part.column("content_sha256").to_pylist(), tokens, strict=True):
                    yield Row(key, row, len(row) == scorer.window and int(row[-1]) != scorer.tokenizer.end_id)


def batched(rows: Iterator[Row], scorer: Scorer, params: WorkerParams) -> Iterator[list[Row]]:
    """Rows in batches. Some batches' worth of them wait, so that little of a batch stays empty, or is padding."""
    waiting: list[Row] = []
    tokens = 0
    for row in rows:
        waiting.append(row)
        tokens += len(row.tokens)
        if tokens >= params.buffer_batches * params.batch_tokens:
            found = scorer.batches([len(row.tokens) for row in waiting], params.batch_tokens)
            taken = list(islice(found, 1)) if is_packed(scorer.model) else list(found)
            yield from ([waiting[place] for place in places] for places in taken)
            gone = set(chain.from_iterable(taken))
            waiting = [row for place, row in enumerate(waiting) if place not in gone]
            tokens = sum(len(row.tokens) for row in waiting)
    for places in scorer.batches([len(row.tokens) for row in waiting], params.batch_tokens):
        yield [waiting[place] for place in places]


def ahead(batches: Iterator[list[Row]]) -> Iterator[list[Row]]:
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


def commit(lake: Lake, version: str, rows: list[tuple[str, int, int, bool]], since: int | None) -> None:
    """`since`: the table's version before its keys were read; what was added later is looked at again."""
    if not rows:
        return
    keys, percents, tokens, truncated = zip(*rows, strict=True)
    columns = {
        "content_sha256": keys,
        "version": [version] * len(rows),
        "score_percent": percents,
        "token_count": tokens,
        "is_truncated": truncated,
    }
    lake.insert(SCORES, pa.table(columns, schema=SCORES.arrow_schema), since)


def _keys(lake: Lake, table: object, name: str, low: str, high: str, where: pc.Expression) -> pa.Array:
    found = lake.read(table, [name], where & (pc.field(name) >= low) & (pc.field(name) < high))  # type: ignore[arg-type]
    return found.column(name).combine_chunks()


def progress(found: Summary, wanted: int, price_per_hour: float) -> str:
    left_h = found.seconds / found.scored * (wanted - found.scored) / 3600
    left = f"about {60 * left_h:.0f} min left" + (f", at a cost of {price_per_hour * left_h:,.2f}" if price_per_hour else "")
    speed = f"{found.tokens / found.seconds:,.0f} tokens/s, {found.peak_share:.0%} of the device's peak"
    return f"{found.scored:,} of {wanted:,} files scored, {speed}; {left}"
