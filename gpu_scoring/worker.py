"""The worker: scores of all files, or of all texts of pages, that pass the gates of a policy, by a scorer, without Spark.

Reads   decide/gates, ingest/contents
Writes  annotate/scores

Texts stream (gpu_scoring.feed), once, past the keys that want a score, of which a worker holds 17 bytes each: shares bound how many. What
has a score by this model is skipped. Several workers share the work by ranges of keys, without a coordinator; whoever overlaps or is
started again doubles nothing (gpu_scoring.commits).
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from gpu_scoring.commits import Commits
from gpu_scoring.device import flops, peak_flops
from gpu_scoring.feed import Row, ahead, batched, token_rows
from gpu_scoring.keys import Keys
from gpu_scoring.pending import Scored
from gpu_scoring.population import passes
from gpu_scoring.progress import Summary, Unusable, progress
from gpu_scoring.scorer import Scorer, ScorerError
from schemas.annotate import SCORES
from schemas.decide import GATES
from schemas.ingest import CONTENTS
from schemas.lake import Lake

# A model that gives no number for so many texts, and for more than this share of them, is not asked on.
MOST_UNUSABLE, MOST_UNUSABLE_SHARE = 100, 0.01
NO_NUMBER = -1
MANY_KEYS = 50_000_000  # 0.87 GB, as much as reading takes: more leave the 2 GB that a worker should need beside its model
Say = Callable[[str], None]


@dataclass(frozen=True)
class WorkerParams:
    """`share` of `shares`: which range of keys is this worker's, of candidates of the `kind`. Commits come after so many rows or seconds,
    whichever is first.
    """

    share: int = 0
    shares: int = 1
    batch_tokens: int = 8192
    commit_rows: int = 2000
    commit_s: float = 30.0
    price_per_hour: float = 0.0
    kind: str = "file"


def key_range(share: int, shares: int) -> tuple[str, str]:
    """First key and first key beyond, as hex digits: equal parts of all keys."""
    low, high = (f"{part * 2**32 // shares:08x}" if part < shares else "g" for part in (share, share + 1))
    return low, high


def within(name: str, params: WorkerParams) -> pc.Expression:
    low, high = key_range(params.share, params.shares)
    return (pc.field(name) >= low) & (pc.field(name) < high)


def run(lake: Lake, scorer: Scorer, version: str, profile: str, params: WorkerParams, say: Say, found: Summary | None = None) -> Summary:
    """Scores what this worker's range of keys lacks. `version`: gpu_scoring.device.version_of; `found` is filled while it goes on.

    Texts for which the model gives no number come last into the table, without one. Raises ScorerError where they are too many: all scores
    that there are are in the lake then, and these texts are not. So it does at the end where keys have no text.
    """
    weights = scorer.model.score.weight
    found = Summary() if found is None else found
    found.peak_flops = peak_flops(weights.device, weights.dtype)
    found.kind = params.kind
    start = time.monotonic()
    keys, since = keys_of(lake, version, profile, params)
    ends = key_range(params.share, params.shares)
    commits = Commits(lake, version, keys, since, params.commit_rows, params.commit_s, ends)
    commits.take_up()
    found.written = commits.written
    missing = keys.open_count
    if len(keys) > MANY_KEYS:
        say(f"{len(keys):,} keys are held in {keys.held_bytes / 1e9:.1f} GB; a worker of more shares holds fewer")
    found.wanted, found.skipped = len(keys), len(keys) - missing
    found.reading = f"tokens: {scorer.reading}; texts lie {scorer.placing}"
    say(f"{missing:,} of {len(keys):,} {params.kind}s have no score by {version}; {found.reading}")
    rows_of = token_rows(lake, scorer, keys, within("content_sha256", params))
    feed = ahead(batched(rows_of, scorer, params.batch_tokens))
    try:
        with closing(feed), commits:
            for rows in feed:
                commits.add(counted(found, scorer, rows))
                found.seconds = time.monotonic() - start
                if is_broken(found):
                    raise ScorerError(unusable_told(found, version, weights))
                say(progress(found, missing, params.price_per_hour))
            commits.add([Scored(text.key, None, text.token_count, text.is_truncated) for text in found.unusable])
    finally:
        found.seconds, found.written = time.monotonic() - start, commits.written
    if keys.open_count:
        raise ScorerError(without_text_told(lake, keys, profile, params))
    return found


def is_broken(found: Summary) -> bool:
    return len(found.unusable) >= max(MOST_UNUSABLE, MOST_UNUSABLE_SHARE * (found.scored + len(found.unusable)))


def passing(lake: Lake, profile: str, params: WorkerParams) -> Iterator[pa.Array]:
    """Keys of the range that pass the gates."""
    for batch in lake.scan(GATES, ["candidate"], passes(profile, params.kind) & within("candidate", params)):
        yield batch.column("candidate")


def keys_of(lake: Lake, version: str, profile: str, params: WorkerParams) -> tuple[Keys, int | None]:
    """The keys of the range that pass the gates, open where they have no score by `version` in that version of annotate/scores."""
    keys = Keys(passing(lake, profile, params))
    since = lake.version(SCORES)
    for batch in lake.scan(SCORES, ["content_sha256"], (pc.field("version") == version) & within("content_sha256", params)):
        keys.close(batch.column("content_sha256"))
    return keys, since


def counted(found: Summary, scorer: Scorer, rows: list[Row]) -> list[Scored]:
    """What annotate/scores gets of these rows, each of them counted."""
    percents = score(scorer, rows)
    scored = [Scored(row.key, int(p), len(row.tokens), row.is_truncated) for row, p in zip(rows, percents, strict=True) if p != NO_NUMBER]
    without = (row for row, percent in zip(rows, percents, strict=True) if percent == NO_NUMBER)
    found.unusable += [Unusable(row.key, len(row.tokens), row.is_truncated) for row in without]
    found.scored += len(scored)
    found.tokens += sum(one.token_count for one in scored)
    found.truncated += sum(one.is_truncated for one in scored)
    found.flops += flops(scorer.model, [one.token_count for one in scored])
    found.scores += np.bincount(percents[percents != NO_NUMBER], minlength=101)
    return scored


def score(scorer: Scorer, rows: list[Row]) -> np.ndarray:
    """Whole percents (int64), NO_NUMBER where the model gives none or infinity."""
    scorer.model.eval()
    with torch.inference_mode():
        raw = scorer.forward([row.tokens for row in rows]).numpy().astype(np.float64)
    percents = np.floor(100 * np.clip(np.nan_to_num(raw), 0, 1) + 0.5).astype(np.int64)
    return np.where(np.isfinite(raw), percents, NO_NUMBER)


def unusable_told(found: Summary, version: str, weights: torch.Tensor) -> str:
    named = ", ".join(row.key for row in found.unusable[:3])
    return (
        f"scorer {version}, in {str(weights.dtype).removeprefix('torch.')} on {weights.device}, gave no finite score for"
        f" {len(found.unusable):,} of {found.scored + len(found.unusable):,} texts, where the worker stopped: {named} ...\n"
        f"Expected fewer than {MOST_UNUSABLE}, or than {MOST_UNUSABLE_SHARE:.0%}. The {found.scored:,} others are in annotate/scores."
        " Train the scorer again, with a smaller --learning-rate."
    )


def without_text_told(lake: Lake, keys: Keys, profile: str, params: WorkerParams) -> str:
    without = (key for batch in passing(lake, profile, params) for key in batch.filter(pa.array(keys.are_open(batch))).to_pylist())
    return (
        f"{lake.path(CONTENTS.name)} has no text of {keys.open_count:,} of the {len(keys):,} {params.kind}s that pass the gates:"
        f" {', '.join(islice(without, 3))} ...\nAll others have their scores. Expected a text of each: the gates are of an older lake;"
        f" `codemill decide.gates --lake {lake.root} --profile {profile}` makes them anew."
    )
