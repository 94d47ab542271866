"""What labels can be about: files or pages. Each says which texts are sampled, what an oracle is asked of one, how its answer is read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from gpu_scoring.judge import Answer
from gpu_scoring.sample import Sample
from schemas.annotate import LABELS
from schemas.lake import Lake

Texts = Iterator[tuple[str, str]]


@dataclass(frozen=True)
class Subject:
    """`kind` is that of candidates. A text is a string from `texts` on: what the worksheet holds, `messages` shows and `read` and `rate`
    are given again. Of a file it is the content, of a page JSON that holds its address and title too.

    sampled(lake, profile, count, shape): raises LookupError where there is nothing to sample.
    texts(lake, keys): (content key, text) of these keys, in the order in which they lie.
    messages(text, language, most_bytes): what a judge is asked.
    read(answer, text): columns of annotate/labels from an answer with text.
    rate(texts, languages): the same from the rubric, for each text.
    warning(lake, profile): what one should know before paying for labels, or nothing.
    rubric_version, prompt_version: change with what the rubric, or the prompt and its reading, give.
    """

    kind: str
    most_text_bytes: int
    prompt_version: str
    rubric_version: tuple[str, ...]
    sampled: Callable[[Lake, str, int, dict[str, int] | None], Sample]
    texts: Callable[[Lake, pa.Array], Texts]
    messages: Callable[[str, str, int], list[dict[str, str]]]
    read: Callable[[Answer, str], dict[str, Any]]
    rate: Callable[[list[str], list[str]], list[dict[str, Any]]]
    warning: Callable[[Lake, str], str]

    def row(self, key: str, language: str, version: str, turn: int, oracle: str) -> dict[str, Any]:
        """A row of annotate/labels before its answer."""
        known = {"content_sha256": key, "language": language, "kind": self.kind, "version": version, "turn": turn, "oracle": oracle}
        return dict.fromkeys(LABELS.names) | known | {"attempts": 0}
