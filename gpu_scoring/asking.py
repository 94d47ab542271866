"""Many questions to a judge at a time, and what becomes of each: a row, or nothing where it is to be asked again."""

import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from gpu_scoring.judge import Answer, Judge, JudgeError
from gpu_scoring.limits import OverBudgetError
from gpu_scoring.subject import Subject

MOST_IN_A_ROW = 10  # texts that the endpoint does not answer about, before the fault is taken to be its own


@dataclass
class Patience:
    """Tells an endpoint that answers nothing from texts that it does not answer about.

    What it refuses is held back until it answers again: a model that is not there, a field that it does not know or an account that is
    empty may be refused like a text that is too long.
    """

    judge: Judge
    kind: str
    silent: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)
    has_answered: bool = False

    def rows(self, answer: dict[str, Any]) -> list[dict[str, Any]]:
        """What is known after this answer. Raises JudgeError where the endpoint is not to be asked any more."""
        if "silence" in answer:
            self.silent += 1
            if self.silent > MOST_IN_A_ROW:
                self._give_up(f"did not answer about {self.silent} {self.kind}s in a row", answer["silence"])
            return []
        self.silent = 0
        if answer["reason"] == "refused":
            self.refused.append(answer)
            if len(self.refused) > MOST_IN_A_ROW:
                self._give_up(f"refused {len(self.refused)} {self.kind}s in a row", answer["answer"])
            return []
        self.has_answered = True
        return [*self.held(), answer]

    def held(self) -> list[dict[str, Any]]:
        """What was held back, once. Raises JudgeError where nothing was ever answered."""
        if self.refused and not self.has_answered:
            self._give_up(f"refused all of {len(self.refused)} {self.kind}s", self.refused[-1]["answer"])
        rows, self.refused = self.refused, []
        return rows

    def _give_up(self, what: str, detail: str) -> None:
        advice = "What it answered before is kept; the same command continues when it is back."
        if what.startswith("refused"):
            advice = "Expected a model that it knows, and an account that can pay. Fields that it does not take are changed by --body."
        raise JudgeError(f"{self.judge.endpoint.url} {what}: {detail}.\n{advice}")


def judged(
    rows: Iterator[tuple[str, str, str]], subject: Subject, judge: Judge, version: str, turn: int, most_text_bytes: int
) -> Iterator[dict[str, Any]]:
    """Answers of a judge, in the order in which they come. Where the budget ends no further question is asked.

    What the endpoint did not answer about is no row: it is asked again next time. Raises JudgeError where nothing is answered any more.
    """
    is_over = threading.Event()

    def ask(key: str, language: str, text: str) -> dict[str, Any] | None:
        if is_over.is_set():
            return None
        try:
            answer = judge.ask(subject.messages(text, language, most_text_bytes))
        except OverBudgetError:
            is_over.set()
            return None
        if answer.failure == "unreachable":
            return {"silence": answer.detail}
        return subject.row(key, language, version, turn, f"judge {judge.endpoint.model}") | _read(subject, answer, text)

    patience = Patience(judge, subject.kind)
    with ThreadPoolExecutor(judge.threads) as pool:
        running: set[Future[dict[str, Any] | None]] = set()
        try:
            while True:
                while len(running) < judge.threads and not is_over.is_set() and (row := next(rows, None)):
                    running.add(pool.submit(ask, *row))
                if not running:
                    break
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    running.remove(future)
                    if answer := future.result():
                        yield from patience.rows(answer)
            yield from patience.held()
        except (Exception, KeyboardInterrupt):
            is_over.set()
            judge.interrupted.set()
            yield from _answered(running, patience)  # which are paid for
            raise
        finally:
            is_over.set()


def _answered(running: set[Future[dict[str, Any] | None]], patience: Patience) -> Iterator[dict[str, Any]]:
    """What questions that are under way are still told, without their errors."""
    for future in wait(running).done:
        answer = None if future.exception() else future.result()
        if answer and "silence" not in answer and answer["reason"] != "refused":
            yield answer


def _read(subject: Subject, answer: Answer, text: str) -> dict[str, Any]:
    usage = {"prompt_tokens": answer.prompt_tokens, "answer_tokens": answer.answer_tokens, "attempts": answer.attempts}
    if answer.failure:
        return usage | {"status": "failed", "reason": answer.failure, "answer": answer.detail}
    return usage | subject.read(answer, text) | {"answer": answer.text}
