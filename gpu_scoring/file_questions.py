"""Files as the subject of labels: those that pass the gates of a policy, in the languages of the sample.

Reads   decide/gates, ingest/contents
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gpu_scoring import prompt
from gpu_scoring.judge import Answer
from gpu_scoring.population import passes
from gpu_scoring.sample import Sample, drawn
from gpu_scoring.subject import Subject, Texts
from schemas.decide import GATES
from schemas.ingest import CONTENTS
from schemas.lake import Lake
from udfs import rubric, syntax, text_facts
from udfs.syntax import SyntaxLimits


def sampled(lake: Lake, profile: str, count: int, shape: dict[str, int] | None) -> Sample:
    found = drawn(lake.scan(GATES, ["candidate", "language"], passes(profile)), count, shape)
    if not found.rows.num_rows:
        raise LookupError(
            f"{lake.path(GATES.name)} has no file of the profile {profile} in a language of the sample.\n"
            f"Expected what `codemill run --lake {lake.root} --source PATH --until decide --profile {profile}` makes."
        )
    return found


def texts(lake: Lake, keys: pa.Array) -> Texts:
    for batch in lake.scan(CONTENTS, ["content_sha256", "text"], pc.field("content_sha256").isin(keys)):
        yield from zip(batch.column("content_sha256").to_pylist(), batch.column("text").to_pylist(), strict=True)


def read(answer: Answer, text: str) -> dict[str, Any]:
    rating = prompt.read_answer(answer.text, prompt.nonce_of(text), answer.was_cut_off)
    status = "unusable" if rating.score is None else "rated"
    return {"status": status, "score": rating.score, "reason": rating.reason, "explanation": rating.explanation}


def rate(texts: list[str], languages: list[str]) -> list[dict[str, Any]]:
    found = rubric.rate(pa.array(texts, pa.large_string()), pa.array(languages, pa.string()), SyntaxLimits()).to_pylist()
    return [_rated(rating) for rating in found]


def _rated(rating: dict[str, Any]) -> dict[str, Any]:
    is_rated = rating["status"] == "rated"
    aspects = [f"{name} {rating[name]:.1f}" for name in rubric.ASPECTS if rating[name] is not None]
    return {
        "status": "rated" if is_rated else "failed",
        "score": rating["score"],
        "reason": rating["zero_reason"] if is_rated else rating["status"],
        "explanation": None if rating["zero_reason"] else ", ".join(aspects) or None,
    }


def warning(lake: Lake, profile: str) -> str:
    if lake.has_rows(GATES, passes(profile) & (pc.field("split") == "held_out")):
        return ""
    return (
        "no file that passes is held out, so that a scorer which learns from these labels cannot be evaluated. A lake with more"
        " repositories, or a new one with more of them held out (held_out_rate of the policy), can."
    )


FILES = Subject(
    "file", prompt.MOST_TEXT_BYTES, str(prompt.VERSION),
    (str(rubric.VERSION), str(syntax.VERSION), str(text_facts.VERSION), str(sorted(syntax.library_versions().items()))),
    sampled, texts, prompt.messages, read, rate, warning,
)  # fmt: skip
