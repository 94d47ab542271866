"""Inline code: its backticks, and how many."""

from typing import Any

import numpy as np

from udfs.compiled import compiled
from udfs.page_code import longest_ticks
from udfs.page_tags import TAG, TEXT
from udfs.page_tree import END, KIND, LAST, START
from udfs.page_writer import (
    BREAK,
    CODE_BYTES,
    CODE_START,
    GLUED,
    HAS_TAGS,
    MARGIN,
    POS,
    SPACE,
    TICK_END,
    TICKS,
    TIGHT,
    begin_run,
    has_room,
    put,
)
from udfs.page_writer import CODE as IN_CODE


@compiled
def open_code(w: Any, data: Any, nodes: Any, i: Any) -> None:
    """The opening backticks of inline code; code right after other inline code continues it."""
    state = w.state
    state[IN_CODE] += 1
    if state[IN_CODE] > 1 or not has_room(w, MARGIN):
        return
    before, ticks = state[TICKS], np.int64(0)
    for k in range(i + 1, nodes[i, LAST]):
        if nodes[k, KIND] == TEXT:
            ticks = max(ticks, longest_ticks(data, np.int64(nodes[k, START]), np.int64(nodes[k, END])))
    state[TICKS] = min(ticks + 1, MARGIN // 8)
    if ticks == 0 and before == 1 and state[TICK_END] == state[POS] and not state[SPACE] and not state[BREAK]:
        state[POS] -= 1
        state[CODE_BYTES] -= state[POS]
        state[CODE_START] = -1
        return
    if not state[GLUED]:
        begin_run(w)
    for _ in range(state[TICKS]):
        put(w, 96)
    if ticks:
        put(w, 32)
    state[CODE_START] = state[TIGHT] = state[POS]
    state[CODE_BYTES] -= state[POS]


@compiled
def close_code(w: Any, tag: Any) -> None:
    state = w.state
    state[IN_CODE] -= 1
    if state[IN_CODE] or not has_room(w, MARGIN):
        return
    state[CODE_BYTES] += state[POS]
    state[HAS_TAGS] |= tag == TAG.CODE
    if state[TICKS] > 1:
        put(w, 32)
    for _ in range(state[TICKS]):
        put(w, 96)
    state[CODE_START] = -1
    state[TICK_END] = state[POS]
