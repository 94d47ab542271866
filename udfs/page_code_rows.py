"""Code of which every line is an element of its own, with its number: code hosts that do without `<pre>` (gitweb, Trac).

Told by the structure, not by a class alone: all that the element holds are lines, and their numbers count up by one. Footnotes and verses
are numbered so as well; hence the numbers have the class of a gutter, or the table that of code and each number is a link.
"""

from typing import Any

import numpy as np

from udfs.compiled import compiled
from udfs.page_marks import CODE, GUTTER, HIDDEN, HIGHLIGHTER
from udfs.page_names import is_digit, is_space
from udfs.page_tags import TAG, TEXT
from udfs.page_tree import BITS, END, KIND, LAST, START

_LONGEST_NUMBER = 9
_MOST_NODES = 8  # of the element that a number is: its link, and what a page puts around it


@compiled
def _next_element(nodes: Any, i: Any, last: Any) -> Any:
    """The element at `i` or the next one beside it, before `last`."""
    while i < last and nodes[i, KIND] == TEXT:
        i += 1
    return i


@compiled
def _number(data: Any, nodes: Any, i: Any) -> Any:
    """The number that is all the text of an element, which is one run of it; -1 where it is something else."""
    if nodes[i, LAST] - i > _MOST_NODES:
        return np.int64(-1)
    k = i + 1
    while k < nodes[i, LAST] and nodes[k, KIND] != TEXT:
        k += 1
    if k + 1 != nodes[i, LAST]:
        return np.int64(-1)
    number, digits = np.int64(0), 0
    for at in range(nodes[k, START], nodes[k, END]):
        if is_digit(data[at]) and digits < _LONGEST_NUMBER:
            number = number * 10 + np.int64(data[at]) - 48
            digits += 1
        elif digits or not is_space(data[at]):
            return np.int64(-1)
    return number if digits else np.int64(-1)


@compiled
def _are_numbered_lines(data: Any, nodes: Any, i: Any) -> Any:
    """Whether a block holds nothing but blocks that begin with a numbered gutter."""
    last = nodes[i, LAST]
    line = _next_element(nodes, i + 1, last)
    count, before = 0, np.int64(0)
    while line < last:
        gutter = line + 1
        if nodes[line, KIND] != TAG.DIV or gutter >= nodes[line, LAST] or nodes[gutter, KIND] != TAG.A or not nodes[gutter, BITS] & GUTTER:
            return False
        number = _number(data, nodes, gutter)
        if number < 0 or (count and number != before + 1):
            return False
        count, before = count + 1, number
        line = _next_element(nodes, np.int64(nodes[line, LAST]), last)
    return count > 1


@compiled
def _are_numbered_rows(data: Any, nodes: Any, i: Any) -> Any:
    """Whether all rows below a table's `<tbody>` are a number that is a link, in a `<th>`, and a cell of code."""
    last = nodes[i, LAST]
    part = _next_element(nodes, i + 1, last)
    count, before = 0, np.int64(0)
    while part < last:
        if nodes[part, KIND] != TAG.THEAD:
            if nodes[part, KIND] != TAG.TBODY:
                return False
            end = nodes[part, LAST]
            row = _next_element(nodes, part + 1, end)
            while row < end:
                if nodes[row, KIND] != TAG.TR:
                    return False
                head = _next_element(nodes, row + 1, nodes[row, LAST])
                if head + 1 >= nodes[row, LAST] or nodes[head, KIND] != TAG.TH or nodes[head + 1, KIND] != TAG.A:
                    return False
                code = _next_element(nodes, np.int64(nodes[head, LAST]), nodes[row, LAST])
                number = _number(data, nodes, head)
                is_one = code < nodes[row, LAST] and _next_element(nodes, np.int64(nodes[code, LAST]), nodes[row, LAST]) == nodes[row, LAST]
                if not is_one or nodes[code, KIND] != TAG.TD or number < 0 or (count and number != before + 1):
                    return False
                count, before = count + 1, number
                row = _next_element(nodes, np.int64(nodes[row, LAST]), end)
        part = _next_element(nodes, np.int64(nodes[part, LAST]), last)
    return count > 1


@compiled
def mark_code_rows(data: Any, nodes: Any, count: Any) -> None:
    """Marks as CODE what holds such lines, before the tree is measured; the head of such a table is hidden."""
    i = np.int64(0)
    while i < count:
        tag, bits = nodes[i, KIND], nodes[i, BITS]
        if tag == TAG.PRE or bits & CODE:
            i = np.int64(nodes[i, LAST])
            continue
        if tag == TAG.DIV and _are_numbered_lines(data, nodes, i):
            nodes[i, BITS] = bits | CODE
        elif tag == TAG.TABLE and bits & HIGHLIGHTER and _are_numbered_rows(data, nodes, i):
            nodes[i, BITS] = bits | CODE
            part = _next_element(nodes, i + 1, nodes[i, LAST])
            if nodes[part, KIND] == TAG.THEAD:
                nodes[part, BITS] |= HIDDEN
        i += 1
