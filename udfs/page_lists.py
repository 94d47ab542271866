"""Lists: the marks before items, and the prefixes of what is inside."""

from typing import Any

import numpy as np

from udfs.compiled import compiled
from udfs.page_attributes import attribute
from udfs.page_names import is_digit, name_hash
from udfs.page_writer import BREAK, FRESH, INLINE, LIST, MARKER, MAX_PREFIX, PREFIX, PREFIX_BYTES, PREFIX_KINDS, end_run

_START = name_hash(b"start")

# What is remembered of an open element until it ends.
OPEN_NODE, OPEN_PREFIX, OPEN_LIST, OPEN_NUMBER, OPEN_ITEMS, OPEN_COLUMNS = range(6)


@compiled
def add_prefix(w: Any, marker: Any, kind: Any) -> None:
    state = w.state
    if state[PREFIX] + len(marker) <= MAX_PREFIX:
        for byte in marker:
            state[PREFIX_BYTES + state[PREFIX]] = byte
            state[PREFIX_KINDS + state[PREFIX]] = kind
            state[PREFIX] += 1


@compiled
def first_number(data: Any, start: Any) -> Any:
    value, end = attribute(data, start, _START)
    number = 0
    for i in range(value, min(end, value + 9)):
        if not is_digit(data[i]):
            return 1
        number = 10 * number + data[i] - 48
    return number if end > value else 1


@compiled
def open_item(w: Any, opened: Any) -> None:
    """A list item: items follow each other without empty lines, whatever is in them."""
    state = w.state
    end_run(w, 1)
    if state[INLINE]:
        return
    around = state[LIST]
    number = opened[around, OPEN_NUMBER] if around >= 0 else -1
    if around >= 0:
        is_first = opened[around, OPEN_ITEMS] == 0
        state[BREAK] = state[BREAK] if is_first else 1
        opened[around, OPEN_ITEMS] += 1
        opened[around, OPEN_NUMBER] += number >= 0
    if number < 0:
        add_prefix(w, b"- ", MARKER)
    else:
        digits = np.empty(12, np.uint8)
        at = 12
        digits[at - 1], digits[at - 2] = 32, 46
        at -= 2
        while number or at == 10:
            at -= 1
            digits[at] = 48 + number % 10
            number //= 10
        add_prefix(w, digits[at:], MARKER)
    state[FRESH] = 1
