"""Many questions to a judge at a time, and what becomes of each: a row, or nothing where it is to be asked again."""

import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from gpu_scoring.judge import Answer, Judge
from gpu_scoring.limits import OverBudgetError
from gpu_scoring.patience import Patience
from gpu_scoring.subject import Subject


def judged(
    rows: Iterator[tuple[str, str, str]],
    subject: Subject,
    judge: Judge,
    version: str,
    turn: int,
    most_text_bytes: int,
    has_rated: bool,
) -> Iterator[dict[str, Any]]:
    """Answers of a judge, in the order in which they come. Where the budget ends no further question is asked.

    What the endpoint did not answer about is no row: it is asked again next time. Raises JudgeError where it is not to be asked any more.
    `has_rated`: whether it gave a rating in an earlier run.
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

    patience = Patience(judge, subject.kind, has_rated)
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
                        patience.check()
            patience.check(is_over=True)
            yield from patience.refused
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
