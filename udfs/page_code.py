"""Writes code: a fenced block with the code byte for byte, or inline code in backticks.

The code of a block is what a browser shows of it: references decoded, CR LF and CR as LF, one line end right after `<pre>` left out
(HTML's rules), `<br>` a line end, each block element, table row or list item a line of its own. Nothing else is changed: tabs, trailing
spaces, empty lines, zero-width and direction marks stay; but a no-break space written as a reference is layout and becomes a space.
A block stands at the left margin even inside lists and quotes, so that it can be found in the text as it is.
"""

from typing import Any

import numpy as np

from udfs.compiled import compiled
from udfs.page_code_lines import after_gap, after_newline, after_spaces, is_between_lines, is_blank, is_line, is_line_end, is_spaced_code
from udfs.page_code_parts import has_parts
from udfs.page_marks import CODE, DROPPED, GUTTER, HIGHLIGHTER, NAMED, NO_LANGUAGE
from udfs.page_names import WHOLE, hash_lower, is_digit, is_letter, lower, value_of
from udfs.page_references import put_reference
from udfs.page_tags import TAG, TEXT
from udfs.page_tree import BITS, END, KIND, LANG, LANG_END, LAST, MAX_DEPTH, PARENT, SIZE, START
from udfs.page_writer import (
    BLOCKS,
    BREAK,
    CODE_BYTES,
    FRESH,
    GLUED,
    HAS_TAGS,
    HEADING,
    LANGUAGE_PLACES,
    LANGUAGES,
    LOW,
    MARGIN,
    MAX_LANGUAGES,
    POS,
    PREFIX,
    PREFIX_BYTES,
    SPACE,
    begin,
    has_room,
    put,
)

LONGEST_LANGUAGE = 30
LANGUAGE_LEVELS = 4  # how far above a block the page may name its language


@compiled
def _find_language(nodes: Any, node: Any) -> Any:
    """The node whose class names the language of the block `node`: itself, the first element in it, or one above; -1 where none does."""
    if nodes[node, LANG_END]:
        return node
    inner = node + 1
    while inner < nodes[node, LAST] and (nodes[inner, KIND] == TEXT or nodes[inner, BITS] & DROPPED or nodes[inner, SIZE] == 0):
        inner = np.int64(nodes[inner, LAST])  # a line end, a button, an empty mark
    if inner < nodes[node, LAST] and nodes[inner, KIND] == TAG.CODE and nodes[inner, LANG_END]:
        return inner
    above = nodes[node, PARENT]
    level = 0
    while above >= 0 and level < LANGUAGE_LEVELS:
        if nodes[above, LANG_END] and nodes[above, BITS] & (NAMED | HIGHLIGHTER):
            return above
        level += not TAG.TABLE < nodes[above, KIND] <= TAG.TD
        above = nodes[above, PARENT]
    return -1


@compiled
def _put_language(w: Any, data: Any, nodes: Any, node: Any, names: Any) -> None:
    """The language's name in lower case. What is no name (`none`, `default`) is left out."""
    found = _find_language(nodes, node)
    if found < 0:
        return
    start = end = np.int64(nodes[found, LANG])
    while end < nodes[found, LANG_END] and end - start < LONGEST_LANGUAGE:
        byte = data[end]
        if not (is_letter(byte) or is_digit(byte) or byte == 43 or byte == 35 or byte == 45 or byte == 46 or byte == 95):
            break
        end += 1
    if end == start or value_of(names, hash_lower(data, start, end, WHOLE)) & NO_LANGUAGE:
        return
    first = w.state[POS]
    for i in range(start, end):
        put(w, lower(data[i]))
    if w.state[LANGUAGES] < MAX_LANGUAGES and not _is_known(w, first):
        w.state[LANGUAGE_PLACES + 2 * w.state[LANGUAGES]] = first
        w.state[LANGUAGE_PLACES + 2 * w.state[LANGUAGES] + 1] = w.state[POS]
        w.state[LANGUAGES] += 1


@compiled
def _is_known(w: Any, first: Any) -> Any:
    """Whether the language written from `first` on is one of those that are remembered."""
    size = w.state[POS] - first
    for known in range(w.state[LANGUAGES]):
        start = w.state[LANGUAGE_PLACES + 2 * known]
        k = 0
        while k < size and start + k < first and w.out[start + k] == w.out[first + k]:
            k += 1
        if k == size and w.state[LANGUAGE_PLACES + 2 * known + 1] == start + size:
            return True
    return False


@compiled
def _put_code_text(data: Any, start: Any, end: Any, names: Any, out: Any, at: Any, is_literal: Any) -> Any:
    i = start
    while i < end:
        byte = data[i]
        if byte == 38 and not is_literal:
            i, after = put_reference(data, i, end, names, out, at)
            if after - at == 2 and out[at] == 0xC2 and out[at + 1] == 0xA0:
                out[at] = 32
                after = at + 1
            at = after
        elif byte == 13:
            out[at] = 10
            at += 1
            i += 2 if i + 1 < end and data[i + 1] == 10 else 1
        else:
            out[at] = byte
            at += 1
            i += 1
    return at


@compiled
def _put_code(data: Any, nodes: Any, node: Any, kinds: Any, names: Any, out: Any, first: Any, is_part: Any) -> Any:
    """Writes the code below `node`, which may be a part of a `<pre>`, to `out` from `first`; returns its end."""
    lines = np.empty(MAX_DEPTH + 1, np.int64)  # open elements that are lines, and where each began
    begins = np.empty(MAX_DEPTH + 1, np.int64)
    depth = 0
    at = after_break = first
    is_line_over = is_after_gutter = is_after_link = False
    # No <pre>: line ends of the page's source are none of the code; where no-break spaces are its white space, other space is none either.
    is_spaced = is_spaced_code(nodes[node, BITS])
    flows = is_spaced or (TAG.TT <= nodes[node, KIND] <= TAG.SAMP and not is_part)
    are_parts = has_parts(nodes, node)
    part_end = np.int64(0)
    i = node + 1
    while True:
        while depth and nodes[lines[depth - 1], LAST] <= i:
            depth -= 1
            tag = nodes[lines[depth], KIND]
            is_filled = (nodes[node, BITS] & CODE and tag == TAG.DIV) or tag == TAG.LI
            if is_filled and at == begins[depth] + 1 and out[at - 1] == 32:
                at -= 1  # what Doxygen and GeSHi fill an empty line with
            is_whole = tag == TAG.TR or tag == TAG.LI or (tag == TAG.DIV and nodes[node, BITS] & CODE != 0)
            if is_whole and (at == begins[depth] or out[at - 1] != 10):
                out[at] = 10
                at += 1
            is_line_over = at > first and out[at - 1] != 10
        if i >= nodes[node, LAST]:
            if is_spaced and at == after_break + 1 and out[at - 1] == 32:
                at -= 1
            while flows and at > first and out[at - 1] == 10:
                at -= 1
            return at
        tag = nodes[i, KIND]
        if nodes[i, BITS] & DROPPED:
            is_after_link = tag == TAG.A
            is_after_gutter = nodes[i, BITS] & GUTTER != 0 and nodes[node, BITS] & CODE != 0 and (tag == TAG.SPAN or is_after_link)
            part_end = np.int64(nodes[i, LAST]) if part_end == i else part_end
            i = nodes[i, LAST]
            continue
        if tag == TEXT:
            start, end = np.int64(nodes[i, START]), np.int64(nodes[i, END])
            if (i == node + 1 and nodes[node, KIND] != TAG.DIV and not is_part) or (
                flows and (at == first or nodes[i - 1, KIND] == TAG.BR)
            ):
                start = after_spaces(data, start, end) if is_spaced else after_newline(data, start, end)
            if is_after_gutter:
                start = after_gap(data, start, end, is_after_link)
                is_after_gutter = False
            if not flows and is_between_lines(nodes, node, nodes[i, PARENT]) and is_blank(data, start, end):
                start = end
            if is_line_over and start < end:
                if data[start] != 10 and data[start] != 13:
                    out[at] = 10
                    at += 1
                is_line_over = False
            at = _put_code_text(data, start, end, names, out, at, nodes[i, LANG] != 0)
        elif tag == TAG.BR:
            if is_spaced and at == after_break + 1 and out[at - 1] == 32:
                at -= 1  # what pydoc fills an empty line with
            is_at_end = at > first and out[at - 1] == 10
            if is_at_end and not flows and is_line_end(data, nodes, i + 1, nodes[node, LAST]):
                at -= 1  # alone on its line it is mandoc's mark of a line that begins with spaces
            elif not (is_at_end and flows and at > after_break):
                out[at] = 10
                at += 1
            after_break = at
        elif are_parts and tag == TAG.CODE and nodes[i, PARENT] == node:
            is_line_over = is_line_over or (part_end == i and at > first and out[at - 1] != 10)
            part_end = np.int64(nodes[i, LAST])
        elif is_line(tag, kinds):
            if at > first and out[at - 1] != 10:
                out[at] = 10
                at += 1
            is_line_over = False
            lines[depth], begins[depth] = i, at
            depth += 1
        i += 1


@compiled
def longest_ticks(data: Any, start: Any, end: Any) -> Any:
    longest = run = 0
    for i in range(start, end):
        run = run + 1 if data[i] == 96 else 0
        longest = max(longest, run)
    return longest


@compiled
def put_block(w: Any, data: Any, nodes: Any, node: Any, kinds: Any, names: Any, is_part: Any) -> None:
    """The fenced block of an element that holds code, or of a part of a `<pre>`; nothing where it has no visible character."""
    state, out = w.state, w.out
    source = np.int64(nodes[nodes[node, LAST] - 1, END]) - nodes[node, START]
    if not has_room(w, 3 * source + 4 * MARGIN):
        return
    scratch = state[POS] + 2 * MARGIN
    end = _put_code(data, nodes, node, kinds, names, out, scratch, is_part)
    if is_blank(out, scratch, end):
        return
    ticks = max(3, longest_ticks(out, scratch, end) + 1)
    if not has_room(w, 3 * source + 4 * MARGIN + 2 * ticks):
        return
    code = out[scratch:end].copy()
    if state[FRESH] and state[PREFIX_BYTES + state[PREFIX] - 2] != 58:
        begin(w)
        state[POS] -= 1  # the space after the marker
    elif state[FRESH]:
        state[PREFIX_BYTES + state[PREFIX] - 2] = 32
        state[FRESH] = 0
    if state[POS]:
        put(w, 10)
        put(w, 10)
    for _ in range(ticks):
        put(w, 96)
    _put_language(w, data, nodes, node, names)
    put(w, 10)
    for byte in code:
        put(w, byte)
    if code[-1] != 10:
        put(w, 10)
    for _ in range(ticks):
        put(w, 96)
    state[BLOCKS] += 1
    state[CODE_BYTES] += len(code) - (code[-1] == 10)
    state[HAS_TAGS] |= nodes[node, KIND] == TAG.PRE or is_part or is_spaced_code(nodes[node, BITS])
    state[SPACE] = state[GLUED] = state[HEADING] = 0
    state[BREAK] = 2
    state[LOW] = 0
