"""Ending in order: the first Ctrl-C or SIGTERM is a wish that a loop sees, the second ends the process as it would have."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class Stop:
    """`signal` is the number of the one that came, None before."""

    signal: int | None = None


@contextmanager
def stopped_in_order() -> Iterator[Stop]:
    """While it is entered. In a thread that cannot take signals nothing ever comes."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def wish(number: int, _: object) -> None:
        stop.signal = number
        restore()

    for number in _SIGNALS:
        signal.signal(number, wish)
    try:
        yield stop
    finally:
        restore()
