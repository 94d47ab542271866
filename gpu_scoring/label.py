"""Labels: a sample of files or pages, rated by an oracle, a judge behind an endpoint or the rubric. What is asked, and about what, is a
subject (gpu_scoring/subject.py).

Writes  annotate/labels
"""

import hashlib
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gpu_scoring.asking import Asking
from gpu_scoring.judge import Endpoint, Judge
from gpu_scoring.keeper import Keeper
from gpu_scoring.patience import Patience
from gpu_scoring.sample import Sample
from gpu_scoring.stopping import Stop, stopped_in_order
from gpu_scoring.subject import Subject
from gpu_scoring.worksheet import Worksheet
from schemas.annotate import LABELS
from schemas.lake import Lake
from udfs.draws import uniform

RUBRIC = "rubric"
RATED = "rated"
ROWS_AT_ONCE = 64  # texts that the rubric is given in one call
TEXTS_AT_ONCE = 256  # that go into the worksheet in one transaction
Say = Callable[[str], None]
Row = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """`is_again`: also about texts whose answer was no rating. Of a longer text the first `most_text_bytes` are shown to a judge."""

    turn: int
    most_text_bytes: int
    is_again: bool = False


@dataclass
class Summary:
    """What a run did. `answers` by status and reason; `left` is what was not asked. `signal`: the number of the one that ended it;
    `under_way` counts questions whose answers were not waited for then."""

    sample: Sample
    version: str
    answers: Counter[str] = field(default_factory=Counter)
    scores: Counter[int] = field(default_factory=Counter)
    asked: int = 0
    left: int = 0
    seconds: float = 0.0
    stopped: str | None = None
    signal: int | None = None
    under_way: int = 0


def rubric_version(subject: Subject) -> str:
    return _hash("rubric", *subject.rubric_version)


def judge_version(subject: Subject, endpoint: Endpoint, most_text_bytes: int) -> str:
    """The address is no part of it: the same model elsewhere is the same oracle."""
    body = [json.dumps(endpoint.body, sort_keys=True)] if endpoint.body else []
    return _hash("judge", endpoint.model, subject.prompt_version, str(most_text_bytes), str(endpoint.answer_tokens), *body)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def repeated(sample: Sample, turn: int, share: float) -> Sample:
    """The part of a sample that is asked again in a later turn."""
    if turn == 0:
        return sample
    keys = sample.rows.column("content_sha256").combine_chunks()
    rows = sample.rows.filter(pa.array(uniform(keys, f"turn {turn}") < share))
    return Sample(rows, sample.wanted, dict(Counter(rows.column("language").to_pylist())))


def label(
    lake: Lake,
    subject: Subject,
    sample: Sample,
    worksheet: Worksheet,
    oracle: Judge | None,
    asked: Asked,
    begins: Callable[[int, int], None],
    say: Say,
) -> Summary:
    """Asks about every row of the sample that has no answer yet, and puts what was answered into the lake.

    `oracle` None is the rubric. Ends early, and says so in the summary, where the budget does or a signal comes. `begins` is told before
    the first question how many texts are to be asked about, and how many bytes of them are shown.
    """
    start = time.monotonic()
    version, found, keeper = worksheet.version, Summary(sample, worksheet.version), Keeper(lake, worksheet)
    keeper.commit()  # what a run that was killed had been told
    before = _labels(lake, version, asked.turn)
    answered = {row[:2] for row in before if row[2] == RATED or not asked.is_again}
    missing = [row for row in _tuples(sample.rows) if row[:2] not in answered]
    _put_texts(lake, subject, worksheet, missing)
    wanted = {row[:2] for row in missing}
    rows, sizes = worksheet.rows(wanted), worksheet.sizes(wanted)
    begins(len(sizes), sum(min(size, asked.most_text_bytes) for size in sizes))
    with stopped_in_order() as stop:
        if oracle is None:
            _keep(rated(rows, subject, version, asked.turn, stop), keeper, None, found, len(missing), say)
        else:
            oracle.has_answered = bool(before)
            has_rated = any(row[2] == RATED for row in before)
            patience = Patience(oracle, subject.kind, has_rated, is_again=asked.is_again)
            asking = Asking(subject, oracle, patience, version, asked.turn, asked.most_text_bytes)
            _keep(asking.answers(rows, stop), keeper, oracle, found, len(missing), say)
            found.under_way = asking.under_way
    found.signal = stop.signal
    _count(lake, asked.turn, found)
    found.left = len(missing) - found.asked
    found.seconds = time.monotonic() - start
    if oracle and oracle.budget.is_used_up:
        found.stopped = "the budget does not allow another question"
    return found


def _keep(answers: Iterator[list[Row]], keeper: Keeper, oracle: Judge | None, found: Summary, wanted: int, say: Say) -> None:
    """Every answer. What is under way when something fails is paid for: it is waited for, and safe on this machine."""
    start = time.monotonic()
    try:
        for rows in answers:
            found.asked += len(rows)
            keeper.keep(rows)
            if rows:
                say(_progress(found.asked, wanted, rows[0]["kind"], time.monotonic() - start, oracle))
    except Exception:
        if oracle:
            oracle.interrupted.set()
            for rows in answers:
                found.asked += len(rows)
                keeper.record(rows)
        raise
    finally:
        keeper.commit()


def _count(lake: Lake, turn: int, found: Summary) -> None:
    keys = {row[:2] for row in _tuples(found.sample.rows)}
    for _, _, status, reason, score in (row for row in _labels(lake, found.version, turn) if row[:2] in keys):
        found.answers[status if status == RATED else f"{status}: {reason}"] += 1
        if score is not None:
            found.scores[math.floor(score + 0.5)] += 1


def rated(rows: Iterator[tuple[str, str, str]], subject: Subject, version: str, turn: int, stop: Stop) -> Iterator[list[Row]]:
    """Answers of the rubric."""
    while not stop.signal and (batch := list(islice(rows, ROWS_AT_ONCE))):
        keys, languages, texts = (list(column) for column in zip(*batch, strict=True))
        ratings = zip(keys, languages, subject.rate(texts, languages), strict=True)
        yield [subject.row(key, language, version, turn, RUBRIC) | rating for key, language, rating in ratings]


def _progress(asked: int, wanted: int, kind: str, seconds: float, oracle: Judge | None) -> str:
    left_s = seconds / asked * (wanted - asked)
    spent = f", {oracle.budget.spent_tokens:,} tokens spent" if oracle else ""
    return f"{asked:,} of {wanted:,} {kind}s rated{spent}; about {left_s / 60:.0f} min left"


def _labels(lake: Lake, version: str, turn: int) -> list[tuple[Any, ...]]:
    """(content_sha256, language, status, reason, score)"""
    where = (pc.field("version") == version) & (pc.field("turn") == turn)
    return _tuples(lake.read(LABELS, ["content_sha256", "language", "status", "reason", "score"], where))


def _tuples(rows: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*(column.to_pylist() for column in rows.columns), strict=True))


def _put_texts(lake: Lake, subject: Subject, worksheet: Worksheet, rows: list[tuple[Any, ...]]) -> None:
    """Copies the texts of the sample to the worksheet, in one pass over the contents."""
    held = worksheet.keys()
    languages: dict[str, list[tuple[str, float]]] = {}
    for key, language, draw in rows:
        if (key, language) not in held:
            languages.setdefault(key, []).append((language, draw))
    if not languages:
        return
    batch: list[tuple[str, str, float, str]] = []
    for key, text in subject.texts(lake, pa.array(languages)):
        batch += [(key, language, draw, text) for language, draw in languages[key]]
        if len(batch) >= TEXTS_AT_ONCE:
            worksheet.put(batch)
            batch = []
    worksheet.put(batch)
