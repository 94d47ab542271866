"""Walks a page's tree and writes its text as Markdown."""

from typing import Any

import numpy as np

from udfs.compiled import compiled
from udfs.page_attributes import attribute
from udfs.page_code import put_block
from udfs.page_code_parts import are_programs, has_parts, next_part
from udfs.page_formulas import put_formula, put_math
from udfs.page_inline_code import close_code, open_code
from udfs.page_lists import OPEN_COLUMNS, OPEN_ITEMS, OPEN_LIST, OPEN_NODE, OPEN_NUMBER, OPEN_PREFIX, add_prefix, first_number, open_item
from udfs.page_marks import ANSWER, CODE, DROPPED, HAS_BLOCK, HAS_BREAK, HAS_CODE, MATH, QUESTION
from udfs.page_names import name_hash
from udfs.page_posts import put_post
from udfs.page_tables import end_cell, end_row, end_table, is_data_table, start_cell, start_row, start_table
from udfs.page_tags import BLOCK, TAG, TEXT
from udfs.page_tree import BITS, END, KIND, LAST, MAX_DEPTH, SIZE, START
from udfs.page_writer import BREAK, FRESH, FULL, HAS_TAGS, HEADING, INLINE, LINK, LIST, LOW, MARKER, PREFIX, QUOTE, TABLE, end_run, put_text
from udfs.page_writer import CODE as IN_CODE

_ALT = name_hash(b"alt")


@compiled
def render(data: Any, nodes: Any, count: Any, kinds: Any, names: Any, w: Any) -> None:
    """Writes the text of all nodes that are not DROPPED. Where `w` becomes FULL the text is not whole."""
    opened = np.empty((MAX_DEPTH + 1, OPEN_COLUMNS), np.int64)
    depth = i = np.int64(0)
    while not w.state[FULL]:
        while depth and nodes[opened[depth - 1, OPEN_NODE], LAST] <= i:
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
            row[OPEN_NODE], row[OPEN_PREFIX], row[OPEN_LIST] = i, w.state[PREFIX], w.state[LIST]
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
            if has_parts(nodes, i) and are_programs(data, nodes, i):
                part = next_part(nodes, i, i + 1)
                while part < nodes[i, LAST]:
                    put_block(w, data, nodes, part, kinds, names, True)
                    part = next_part(nodes, i, np.int64(nodes[part, LAST]))
                return True
            put_block(w, data, nodes, i, kinds, names, False)
            w.state[HAS_TAGS] |= is_lines
        return True
    if tag == TAG.MATH:
        put_math(w, data, nodes, i, names)
        return True
    if tag == TAG.IMG and bits & MATH:
        start, end = attribute(data, np.int64(nodes[i, START]), _ALT)
        put_formula(w, data, start, end, names)
    return False


@compiled
def _has_lines(data: Any, nodes: Any, i: Any) -> Any:
    start, end = nodes[i, START], nodes[nodes[i, LAST] - 1, END]
    while start < end and data[start] != 10:
        start += 1
    return start < end


@compiled
def _lines_around(tag: Any) -> Any:
    """Line ends before and after a block: 2 make an empty line."""
    is_near = tag == TAG.DIV or TAG.CAPTION <= tag <= TAG.TH or tag == TAG.LI or tag == TAG.DD or tag == TAG.CENTER
    return 1 if is_near else 2


@compiled
def _open(w: Any, data: Any, nodes: Any, i: Any, kinds: Any, opened: Any, depth: Any) -> None:
    state = w.state
    tag, bits = nodes[i, KIND], nodes[i, BITS]
    if bits & (QUESTION | ANSWER):
        put_post(w, data, nodes, i)
    if TAG.H1 <= tag <= TAG.H6 and not bits & HAS_CODE:  # one with a code block in it is no heading of a line
        end_run(w, 2)
        state[HEADING] = tag - TAG.H1 + 1 if nodes[i, SIZE] and not state[INLINE] else 0
        state[INLINE] += 1
    elif tag == TAG.BR:
        end_run(w, 1)
    elif tag == TAG.A:
        state[LINK] += 1
    elif tag == TAG.CODE or tag == TAG.TT or tag == TAG.KBD or tag == TAG.SAMP:
        if state[IN_CODE] or (nodes[i, SIZE] and not bits & HAS_BLOCK):
            open_code(w, data, nodes, i)
    elif tag == TAG.UL or tag == TAG.OL or tag == TAG.MENU or tag == TAG.DIR:
        end_run(w, 2 if state[LIST] < 0 else 1)
        state[LIST] = depth
        opened[depth, OPEN_NUMBER] = first_number(data, np.int64(nodes[i, START])) if tag == TAG.OL else -1
        opened[depth, OPEN_ITEMS] = 0
    elif tag == TAG.LI:
        open_item(w, opened)
    elif tag == TAG.DD:
        end_run(w, 1)
        if not state[INLINE]:
            state[BREAK] = min(state[BREAK], 1)
            add_prefix(w, b": ", MARKER)
            state[FRESH] = 1
            state[LIST] = -1
    elif tag == TAG.BLOCKQUOTE:
        end_run(w, 2)
        if not state[INLINE]:
            add_prefix(w, b"> ", QUOTE)
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
    tag, bits = nodes[row[OPEN_NODE], KIND], nodes[row[OPEN_NODE], BITS]
    if TAG.H1 <= tag <= TAG.H6 and not bits & HAS_CODE:
        state[INLINE] -= 1
        state[HEADING] = 0
        end_run(w, 2)
    elif tag == TAG.A:
        state[LINK] -= 1
    elif tag == TAG.CODE or tag == TAG.TT or tag == TAG.KBD or tag == TAG.SAMP:
        if state[IN_CODE]:
            close_code(w, tag)
    elif tag == TAG.UL or tag == TAG.OL or tag == TAG.MENU or tag == TAG.DIR:
        end_run(w, 2 if row[OPEN_LIST] < 0 else 1)
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
    state[PREFIX] = row[OPEN_PREFIX]
    state[LIST] = row[OPEN_LIST]
    state[LOW] = min(state[LOW], state[PREFIX])
