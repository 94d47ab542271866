"""A judge over real HTTP: what it answers, what it refuses, what it costs."""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from gpu_scoring.judge import Answer, Endpoint, Judge, JudgeError
from gpu_scoring.limits import Budget, OverBudgetError, Pace
from gpu_scoring.prompt import messages, nonce_of, read_answer
from tests.judge_server import Request, cut_connection, half_an_answer, judge_server, slow, trickle

TEXT = "def double(x):\n    return 2 * x\n"


def ask(behave: Callable[[Request], None], **options: object) -> tuple[Answer, Judge, int]:
    """The answer, the judge, and how many requests were made."""
    with judge_server(behave) as server:
        endpoint = Endpoint(server.url, "m", "secret", **{"timeout_s": 5.0, "attempts": 3, **options})  # type: ignore[arg-type]
        judge = Judge(endpoint, Budget(10**6), sleep=lambda seconds: None)
        answer = judge.ask(messages(TEXT, "Python"))
        assert all(headers["authorization"] == "Bearer secret" for headers in server.headers)
        return answer, judge, sum(server.questions.values())


def most_tokens(judge: Judge) -> int:
    return sum(len(m["content"].encode()) + 16 for m in messages(TEXT, "Python")) + judge.endpoint.answer_tokens


def test_a_good_answer_is_read_and_costs_what_the_endpoint_says() -> None:
    answer, judge, requests = ask(lambda request: request.rate(7))
    assert read_answer(answer.text, nonce_of(TEXT)).score == 7
    assert (answer.prompt_tokens, answer.answer_tokens, answer.attempts, requests) == (100, 20, 1, 1)
    assert judge.budget.spent_tokens == 120


@pytest.mark.parametrize(
    ("status", "is_billed"), [(429, False), (503, False), (500, True), (502, True), (524, True), (529, False), (408, True)]
)
def test_what_may_pass_is_tried_again_and_costs_what_it_may_have_cost(status: int, is_billed: bool) -> None:
    def behave(request: Request) -> None:
        if request.count < 2:
            request.send(status, b"busy")
        else:
            request.rate(3)

    answer, judge, requests = ask(behave)
    assert (answer.failure, answer.attempts, requests) == (None, 3, 3)
    assert judge.budget.spent_tokens == 120 + 2 * is_billed * most_tokens(judge)


@pytest.mark.parametrize(
    "behave",
    [
        half_an_answer,
        cut_connection,
        slow(1.0),
        trickle,
        *(lambda r, said=said: r.send(200, said) for said in (b'{"choices": []}', b"[1]", b"[" * 100_000, b"\xff", b'{"choices": [3]}')),
    ],
)
def test_what_is_no_whole_answer_is_tried_again_and_counts_as_spent(behave: Callable[[Request], None]) -> None:
    answer, judge, requests = ask(behave, timeout_s=0.3)
    assert (answer.failure, requests) == ("unreachable", 3)
    assert answer.detail
    assert judge.budget.spent_tokens == 3 * most_tokens(judge)


@pytest.mark.parametrize("usage", [{"prompt_tokens": float("nan"), "completion_tokens": -5}, {"prompt_tokens": "1"}, ["x"], "none", {}])
def test_a_use_that_is_no_number_counts_as_the_most_there_can_be(usage: object) -> None:
    answer, judge, _ = ask(lambda request: request.send(200, said("fine", usage)))
    assert (answer.text, answer.prompt_tokens, answer.answer_tokens) == ("fine", None, None)
    assert judge.budget.spent_tokens == most_tokens(judge)


def said(text: str, usage: object) -> bytes:
    return json.dumps({"choices": [{"message": {"content": text}}], "usage": usage}).encode()


def test_half_a_surrogate_pair_is_an_answer_that_can_be_written_down() -> None:
    answer, _, _ = ask(lambda request: request.send(200, said("a \ud83d b", {})))
    assert answer.text == "a ? b"


def test_what_was_never_sent_costs_nothing() -> None:
    with judge_server(slow(0)) as server:
        url = server.url
    judge = Judge(Endpoint(url, "m", attempts=2), Budget(10**6), sleep=lambda seconds: None)
    assert (judge.ask(messages(TEXT, "Python")).failure, judge.budget.spent_tokens) == ("unreachable", 0)


def test_nobody_waits_for_another_attempt_once_the_run_is_interrupted() -> None:
    with judge_server(lambda request: request.send(503, b"", {"retry-after": "60"})) as server:
        judge = Judge(Endpoint(server.url, "m"), Budget())
        threading.Timer(0.3, judge.interrupted.set).start()
        start = time.monotonic()
        assert judge.ask(messages(TEXT, "Python")).attempts == 1
        assert time.monotonic() - start < 10


def test_fields_of_the_request_are_the_users_to_change() -> None:
    seen: list[dict[str, object]] = []

    def behave(request: Request) -> None:
        seen.append(request.body)
        request.rate(1)

    ask(behave, body={"max_tokens": None, "max_completion_tokens": 50, "temperature": None})
    assert seen[0].keys() == {"model", "messages", "max_completion_tokens"}


def test_a_bad_question_is_not_asked_twice() -> None:
    answer, _, requests = ask(lambda request: request.send(400, b"context too long"))
    assert (answer.failure, answer.detail, requests) == ("refused", "400 context too long", 1)


@pytest.mark.parametrize("status", [401, 403, 404, 302])
def test_a_wrong_key_or_address_ends_the_run_and_says_so(status: int) -> None:
    with pytest.raises(JudgeError, match=rf"http://127.*/v1 answers {status} go away\.\nExpected an endpoint"):
        ask(lambda request: request.send(status, b"go away"))


def test_what_is_forbidden_after_an_answer_is_one_files_own_fault() -> None:
    with judge_server(lambda request: request.rate(3) if request.count == 0 else request.send(403, b"flagged")) as server:
        judge = Judge(Endpoint(server.url, "m"), Budget())
        judge.ask(messages(TEXT, "Python"))
        answer = judge.ask(messages(TEXT, "Python"))
    assert (answer.failure, answer.detail, judge.budget.spent_tokens) == ("refused", "403 flagged", 120)


def test_the_wait_that_the_endpoint_asks_for_is_kept() -> None:
    waits: list[float] = []

    def behave(request: Request) -> None:
        request.send(429, b"slowly", {"retry-after": "7"}) if request.count == 0 else request.rate(1)

    with judge_server(behave) as server:
        judge = Judge(Endpoint(server.url, "m"), Budget(), sleep=waits.append)
        judge.ask(messages(TEXT, "Python"))
    assert waits == [0, 7, 0]


def test_waits_grow() -> None:
    waits: list[float] = []
    with judge_server(lambda request: request.send(500, b"")) as server:
        Judge(Endpoint(server.url, "m", attempts=6), Budget(), sleep=waits.append).ask(messages(TEXT, "Python"))
    assert len(waits) == 6 + 5 and not any(waits[::2])  # those of the pace
    assert all(2**i / 2 <= wait <= 2**i for i, wait in enumerate(waits[1::2]))


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
    now = 7.0
    pace = Pace(120, clock=lambda: now)
    assert [pace.take() for _ in range(4)] == [0, 0.5, 1, 1.5]
    now += 1.75
    assert [pace.take(3), pace.take()] == [0.25, 1.75]
    assert Pace(None).take(10**9) == 0


@pytest.mark.parametrize("limited", ["requests", "tokens"])
def test_a_limit_holds_at_the_endpoint_and_is_used_up(limited: str) -> None:
    """20 a second, by eight threads that would all ask at once."""
    question = sum(len(m["content"].encode()) for m in messages(TEXT, "Python")) + 2 * 16
    pace = Pace(60 * 20 * (1 if limited == "requests" else question / 4 + Endpoint("", "").answer_tokens))
    with judge_server(lambda request: request.rate(5)) as server:
        judge = Judge(Endpoint(server.url, "m"), Budget(), **{limited: pace})  # type: ignore[arg-type]
        begun = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: judge.ask(messages(TEXT, "Python")), range(21)))
    assert all(answer.failure is None for answer in answers)
    after = [at - begun for at in sorted(server.times_s)]
    assert all(at >= place / 20 - 0.01 for place, at in enumerate(after))
    assert after[-1] < 10


def test_an_endpoint_that_asks_to_be_left_alone_is() -> None:
    def behave(request: Request) -> None:
        request.send(429, b"slowly", {"retry-after": "1"}) if request.count == 0 else request.rate(1)

    with judge_server(behave) as server:
        assert Judge(Endpoint(server.url, "m"), Budget()).ask(messages(TEXT, "Python")).attempts == 2
    assert 1 <= server.times_s[1] - server.times_s[0] < 2.5


def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with judge_server(lambda request: request.rate(9)) as server:
        host = server.url.removesuffix("/v1")
        monkeypatch.setenv("http_proxy", host)
        for no_proxy, status in (("", None), ("judge.invalid", "unreachable")):
            monkeypatch.setenv("no_proxy", no_proxy)
            judge = Judge(Endpoint("http://judge.invalid/v1", "m", attempts=1, timeout_s=2), Budget())
            assert judge.ask(messages(TEXT, "Python")).failure == status
