"""Web pages as the subject of labels: a sample of all texts that pages have, whatever a policy thinks of them.

Reads   ingest/pages, ingest/contents

Labels teach what is relevant, so pages that a model or a rule would drop are asked about too, and no gate has been applied.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gpu_scoring import page_prompt
from gpu_scoring.judge import Answer
from gpu_scoring.sample import Sample, drawn
from gpu_scoring.subject import Subject, Texts
from schemas.ingest import CONTENTS, PAGES
from schemas.lake import Lake
from udfs import page_rubric
from udfs.page_signs import Page

LANGUAGE = "(page)"  # in the place of a file's language
_FACTS = ("url", "host", "title", "has_code_tags", "word_count", "link_word_count")


def sampled(lake: Lake, profile: str, count: int, shape: dict[str, int] | None) -> Sample:
    """By the draw on the content key. Pages have no shape, and no profile."""
    found = drawn(_keys(lake), count, None)
    if not found.rows.num_rows:
        raise LookupError(
            f"{lake.path(PAGES.name)} has no page.\nExpected what `codemill run --lake {lake.root} --archive WARC --until ingest` makes."
        )
    return found


def _keys(lake: Lake) -> Iterator[pa.RecordBatch]:
    for batch in lake.scan(PAGES, ["content_sha256"]):
        keys = batch.column("content_sha256").unique()
        yield pa.record_batch({"candidate": keys, "language": pa.array([LANGUAGE] * len(keys), pa.string())})


def texts(lake: Lake, keys: pa.Array) -> Texts:
    """Each text with the facts of one of its records: a whole one, at the shortest address."""
    best: dict[str, tuple[Any, ...]] = {}
    wanted = pc.field("content_sha256").isin(keys)
    for batch in lake.scan(PAGES, ["content_sha256", "is_truncated", "record", *_FACTS], wanted):
        for key, is_truncated, record, *facts in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            found = (is_truncated, len(facts[0]), facts[0], record, tuple(facts))
            best[key] = min(found, best.get(key, found))
    for batch in lake.scan(CONTENTS, ["content_sha256", "text"], wanted):
        for key, text in zip(batch.column("content_sha256").to_pylist(), batch.column("text").to_pylist(), strict=True):
            if key in best:
                yield key, json.dumps(dict(zip(_FACTS, best[key][-1], strict=True)) | {"text": text})


def page_of(text: str) -> Page:
    return Page(**json.loads(text))


def messages(text: str, language: str, most_bytes: int) -> list[dict[str, str]]:
    page = page_of(text)
    return page_prompt.messages(page.url, page.title, page.text, most_bytes)


def read(answer: Answer, text: str) -> dict[str, Any]:
    page = page_of(text)
    found = page_prompt.read_answer(answer.text, page_prompt.nonce_of(page.url, page.title, page.text), answer.was_cut_off)
    said = asdict(found)
    return said | {"status": "unusable" if found.score is None else "rated"}


def rate(texts: list[str], languages: list[str]) -> list[dict[str, Any]]:
    """The rubric's. It leaves relevance and category open where it is not sure."""
    return [_rated(page_rubric.label(page_of(text))) for text in texts]


def _rated(label: page_rubric.Label) -> dict[str, Any]:
    aspects = ", ".join(f"{name} {getattr(label, name):.1f}" for name in page_rubric.ASPECTS)
    return {
        "status": "rated",
        "score": label.score,
        "is_relevant": label.is_relevant,
        "category": label.category,
        "reason": label.zero_reason,
        "explanation": label.relevance_reason if label.zero_reason else f"{label.relevance_reason}, {aspects}",
    }


PAGES_ASKED = Subject(
    "page", page_prompt.MOST_TEXT_BYTES, f"page {page_prompt.VERSION}", ("page", str(page_rubric.VERSION)),
    sampled, texts, messages, read, rate, lambda lake, profile: "",
)  # fmt: skip
