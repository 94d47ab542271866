"""What asking may cost and how fast it may go: a budget that is kept by reserving, and a pace."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field


class OverBudgetError(Exception):
    """The next request could cost more than is left."""


@dataclass
class Budget:
    """Of tokens and of money; None: no limit. Safe to share between threads."""

    tokens: int | None = None
    money: float | None = None
    spent_tokens: int = 0
    spent_money: float = 0.0
    is_used_up: bool = False  # something was not asked for it
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def take(self, tokens: int, money: float) -> None:
        """Raises `OverBudgetError` where it would go over."""
        with self._lock:
            over_tokens = self.tokens is not None and self.spent_tokens + tokens > self.tokens
            over_money = self.money is not None and self.spent_money + money > self.money
            if over_tokens or over_money:
                self.is_used_up = True
                raise OverBudgetError
            self.spent_tokens += tokens
            self.spent_money += money

    def settle(self, tokens: int, money: float) -> None:
        """Corrects what was taken by a difference, mostly negative."""
        with self._lock:
            self.spent_tokens += tokens
            self.spent_money += money


class Pace:
    """At most so much a minute, evenly. Safe to share between threads."""

    def __init__(self, per_minute: float | None, clock: Callable[[], float] = time.monotonic):
        self._per_s = per_minute / 60 if per_minute else None
        self._clock = clock
        self._free_at = 0.0
        self._lock = threading.Lock()

    def take(self, amount: float = 1) -> float:
        """Seconds to wait until it may go. Its place is taken, whether it goes or not."""
        if self._per_s is None:
            return 0.0
        with self._lock:
            now = self._clock()
            start = max(now, self._free_at)
            self._free_at = start + amount / self._per_s
        return start - now
