"""Line numbers beside code, and prompts of notebooks: what of a page is no code though it stands where code does.

A class that means a gutter is believed where what it holds are numbers: grids of pages and rows of tables have such classes too. Where no
class says so, a cell of numbers that count up beside a cell with code is one, and so is a number in code that cannot be selected.
"""

from typing import Any

import numpy as np

from udfs.compiled import compiled
from udfs.page_marks import GUTTER, HAS_CODE, HAS_WORDS, PROMPT, UNSELECTED
from udfs.page_names import is_digit, is_space
from udfs.page_tags import TAG, TEXT
from udfs.page_tree import BITS, END, KIND, LAST, PARENT, SIZE, START

LABEL_BYTES = 20  # a prompt, and a gutter's cell, may have so many bytes of words: `In&nbsp;[12]:`, `Line`
_MOST_NUMBER = 10**9
_HEADING_NODES = 1_000  # of a table, among which its heading is looked for: every row that has numbers asks


@compiled
def has_words(data: Any, start: Any, end: Any) -> Any:
    """Whether text is more than numbers and their punctuation. References, and signs above U+2000, are no words here."""
    i = start
    while i < end:
        byte = data[i]
        if byte == 38:
            after = i + 1
            while after < end and after - i < 9 and data[after] != 59:
                after += 1
            if after == end or data[after] != 59 or data[i + 1] == 103 or data[i + 1] == 108:  # &gt; is a prompt's
                return True
            i = after + 1
        elif byte == 0xC2:
            i += 2
        elif byte == 0xE2:
            i += 3
        elif is_space(byte) or is_digit(byte) or byte == 46 or byte == 58 or byte == 43 or byte == 45 or byte == 91 or byte == 93:
            i += 1
        else:
            return True
    return False


@compiled
def is_gutter(data: Any, nodes: Any, i: Any, in_code: Any) -> Any:
    """Whether the element `i` holds numbers of lines or a prompt, after the bits of its subtree are known."""
    tag, bits, size = nodes[i, KIND], nodes[i, BITS], nodes[i, SIZE]
    if bits & GUTTER and tag != TAG.TR:
        return not bits & HAS_WORDS or (size <= LABEL_BYTES and not bits & HAS_CODE and (tag == TAG.TD or tag == TAG.TH))
    if bits & PROMPT and tag == TAG.DIV:
        return size <= LABEL_BYTES and _is_numbered(data, nodes, i)
    if bits & HAS_WORDS or size == 0:
        return False
    if bits & UNSELECTED and in_code:
        return True
    if tag == TAG.TD or tag == TAG.TH:
        beside = nodes[i, LAST]
        last = nodes[nodes[i, PARENT], LAST] if nodes[i, PARENT] >= 0 else beside
        while beside < last and nodes[beside, KIND] == TEXT:
            beside += 1
        if beside < last and (nodes[beside, KIND] == TAG.TD or nodes[beside, KIND] == TAG.TH):
            return in_code or (nodes[beside, BITS] & HAS_CODE != 0 and _numbers_lines(data, nodes, i, beside))
    return False


@compiled
def _is_numbered(data: Any, nodes: Any, i: Any) -> Any:
    """Whether an element's text ends in a number in brackets, or the place of one, and a colon, as prompts of notebooks do."""
    for k in range(i + 1, nodes[i, LAST]):
        if nodes[k, KIND] != TEXT:
            continue
        is_open = is_reference = is_closed = False
        for at in range(nodes[k, START], nodes[k, END]):
            byte = data[at]
            is_closed = (is_open and byte == 93) or (is_closed and (byte == 58 or is_space(byte)))
            is_reference = byte == 38 or (is_reference and byte != 59)  # &nbsp;
            stays = is_reference or byte == 59 or is_digit(byte) or is_space(byte) or byte == 42 or byte == 0xC2 or byte == 0xA0
            is_open = byte == 91 or (is_open and stays)
        if is_closed:
            return True
    return False


@compiled
def _counts_up(data: Any, nodes: Any, i: Any) -> Any:
    """How many numbers the text of a cell is, where each is one more than that before it; 0 where it is something else, or one alone."""
    count = 0
    number: Any = np.int64(-1)
    before = number
    for k in range(i + 1, nodes[i, LAST]):
        if nodes[k, KIND] == TAG.TABLE:
            return 0
        if nodes[k, KIND] != TEXT:
            continue
        for at in range(nodes[k, START], nodes[k, END] + 1):
            if at < nodes[k, END] and is_digit(data[at]):
                number = min(max(number, 0) * 10 + np.int64(data[at]) - 48, _MOST_NUMBER)
            elif number >= 0:
                if count and number != before + 1:
                    return 0
                count, before, number = count + 1, number, number * 0 - 1
    return count if count > 1 else 0


@compiled
def _line_ends(data: Any, nodes: Any, cell: Any) -> Any:
    """Of the code in a cell: line ends in its text, but those of the page's layout; and lines that are elements."""
    of_text = of_elements = 0
    for k in range(cell + 1, nodes[cell, LAST]):
        tag = nodes[k, KIND]
        if tag == TEXT:
            if nodes[k, PARENT] == cell and nodes[k, SIZE] == 0:
                continue
            start = np.int64(nodes[k, START])
            start += nodes[k - 1, KIND] == TAG.PRE and start < nodes[k, END] and data[start] == 10
            for at in range(start, nodes[k, END]):
                of_text += data[at] == 10
        else:
            of_elements += tag == TAG.BR or tag == TAG.DIV or tag == TAG.LI or tag == TAG.P
    return of_text, of_elements


@compiled
def _has_named_columns(nodes: Any, cell: Any) -> Any:
    """Whether a row of `<th>` with words stands over the row of a cell: what is below are values."""
    row = nodes[cell, PARENT]
    if row < 0 or nodes[row, KIND] != TAG.TR:
        return False
    table = nodes[row, PARENT]
    while table >= 0 and (nodes[table, KIND] == TAG.TBODY or nodes[table, KIND] == TAG.THEAD):
        table = nodes[table, PARENT]
    k, end = table + 1, min(row, table + 1 + _HEADING_NODES)
    while k < end and nodes[k, KIND] != TAG.TH:
        k += 1
    return k < end and nodes[k, BITS] & HAS_WORDS != 0


@compiled
def _numbers_lines(data: Any, nodes: Any, cell: Any, beside: Any) -> Any:
    """Whether a cell numbers the lines of the cell beside it: one number for each; the last may have no end."""
    count = _counts_up(data, nodes, cell)
    if count == 0 or _has_named_columns(nodes, cell):
        return False
    of_text, of_elements = _line_ends(data, nodes, beside)
    return count - 1 <= of_text <= count or count - 1 <= of_elements <= count
