"""Walks a page's tree and writes its text as Markdown."""

from typing import Any

import numpy as np

from udfs.compiled import compiled
from udfs.page_attributes import attribute
from udfs.page_code import longest_ticks, put_block
from udfs.page_marks import ACCEPTED, ANSWER, CODE, DROPPED, HAS_BLOCK, HAS_BREAK, HAS_CODE, MATH, QUESTION, SCORED, VOTES
from udfs.page_names import is_digit, is_space, name_hash
from udfs.page_tables import end_cell, end_row, end_table, is_data_table, start_cell, start_row, start_table
from udfs.page_tags import BLOCK, TAG, TEXT
from udfs.page_tree import BITS, END, KIND, LAST, MAX_DEPTH, SIZE, START
from udfs.page_writer import (
    BREAK,
    CODE_BYTES,
    CODE_START,
    FRESH,
    FULL,
    GLUED,
    HAS_TAGS,
    HEADING,
    INLINE,
    LINK,
    LIST,
    LOW,
    MARGIN,
    MARKER,
    MAX_PREFIX,
    POS,
    PREFIX,
    PREFIX_BYTES,
    PREFIX_KINDS,
    QUOTE,
    SPACE,
    TABLE,
    TICK_END,
    TICKS,
    TIGHT,
    begin,
    begin_run,
    end_run,
    has_room,
    put,
    put_all,
    put_text,
)
from udfs.page_writer import CODE as IN_CODE

_ALT, _ALTTEXT, _START, _DATA_SCORE = (name_hash(name) for name in (b"alt", b"alttext", b"start", b"data-score"))

# What is remembered of an open element until it ends.
_OPEN_NODE, _OPEN_PREFIX, _OPEN_LIST, _OPEN_NUMBER, _OPEN_ITEMS, _OPEN_COLUMNS = range(6)


@compiled
def render(data: Any, nodes: Any, count: Any, kinds: Any, names: Any, w: Any) -> None:
    """Writes the text of all nodes that are not DROPPED. Where `w` becomes FULL the text is not whole."""
    opened = np.empty((MAX_DEPTH + 1, _OPEN_COLUMNS), np.int64)
    depth = i = np.int64(0)
    while not w.state[FULL]:
        while depth and nodes[opened[depth - 1, _OPEN_NODE], LAST] <= i:
            depth -= 1
            _close(w, nodes, opened[depth], kinds)
        if i >= count:
            break
        if nodes[i, BITS] & DROPPED:
            i = np.int64(nodes[i, LAST])
        elif nodes[i, KIND] == TEXT:
            put_text(w, data, np.int64(nodes[i, START]), np.int64(nodes[i, END]), names)
            i += 1
        elif _put_whole(w, data, nodes, i, kinds, names):
            i = np.int64(nodes[i, LAST])
        else:
            row = opened[depth]
            row[_OPEN_NODE], row[_OPEN_PREFIX], row[_OPEN_LIST] = i, w.state[PREFIX], w.state[LIST]
            _open(w, data, nodes, i, kinds, opened, depth)
            depth += np.int64(nodes[i, LAST] > i + 1)
            if nodes[i, LAST] == i + 1:
                _close(w, nodes, row, kinds)
            i += 1


@compiled
def _put_whole(w: Any, data: Any, nodes: Any, i: Any, kinds: Any, names: Any) -> Any:
    """Writes an element that is one thing: a code block, mathematics, an image's formula. Returns whether it was one."""
    tag, bits = nodes[i, KIND], nodes[i, BITS]
    is_block = tag == TAG.PRE or tag == TAG.XMP or tag == TAG.LISTING or tag == TAG.PLAINTEXT or tag == TAG.TEXTAREA
    is_lines = (tag == TAG.CODE or tag == TAG.TT or tag == TAG.SAMP) and bits & HAS_BREAK and not bits & HAS_BLOCK
    if (is_block or is_lines or (bits & CODE and bits & HAS_CODE)) and not w.state[INLINE] and not w.state[IN_CODE]:
        if tag != TAG.TEXTAREA or _has_lines(data, nodes, i):
            put_block(w, data, nodes, i, kinds, names)
            w.state[HAS_TAGS] |= is_lines
        return True
    if tag == TAG.MATH:
        _put_math(w, data, nodes, i, names)
        return True
    if tag == TAG.IMG and bits & MATH:
        start, end = attribute(data, np.int64(nodes[i, START]), _ALT)
        _put_formula(w, data, start, end, names)
    return False


@compiled
def _has_lines(data: Any, nodes: Any, i: Any) -> Any:
    start, end = nodes[i, START], nodes[nodes[i, LAST] - 1, END]
    while start < end and data[start] != 10:
        start += 1
    return start < end


@compiled
def _put_formula(w: Any, data: Any, start: Any, end: Any, names: Any) -> None:
    if end > start:
        put_text(w, data, start, end, names)


@compiled
def _put_math(w: Any, data: Any, nodes: Any, i: Any, names: Any) -> None:
    """MathML as its TeX where the page has it, else as its text."""
    start, end = attribute(data, np.int64(nodes[i, START]), _ALTTEXT)
    if end > start:
        _put_formula(w, data, start, end, names)
        return
    for k in range(i + 1, nodes[i, LAST]):
        if nodes[k, KIND] == TAG.ANNOTATION and nodes[k, LAST] > k + 1:
            _put_formula(w, data, np.int64(nodes[k + 1, START]), np.int64(nodes[k + 1, END]), names)
            return
    for k in range(i + 1, nodes[i, LAST]):
        if nodes[k, KIND] == TEXT:
            put_text(w, data, np.int64(nodes[k, START]), np.int64(nodes[k, END]), names)


@compiled
def _lines_around(tag: Any) -> Any:
    """Line ends before and after a block: 2 make an empty line."""
    is_near = tag == TAG.DIV or TAG.CAPTION <= tag <= TAG.TH or tag == TAG.LI or tag == TAG.DD or tag == TAG.CENTER
    return 1 if is_near else 2


@compiled
def _add_prefix(w: Any, marker: Any, kind: Any) -> None:
    state = w.state
    if state[PREFIX] + len(marker) <= MAX_PREFIX:
        for byte in marker:
            state[PREFIX_BYTES + state[PREFIX]] = byte
            state[PREFIX_KINDS + state[PREFIX]] = kind
            state[PREFIX] += 1


@compiled
def _open(w: Any, data: Any, nodes: Any, i: Any, kinds: Any, opened: Any, depth: Any) -> None:
    state = w.state
    tag, bits = nodes[i, KIND], nodes[i, BITS]
    if bits & (QUESTION | ANSWER):
        _put_post(w, data, nodes, i)
    if TAG.H1 <= tag <= TAG.H6:
        end_run(w, 2)
        state[HEADING] = tag - TAG.H1 + 1 if nodes[i, SIZE] and not state[INLINE] else 0
        state[INLINE] += 1
    elif tag == TAG.BR:
        end_run(w, 1)
    elif tag == TAG.A:
        state[LINK] += 1
    elif tag == TAG.CODE or tag == TAG.TT or tag == TAG.KBD or tag == TAG.SAMP:
        if state[IN_CODE] or (nodes[i, SIZE] and not bits & HAS_BLOCK):
            _open_code(w, data, nodes, i)
    elif tag == TAG.UL or tag == TAG.OL or tag == TAG.MENU or tag == TAG.DIR:
        end_run(w, 2 if state[LIST] < 0 else 1)
        state[LIST] = depth
        opened[depth, _OPEN_NUMBER] = _first_number(data, np.int64(nodes[i, START])) if tag == TAG.OL else -1
        opened[depth, _OPEN_ITEMS] = 0
    elif tag == TAG.LI:
        _open_item(w, opened)
    elif tag == TAG.DD:
        end_run(w, 1)
        if not state[INLINE]:
            state[BREAK] = min(state[BREAK], 1)
            _add_prefix(w, b": ", MARKER)
            state[FRESH] = 1
            state[LIST] = -1
    elif tag == TAG.BLOCKQUOTE:
        end_run(w, 2)
        if not state[INLINE]:
            _add_prefix(w, b"> ", QUOTE)
            state[LIST] = -1
    elif tag == TAG.TABLE:
        end_run(w, 2)
        if not state[INLINE] and is_data_table(nodes, i):
            start_table(w, depth)
    elif tag == TAG.TR and state[TABLE] >= 0:
        start_row(w)
    elif (tag == TAG.TD or tag == TAG.TH) and state[TABLE] >= 0:
        start_cell(w)
    elif kinds[tag] & BLOCK:
        end_run(w, _lines_around(tag))


@compiled
def _close(w: Any, nodes: Any, row: Any, kinds: Any) -> None:
    state = w.state
    tag = nodes[row[_OPEN_NODE], KIND]
    if TAG.H1 <= tag <= TAG.H6:
        state[INLINE] -= 1
        state[HEADING] = 0
        end_run(w, 2)
    elif tag == TAG.A:
        state[LINK] -= 1
    elif tag == TAG.CODE or tag == TAG.TT or tag == TAG.KBD or tag == TAG.SAMP:
        if state[IN_CODE]:
            _close_code(w, tag)
    elif tag == TAG.UL or tag == TAG.OL or tag == TAG.MENU or tag == TAG.DIR:
        end_run(w, 2 if row[_OPEN_LIST] < 0 else 1)
    elif tag == TAG.TABLE:
        if state[TABLE] >= 0:
            end_table(w)
        end_run(w, 2)
    elif tag == TAG.TR and state[TABLE] >= 0:
        end_row(w)
    elif (tag == TAG.TD or tag == TAG.TH) and state[TABLE] >= 0:
        end_cell(w)
    elif kinds[tag] & BLOCK:
        end_run(w, _lines_around(tag))
    if tag == TAG.LI or tag == TAG.DD or tag == TAG.BLOCKQUOTE:
        state[FRESH] = 0
    state[PREFIX] = row[_OPEN_PREFIX]
    state[LIST] = row[_OPEN_LIST]
    state[LOW] = min(state[LOW], state[PREFIX])


@compiled
def _first_number(data: Any, start: Any) -> Any:
    value, end = attribute(data, start, _START)
    number = 0
    for i in range(value, min(end, value + 9)):
        if not is_digit(data[i]):
            return 1
        number = 10 * number + data[i] - 48
    return number if end > value else 1


@compiled
def _open_item(w: Any, opened: Any) -> None:
    """A list item: items follow each other without empty lines, whatever is in them."""
    state = w.state
    end_run(w, 1)
    if state[INLINE]:
        return
    around = state[LIST]
    number = opened[around, _OPEN_NUMBER] if around >= 0 else -1
    if around >= 0:
        is_first = opened[around, _OPEN_ITEMS] == 0
        state[BREAK] = state[BREAK] if is_first else 1
        opened[around, _OPEN_ITEMS] += 1
        opened[around, _OPEN_NUMBER] += number >= 0
    if number < 0:
        _add_prefix(w, b"- ", MARKER)
    else:
        digits = np.empty(12, np.uint8)
        at = 12
        digits[at - 1], digits[at - 2] = 32, 46
        at -= 2
        while number or at == 10:
            at -= 1
            digits[at] = 48 + number % 10
            number //= 10
        _add_prefix(w, digits[at:], MARKER)
    state[FRESH] = 1


@compiled
def _open_code(w: Any, data: Any, nodes: Any, i: Any) -> None:
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
def _close_code(w: Any, tag: Any) -> None:
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


@compiled
def _put_post(w: Any, data: Any, nodes: Any, i: Any) -> None:
    """A heading for a question or an answer, with its votes and whether it was accepted; of two questions in one, for the inner one."""
    inner = i + 1
    while inner < nodes[i, LAST] and not nodes[inner, BITS] & (QUESTION | ANSWER):
        inner += 1
    if inner < nodes[i, LAST] and nodes[i, BITS] & QUESTION and nodes[inner, BITS] & QUESTION:
        return
    end_run(w, 2)
    w.state[HEADING] = 2
    begin(w)
    bits = nodes[i, BITS]
    put_all(w, b"Question" if bits & QUESTION else b"Answer")
    votes, votes_end = _votes(data, nodes, i)
    if votes_end > votes or bits & ACCEPTED:
        put_all(w, b" (")
        for k in range(votes, votes_end):
            put(w, data[k])
        if votes_end > votes:
            put_all(w, b" vote" if votes_end - votes == 1 and data[votes] == 49 else b" votes")
        if bits & ACCEPTED:
            put_all(w, b", accepted" if votes_end > votes else b"accepted")
        put(w, 41)
    end_run(w, 2)


@compiled
def _votes(data: Any, nodes: Any, i: Any) -> Any:
    """(start, end) of the number of votes: the post's attribute, else the text that the page marks as its votes; (0, 0)."""
    start = end = np.int64(0)
    if nodes[i, BITS] & SCORED:
        start, end = attribute(data, np.int64(nodes[i, START]), _DATA_SCORE)
    else:
        for k in range(i + 1, nodes[i, LAST]):
            if nodes[k, BITS] & (QUESTION | ANSWER):
                break
            if nodes[k, BITS] & VOTES and nodes[k, LAST] > k + 1 and nodes[k + 1, KIND] == TEXT:
                start, end = np.int64(nodes[k + 1, START]), np.int64(nodes[k + 1, END])
                break
    while start < end and is_space(data[start]):
        start += 1
    last = start + (start < end and data[start] == 45)
    while last < end and last - start < 12 and is_digit(data[last]):
        last += 1
    return start, last
