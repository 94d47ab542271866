"""A judge over real HTTP: what it answers, what it refuses, what it costs."""

import threading
from collections.abc import Callable

import pytest

from gpu_scoring.judge import Answer, Budget, Endpoint, Judge, JudgeError, OverBudgetError, Pace
from gpu_scoring.prompt import messages, nonce_of, read_answer
from tests.judge_server import Request, cut_connection, half_an_answer, judge_server, slow

TEXT = "def double(x):\n    return 2 * x\n"


def ask(behave: Callable[[Request], None], **options: object) -> tuple[Answer, Judge, int]:
    """The answer, the judge, and how many requests were made."""
    with judge_server(behave) as server:
        endpoint = Endpoint(server.url, "m", "secret", **{"timeout_s": 5.0, "attempts": 3, **options})  # type: ignore[arg-type]
        judge = Judge(endpoint, Budget(10**6), sleep=lambda seconds: None)
        answer = judge.ask(messages(TEXT, "Python"))
        assert all(headers["authorization"] == "Bearer secret" for headers in server.headers)
        return answer, judge, sum(server.questions.values())


def test_a_good_answer_is_read_and_costs_what_the_endpoint_says() -> None:
    answer, judge, requests = ask(lambda request: request.rate(7))
    assert read_answer(answer.text, nonce_of(TEXT)).score == 7
    assert (answer.prompt_tokens, answer.answer_tokens, answer.attempts, requests) == (100, 20, 1, 1)
    assert judge.budget.spent_tokens == 120


@pytest.mark.parametrize("status", [429, 500, 503, 408])
def test_what_may_pass_is_tried_again_and_costs_nothing(status: int) -> None:
    def behave(request: Request) -> None:
        if request.count < 2:
            request.send(status, b"busy")
        else:
            request.rate(3)

    answer, judge, requests = ask(behave)
    assert (answer.failure, answer.attempts, requests) == (None, 3, 3)
    assert judge.budget.spent_tokens == 120


@pytest.mark.parametrize(
    "behave", [half_an_answer, cut_connection, slow(1.0), lambda r: r.send(200, b'{"choices": []}'), lambda r: r.send(200, b"[1]")]
)
def test_what_is_no_whole_answer_is_tried_again_and_counts_as_spent(behave: Callable[[Request], None]) -> None:
    answer, judge, requests = ask(behave, timeout_s=0.3)
    assert (answer.failure, requests) == ("unreachable", 3)
    assert answer.detail
    most = sum(len(m["content"].encode()) + 16 for m in messages(TEXT, "Python")) + judge.endpoint.answer_tokens
    assert judge.budget.spent_tokens == 3 * most


def test_a_bad_question_is_not_asked_twice() -> None:
    answer, _, requests = ask(lambda request: request.send(400, b"context too long"))
    assert (answer.failure, answer.detail, requests) == ("refused", "400 context too long", 1)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_key_or_address_ends_the_run_and_says_so(status: int) -> None:
    with pytest.raises(JudgeError, match=rf"http://127.*/v1 answers {status} go away\.\nExpected an endpoint"):
        ask(lambda request: request.send(status, b"go away"))


def test_the_wait_that_the_endpoint_asks_for_is_kept() -> None:
    waits: list[float] = []

    def behave(request: Request) -> None:
        request.send(429, b"slowly", {"retry-after": "7"}) if request.count == 0 else request.rate(1)

    with judge_server(behave) as server:
        judge = Judge(Endpoint(server.url, "m"), Budget(), sleep=waits.append)
        judge.ask(messages(TEXT, "Python"))
    assert waits == [7]


def test_waits_grow() -> None:
    waits: list[float] = []
    with judge_server(lambda request: request.send(500, b"")) as server:
        Judge(Endpoint(server.url, "m", attempts=6), Budget(), sleep=waits.append).ask(messages(TEXT, "Python"))
    assert len(waits) == 5
    assert all(2**i / 2 <= wait <= 2**i for i, wait in enumerate(waits))


def test_a_budget_is_never_passed_whatever_runs_at_once() -> None:
    with judge_server(slow(0.02)) as server:
        endpoint = Endpoint(server.url, "m", prompt_price=1e6, answer_price=1e6)  # 1 for each token
        judge = Judge(endpoint, Budget(None, 20_000.0), threads=8)
        seen: list[float] = []

        def work() -> None:
            try:
                while True:
                    judge.ask(messages(TEXT, "Python"))
                    seen.append(judge.budget.spent_money)
            except OverBudgetError:
                pass

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.most_at_once > 1
    assert seen and max(seen) <= 20_000
    assert judge.budget.spent_money == 120 * len(seen)


def test_a_pace_spreads_what_is_asked() -> None:
    now, waits = 0.0, []

    def sleep(seconds: float) -> None:
        nonlocal now
        waits.append(seconds)
        now += seconds

    pace = Pace(120, clock=lambda: now, sleep=sleep)
    for _ in range(4):
        pace.wait()
    assert waits == [0, 0.5, 0.5, 0.5]
    Pace(None, sleep=sleep).wait(10**9)
    assert len(waits) == 4


def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with judge_server(lambda request: request.rate(9)) as server:
        host = server.url.removesuffix("/v1")
        monkeypatch.setenv("http_proxy", host)
        for no_proxy, status in (("", None), ("judge.invalid", "unreachable")):
            monkeypatch.setenv("no_proxy", no_proxy)
            judge = Judge(Endpoint("http://judge.invalid/v1", "m", attempts=1, timeout_s=2), Budget())
            assert judge.ask(messages(TEXT, "Python")).failure == status
