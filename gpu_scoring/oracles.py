"""What an oracle was asked with, kept in the lake beside its labels: those hold a hash of it, and cards should be able to name it."""

from typing import Any

from gpu_scoring.judge import Endpoint
from gpu_scoring.subject import Subject
from schemas.lake import ORACLES, Lake


def keep_oracle(lake: Lake, version: str, subject: Subject, endpoint: Endpoint | None, most_text_bytes: int) -> None:
    """`version` is that of the labels; `endpoint` None is the rubric."""
    known: dict[str, Any] = {"kind": subject.kind}
    if endpoint is None:
        known |= {"oracle": "rubric", "rules_version": next(filter(str.isdigit, subject.rubric_version))}
    else:
        known |= {"oracle": f"judge {endpoint.model}", "prompt_version": subject.prompt_version, "most_text_bytes": most_text_bytes}
        known |= {"most_answer_tokens": endpoint.answer_tokens, "body": endpoint.body}
    lake.write_json(f"{ORACLES}/{version}.json", known)


def asked_with(lake: Lake, version: str) -> str:
    """The version of the prompt, or of the rubric's rules, to be told."""
    found = lake.read_json(f"{ORACLES}/{version}.json")
    if not found:
        return "of a version that was not kept when it was asked"
    if "rules_version" in found:
        return f"version {found['rules_version']} of its rules"
    return f"version {found['prompt_version']} of the prompt, the first {found['most_text_bytes']:,} bytes of a text shown"
