"""When an endpoint is not to be asked any more: it answers nothing, refuses everything, or says nothing that can be read."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from gpu_scoring.judge import Judge, JudgeError

MOST_IN_A_ROW = 10  # texts that the endpoint does not answer about, before the fault is taken to be its own
MOST_UNUSABLE = 20  # first answers without one that can be used, before the fault is taken to be the model's
EXAMPLE_CHARACTERS = 300


@dataclass
class Patience:
    """Tells an endpoint that answers nothing from texts that it does not answer about.

    What it refuses is held back until it answers again: a model that is not there, a field that it does not know or an account that is
    empty may be refused like a text that is too long. `has_rated`: whether this oracle ever gave a rating, now or in an earlier run.
    `is_again`: all texts are some that got none, so that many refusals in a row say nothing of the endpoint.
    """

    judge: Judge
    kind: str
    has_rated: bool = False
    has_answered: bool = False
    is_again: bool = False
    silent: int = 0
    last_silence: str | None = None
    refused: list[dict[str, Any]] = field(default_factory=list)
    unusable: Counter[str] = field(default_factory=Counter)  # by reason, before the first rating
    example: str = ""

    def rows(self, answer: dict[str, Any]) -> list[dict[str, Any]]:
        """What is known after this answer."""
        if "silence" in answer:
            self.silent += 1
            self.last_silence = answer["silence"]
            return []
        self.silent = 0
        if answer["reason"] == "refused":
            self.refused.append(answer)
            return []
        self.has_answered = True
        self.has_rated |= answer["status"] == "rated"
        if not self.has_rated:
            self.unusable[answer["reason"]] += 1
            self.example = answer["answer"] or self.example
        held, self.refused = self.refused, []
        return [*held, answer]

    def check(self, is_over: bool = False) -> None:
        """Raises JudgeError where the endpoint is not to be asked any more. `is_over`: nothing is left to ask."""
        what = f"{self.kind}s in a row"
        if self.silent > MOST_IN_A_ROW:
            advice = "What it answered before is kept; the same command continues when it is back."
            self._give_up(f"did not answer about {self.silent} {what}: {self.last_silence}.\n{advice}")
        is_refusing = len(self.refused) > MOST_IN_A_ROW and not self.is_again
        if is_refusing or (is_over and self.refused and not self.has_answered):
            refused = f"all of {len(self.refused)} {self.kind}s" if is_over else f"{len(self.refused)} {what}"
            advice = (
                "Expected a model that it knows, a key that may use it and an account that can pay."
                " Fields of a request that it does not take are changed by --body."
            )
            advice += " Or it takes none of these texts: what the lake says of them stays." if self.is_again else ""
            self._give_up(f"refused {refused}: {self.refused[-1]['answer']}.\n{advice}")
        if self.unusable.total() >= (1 if is_over else MOST_UNUSABLE) and not self.has_rated:
            self._give_up(self._unusable_told())

    def _unusable_told(self) -> str:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(self.unusable.items()))
        example = " ".join(self.example[-EXAMPLE_CHARACTERS:].split())
        return (
            f"gave no answer about {self.unusable.total():,} {self.kind}s that holds a rating ({reasons}). "
            + (f"The last one ends: {example!r}.\n" if example else "They are empty.\n")
            + "Expected a last line such as `Rating 0123456789abcdef: [[7]]`, with the number of the question. A model that thinks first"
            " needs more --answer-tokens, or a field of --body that lets it think less; one that cannot copy the number is no judge here.\n"
            "What was answered is kept as unusable."
        )

    def _give_up(self, what: str) -> None:
        raise JudgeError(f"{self.judge.endpoint.url} {what}")
