"""Many questions to a judge at a time, and what becomes of each: a row, or nothing where it is to be asked again."""

import math
import threading
import time
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import Any

from gpu_scoring.judge import Answer, Judge, JudgeError
from gpu_scoring.limits import OverBudgetError
from gpu_scoring.patience import Patience
from gpu_scoring.stopping import Stop
from gpu_scoring.subject import Subject

TICK_S = 0.2
GRACE_S = 10.0  # for answers that are under way when the run is told to stop: schedulers kill after 30 s
Row = dict[str, Any]


class Asking:
    """Questions of one turn of one oracle. `under_way` counts those without an answer: in the end, those that were not waited for."""

    def __init__(self, subject: Subject, judge: Judge, patience: Patience, version: str, turn: int, most_text_bytes: int) -> None:
        self._subject, self._judge, self._patience = subject, judge, patience
        self._version, self._turn, self._most_text_bytes = version, turn, most_text_bytes
        self._is_over = False  # the budget is
        self._trouble: Exception | None = None
        self._questions: SimpleQueue[tuple[str, str, str] | None] = SimpleQueue()
        self._answers: SimpleQueue[Row | Exception | None] = SimpleQueue()
        self.under_way = 0

    def answers(self, rows: Iterator[tuple[str, str, str]], stop: Stop) -> Iterator[list[Row]]:
        """Lists of rows of annotate/labels as they come, an empty one where a while passes without.

        What the endpoint did not answer about is no row: it is asked again next time. Raises JudgeError where it is not to be asked any
        more. Nothing more is asked once the budget is used up, `stop` is wished for or the judge is interrupted; what is under way then is
        paid for, and still comes.
        """
        until = math.inf
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(self._judge.threads)]  # one that hangs keeps nobody
        for thread in threads:
            thread.start()
        try:
            while time.monotonic() < until:
                while self._may_ask() and (row := next(rows, None)):
                    self._questions.put(row)
                    self.under_way += 1
                if not self.under_way:
                    break
                yield [row for answer in self._answered() for row in self._rows(answer)]
                if stop.signal and until == math.inf:
                    until = time.monotonic() + GRACE_S
                    self._judge.interrupted.set()
            if self._trouble:
                raise self._trouble
            if not self._judge.interrupted.is_set():
                self._patience.check(is_over=True)
                yield self._patience.refused
        finally:
            for _ in threads:
                self._questions.put(None)

    def _may_ask(self) -> bool:
        return self.under_way < self._judge.threads and not self._is_over and not self._judge.interrupted.is_set()

    def _answered(self) -> Iterator[Row | Exception | None]:
        """What came of questions; waits a little for the first."""
        wait_s = TICK_S
        try:
            while self.under_way:
                answer = self._answers.get(timeout=wait_s)
                self.under_way -= 1
                wait_s = 0.0
                yield answer
        except Empty:
            return

    def _rows(self, answer: Row | Exception | None) -> list[Row]:
        """What is known after this answer. Where nothing more should be asked, the judge is interrupted."""
        if answer is None:
            return []
        if isinstance(answer, Exception):
            return self._end(answer)
        if self._judge.interrupted.is_set():
            return [answer] if "silence" not in answer and answer["reason"] != "refused" else []
        rows = self._patience.rows(answer)
        try:
            self._patience.check()
        except JudgeError as error:
            self._end(error)
        return rows

    def _end(self, error: Exception) -> list[Row]:
        self._trouble = self._trouble or error
        self._judge.interrupted.set()
        return []

    def _work(self) -> None:
        while question := self._questions.get():
            try:
                self._answers.put(self._ask(*question))
            except OverBudgetError:
                self._is_over = True
                self._answers.put(None)
            except Exception as error:
                self._answers.put(error)

    def _ask(self, key: str, language: str, text: str) -> Row | None:
        if self._is_over:
            return None
        answer = self._judge.ask(self._subject.messages(text, language, self._most_text_bytes))
        if answer.failure == "unreachable":
            return {"silence": answer.detail}
        row = self._subject.row(key, language, self._version, self._turn, f"judge {self._judge.endpoint.model}")
        return row | _read(self._subject, answer, text)


def _read(subject: Subject, answer: Answer, text: str) -> Row:
    usage = {"prompt_tokens": answer.prompt_tokens, "answer_tokens": answer.answer_tokens, "attempts": answer.attempts}
    if answer.failure:
        return usage | {"status": "failed", "reason": answer.failure, "answer": answer.detail}
    return usage | subject.read(answer, text) | {"answer": answer.text}
