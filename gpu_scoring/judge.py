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
from urllib3.exceptions import HTTPError

LONGEST_WAIT_S = 60.0
FATAL = {401, 402, 403, 404, 405}  # of the key, the account or the address: no other file fares better
RETRIED = {408, 409, 425, 429}  # and 5xx


class JudgeError(Exception):
    """The endpoint cannot be used as it was named: where, what was found, what to do."""


class OverBudgetError(Exception):
    """The next request could cost more than is left."""


@dataclass(frozen=True)
class Endpoint:
    """`url` is the address that `/chat/completions` follows (`https://host/v1`). Prices are money per million tokens."""

    url: str
    model: str
    key: str = ""
    timeout_s: float = 120.0
    attempts: int = 6
    answer_tokens: int = 600
    prompt_price: float = 0.0
    answer_price: float = 0.0

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


@dataclass
class Budget:
    """Of tokens and of money; None: no limit. Safe to share between threads."""

    tokens: int | None = None
    money: float | None = None
    spent_tokens: int = 0
    spent_money: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def take(self, tokens: int, money: float) -> None:
        """Raises `OverBudgetError` where it would go over."""
        with self._lock:
            over_tokens = self.tokens is not None and self.spent_tokens + tokens > self.tokens
            over_money = self.money is not None and self.spent_money + money > self.money
            if over_tokens or over_money:
                raise OverBudgetError
            self.spent_tokens += tokens
            self.spent_money += money

    def settle(self, tokens: int, money: float) -> None:
        """Corrects what was taken by a difference, mostly negative."""
        with self._lock:
            self.spent_tokens += tokens
            self.spent_money += money


class Pace:
    """At most so much a minute, evenly: `wait(amount)` returns when it may go. Safe to share between threads."""

    def __init__(self, per_minute: float | None, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep):
        self._per_s = per_minute / 60 if per_minute else None
        self._clock, self._sleep = clock, sleep
        self._free_at = 0.0
        self._lock = threading.Lock()

    def wait(self, amount: float = 1) -> None:
        if self._per_s is None:
            return
        with self._lock:
            now = self._clock()
            start = max(now, self._free_at)
            self._free_at = start + amount / self._per_s
        self._sleep(start - now)


class Judge:
    """One endpoint, asked by many threads."""

    def __init__(
        self,
        endpoint: Endpoint,
        budget: Budget,
        threads: int = 8,
        requests: Pace | None = None,
        tokens: Pace | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.endpoint, self.budget, self.threads = endpoint, budget, threads
        self._requests, self._tokens, self._sleep = requests or Pace(None), tokens or Pace(None), sleep
        self._pool = _pool(endpoint, threads)

    def ask(self, messages: list[dict[str, str]]) -> Answer:
        """Raises `JudgeError` where no request can succeed, `OverBudgetError` where this one is not to be paid."""
        most_prompt = sum(len(message["content"].encode()) for message in messages) + 16 * len(messages)
        most = most_prompt + self.endpoint.answer_tokens
        most_money = self.endpoint.money(most_prompt, self.endpoint.answer_tokens)
        detail = ""
        for attempt in range(1, self.endpoint.attempts + 1):
            self.budget.take(most, most_money)
            self._requests.wait()
            self._tokens.wait(most_prompt / 4 + self.endpoint.answer_tokens)
            try:
                response = self._send(messages)
                found = self._read(response)
            except (HTTPError, OSError, ValueError, LookupError, TypeError) as error:
                # It may have been answered and billed: what was taken stays taken.
                detail, wait_s = f"{type(error).__name__}: {error}", 0.0
            else:
                if isinstance(found, Answer):
                    used = (found.prompt_tokens or most_prompt, found.answer_tokens or self.endpoint.answer_tokens)
                    self.budget.settle(sum(used) - most, self.endpoint.money(*used) - most_money)
                    return Answer(found.text, found.was_cut_off, found.prompt_tokens, found.answer_tokens, attempt)
                self.budget.settle(-most, -most_money)  # refused: nothing was generated
                detail, wait_s = found
                if response.status in FATAL:
                    raise JudgeError(
                        f"{self.endpoint.url} answers {detail}.\nExpected an endpoint that speaks the chat protocol of OpenAI."
                    )
                if response.status not in RETRIED and response.status < 500:
                    return Answer("", attempts=attempt, failure="refused", detail=detail)
            if attempt < self.endpoint.attempts:
                backoff = min(LONGEST_WAIT_S, 2.0 ** (attempt - 1)) * random.uniform(0.5, 1)
                self._sleep(max(backoff, min(wait_s, LONGEST_WAIT_S)))
        return Answer("", attempts=self.endpoint.attempts, failure="unreachable", detail=detail)

    def _send(self, messages: list[dict[str, str]]) -> Any:
        body = {"model": self.endpoint.model, "messages": messages, "max_tokens": self.endpoint.answer_tokens, "temperature": 0}
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {self.endpoint.key}"} if self.endpoint.key else {})
        address = f"{self.endpoint.url.rstrip('/')}/chat/completions"
        return self._pool.request("POST", address, body=json.dumps(body).encode(), headers=headers, redirect=False)

    def _read(self, response: Any) -> Answer | tuple[str, float]:
        """An answer; or of a status that is none (what was said, seconds to wait). Raises for an answer that is not whole."""
        if response.status != 200:
            said = response.data[:300].decode(errors="replace").replace("\n", " ")
            return f"{response.status} {said}", _seconds(response.headers.get("retry-after"))
        found = json.loads(response.data)
        choice = found["choices"][0]
        usage = found.get("usage") or {}
        text = choice["message"]["content"] or ""
        if not isinstance(text, str):
            raise TypeError(f"the answer's content is a {type(text).__name__}")
        return Answer(text, choice.get("finish_reason") == "length", usage.get("prompt_tokens"), usage.get("completion_tokens"))


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
