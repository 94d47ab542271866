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

from gpu_scoring.asking import judged
from gpu_scoring.judge import Endpoint, Judge
from gpu_scoring.sample import Sample
from gpu_scoring.subject import Subject
from gpu_scoring.worksheet import Worksheet
from schemas.annotate import LABELS
from schemas.lake import Lake
from udfs.draws import uniform

RUBRIC = "rubric"
ROWS_AT_ONCE = 64  # texts that the rubric is given in one call
TEXTS_AT_ONCE = 256  # that go into the worksheet in one transaction
COMMIT_EVERY = 1000  # answers
Say = Callable[[str], None]


@dataclass
class Summary:
    """What a run did. `answers` by status and reason; `left` is what was not asked."""

    sample: Sample
    version: str
    answers: Counter[str] = field(default_factory=Counter)
    scores: Counter[int] = field(default_factory=Counter)
    asked: int = 0
    left: int = 0
    seconds: float = 0.0
    stopped: str | None = None


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
    turn: int,
    most_text_bytes: int,
    begins: Callable[[int, int], None],
    say: Say,
) -> Summary:
    """Asks about every row of the sample that has no answer yet, and puts what was answered into the lake.

    `oracle` None is the rubric. Ends early, and says so in the summary, where the budget does. `begins` is told before the first question
    how many texts are to be asked about, and how many bytes of them are shown.
    """
    start = time.monotonic()
    found = Summary(sample, worksheet.version)
    before = _labels(lake, worksheet.version, turn)
    answered = {row[:2] for row in before}
    missing = [row for row in _tuples(sample.rows) if row[:2] not in answered]
    _put_texts(lake, subject, worksheet, missing)
    wanted = {row[:2] for row in missing}
    rows = (row for row in worksheet.open_rows(turn) if row[:2] in wanted)
    sizes = [size for *key, size in worksheet.open_sizes(turn) if tuple(key) in wanted]
    begins(len(sizes), sum(min(size, most_text_bytes) for size in sizes))
    if oracle:
        has_rated = any(status == "rated" for _, _, status, *_ in before)
        answers = judged(rows, subject, oracle, worksheet.version, turn, most_text_bytes, has_rated)
    else:
        answers = rated(rows, subject, worksheet.version, turn)
    place = 0  # what a run that was killed had been told is put into the lake too
    try:
        for row in answers:
            worksheet.record(row)
            found.asked += 1
            if found.asked % COMMIT_EVERY == 0:
                place = _commit(lake, worksheet, place)
            say(_progress(found.asked, len(missing), subject.kind, time.monotonic() - start, oracle))
    finally:
        _commit(lake, worksheet, place)
    keys = {row[:2] for row in _tuples(sample.rows)}
    labels = [row for row in _labels(lake, worksheet.version, turn) if row[:2] in keys]
    for _, _, status, reason, score in labels:
        found.answers[status if status == "rated" else f"{status}: {reason}"] += 1
        if score is not None:
            found.scores[math.floor(score + 0.5)] += 1
    found.left = len(keys) - len(labels)
    found.seconds = time.monotonic() - start
    if oracle and oracle.budget.is_used_up:
        found.stopped = "the budget does not allow another question"
    return found


def rated(rows: Iterator[tuple[str, str, str]], subject: Subject, version: str, turn: int) -> Iterator[dict[str, Any]]:
    """Answers of the rubric."""
    while batch := list(islice(rows, ROWS_AT_ONCE)):
        keys, languages, texts = (list(column) for column in zip(*batch, strict=True))
        for key, language, rating in zip(keys, languages, subject.rate(texts, languages), strict=True):
            yield subject.row(key, language, version, turn, RUBRIC) | rating


def _commit(lake: Lake, worksheet: Worksheet, place: int) -> int:
    rows, place = worksheet.answers(place)
    if rows.num_rows:
        lake.insert(LABELS, rows)
    return place


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
