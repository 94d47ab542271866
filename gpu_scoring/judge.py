"""Asking an OpenAI-compatible endpoint: retries with backoff, a pace, and a budget that is kept.

What is spent counts against the budget before it is: a request reserves what it can cost at most (a byte of text is at most one token, and
the answer's limit), and settles at what the endpoint says it used. An attempt that may have cost something without telling stays reserved.
"""

import json
import random
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import urllib3
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from gpu_scoring.limits import Budget, Pace

LONGEST_WAIT_S = 60.0
MOST_ANSWER_BYTES = 16 << 20
FATAL = {401, 402, 404, 405}  # and 3xx. Of the key, the account or the address: no other file fares better
FORBIDDEN = 403  # of the key as well; of one file where others were answered, such as by a filter of contents
RETRIED = {408, 409, 425, 429}  # and 5xx
NOT_BILLED = {503, 529}  # of 5xx: nobody had time. Of all others, as of 408, a gateway may give up on a model that goes on


class JudgeError(Exception):
    """The endpoint cannot be used as it was named: where, what was found, what to do."""


@dataclass(frozen=True)
class Endpoint:
    """`url` is the address that `/chat/completions` follows (`https://host/v1`). Prices are money per million tokens.

    `timeout_s` is that of one attempt, until its answer is whole. `body` replaces fields of the request; a null takes one out.
    """

    url: str
    model: str
    key: str = ""
    timeout_s: float = 120.0
    attempts: int = 6
    answer_tokens: int = 600
    prompt_price: float = 0.0
    answer_price: float = 0.0
    body: dict[str, Any] = field(default_factory=dict)

    def request(self, messages: list[dict[str, str]]) -> dict[str, Any]:
        fields = {"model": self.model, "messages": messages, "max_tokens": self.answer_tokens, "temperature": 0} | self.body
        return {name: value for name, value in fields.items() if value is not None}

    def money(self, prompt_tokens: int, answer_tokens: int) -> float:
        return (prompt_tokens * self.prompt_price + answer_tokens * self.answer_price) / 1e6


@dataclass(frozen=True)
class Answer:
    """`failure` is null, or why there is no text: `refused` (a 4xx), `unreachable` (attempts used up), with `detail`."""

    text: str
    was_cut_off: bool = False
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    attempts: int = 1
    failure: str | None = None
    detail: str | None = None


class Judge:
    """One endpoint, asked by many threads. Once `interrupted` is set nobody asks, nor waits to ask, any more.

    `has_answered`: whether it ever did, in this run or an earlier one.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        budget: Budget,
        threads: int = 8,
        requests: Pace | None = None,
        tokens: Pace | None = None,
        sleep: Callable[[float], Any] | None = None,
    ) -> None:
        self.endpoint, self.budget, self.threads = endpoint, budget, threads
        self.interrupted, self.has_answered = threading.Event(), False
        self._requests, self._tokens = requests or Pace(None), tokens or Pace(None)
        self._sleep = sleep or self.interrupted.wait
        self._pool = _pool(endpoint, threads)

    def ask(self, messages: list[dict[str, str]]) -> Answer:
        """Raises `JudgeError` where no request can succeed, `OverBudgetError` where this one is not to be paid."""
        most_prompt = sum(len(message["content"].encode()) for message in messages) + 16 * len(messages)
        most = most_prompt + self.endpoint.answer_tokens
        most_money = self.endpoint.money(most_prompt, self.endpoint.answer_tokens)
        detail, attempt = "", 0
        while attempt < self.endpoint.attempts and not self.interrupted.is_set():
            self.budget.take(most, most_money)
            self._sleep(max(self._requests.take(), self._tokens.take(most_prompt / 4 + self.endpoint.answer_tokens)))
            if self.interrupted.is_set():
                self.budget.settle(-most, -most_money)
                break
            attempt += 1
            try:
                status, wait_s, said = self._send(messages)
                answer = answer_of(said, attempt) if status == 200 else None
            except (NewConnectionError, ConnectTimeoutError) as error:
                self.budget.settle(-most, -most_money)  # nothing was sent
                detail, wait_s = f"{type(error).__name__}: {error}", 0.0
            except Exception as error:  # whatever an endpoint may say; it may have been billed, so what was taken stays taken
                detail, wait_s = f"{type(error).__name__}: {error}", 0.0
            else:
                if answer:
                    self.has_answered = True
                    used = (answer.prompt_tokens or most_prompt, answer.answer_tokens or self.endpoint.answer_tokens)
                    self.budget.settle(sum(used) - most, self.endpoint.money(*used) - most_money)
                    return answer
                if status != 408 and (status < 500 or status in NOT_BILLED):
                    self.budget.settle(-most, -most_money)
                detail = f"{status} {said[:300].decode(errors='replace')}".replace("\n", " ")
                if status in FATAL or status < 400 or (status == FORBIDDEN and not self.has_answered):
                    raise JudgeError(self._advice(status, detail))
                if status not in RETRIED and status < 500:
                    return Answer("", attempts=attempt, failure="refused", detail=detail)
            if attempt < self.endpoint.attempts:
                backoff = min(LONGEST_WAIT_S, 2.0 ** (attempt - 1)) * random.uniform(0.5, 1)
                self._sleep(max(backoff, min(wait_s, LONGEST_WAIT_S)))
        return Answer("", attempts=attempt, failure="unreachable", detail=detail)

    def _send(self, messages: list[dict[str, str]]) -> tuple[int, float, bytes]:
        """Status, seconds that the endpoint asks to wait, and what it says. Raises where that is not whole in time."""
        until = time.monotonic() + self.endpoint.timeout_s
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {self.endpoint.key}"} if self.endpoint.key else {})
        address, body = f"{self.endpoint.url.rstrip('/')}/chat/completions", json.dumps(self.endpoint.request(messages)).encode()
        response = self._pool.request("POST", address, body=body, headers=headers, redirect=False, preload_content=False)
        said = bytearray()
        try:
            while block := response.read1(1 << 16):
                said += block
                if time.monotonic() > until:
                    raise TimeoutError(f"the answer was not whole after {self.endpoint.timeout_s:g} s")
                if len(said) > MOST_ANSWER_BYTES:
                    raise ValueError(f"the answer is longer than {MOST_ANSWER_BYTES:,} bytes")
        except BaseException:
            response.close()  # what is still to come is nobody's answer
            raise
        finally:
            response.release_conn()
        return response.status, _seconds(response.headers.get("retry-after")), bytes(said)

    def _advice(self, status: int, detail: str) -> str:
        if status == 401 and not self.endpoint.key:
            return f"{self.endpoint.url} answers {detail}.\nNo key was sent: expected one in the variable that --key-env names."
        return f"{self.endpoint.url} answers {detail}.\nExpected an endpoint that speaks OpenAI's chat protocol, and a key that it takes."


def answer_of(said: bytes, attempt: int) -> Answer:
    """An answer of the chat protocol. Raises, whatever fits, for what is none. What it says of its use counts where it can be."""
    found = json.loads(said)
    choice = found["choices"][0]
    usage = found.get("usage")
    text = choice["message"]["content"] or ""
    if not isinstance(text, str):
        raise TypeError(f"the answer's content is a {type(text).__name__}")
    prompt, answer = (_count(usage, name) for name in ("prompt_tokens", "completion_tokens"))
    # Half a surrogate pair is JSON, and no text that a table can hold.
    return Answer(text.encode(errors="replace").decode(), choice.get("finish_reason") == "length", prompt, answer, attempt)


def _count(usage: Any, name: str) -> int | None:
    found = usage.get(name) if isinstance(usage, dict) else None
    return found if type(found) is int and found >= 0 else None


def _pool(endpoint: Endpoint, threads: int) -> urllib3.PoolManager:
    """Through the proxy that the environment names for the address, if any (`https_proxy`, `no_proxy`)."""
    address = urllib.parse.urlsplit(endpoint.url)
    options: dict[str, Any] = {"maxsize": threads, "block": True, "retries": False, "timeout": urllib3.Timeout(endpoint.timeout_s)}
    proxy = urllib.request.getproxies().get(address.scheme)
    if proxy and not urllib.request.proxy_bypass(address.hostname or ""):
        return urllib3.ProxyManager(proxy, **options)
    return urllib3.PoolManager(**options)


def _seconds(header: str | None) -> float:
    try:
        return max(0.0, float(header or 0))
    except ValueError:  # a date
        return 0.0
