"""Where lines of code begin and end in a page: what of its text is code, and what is the layout of the page's source."""

from typing import Any

from udfs.compiled import compiled
from udfs.page_marks import CODE, HAS_BLOCK, LINES
from udfs.page_names import is_space
from udfs.page_scans import stands_at
from udfs.page_tags import BLOCK, TAG, TEXT
from udfs.page_tree import BITS, END, KIND, LAST, START


@compiled
def is_line(tag: Any, kinds: Any) -> Any:
    return kinds[tag] & BLOCK and tag != TAG.TD and tag != TAG.TH and tag != TAG.TBODY and tag != TAG.THEAD


@compiled
def after_newline(data: Any, start: Any, end: Any) -> Any:
    if start < end and data[start] == 13:
        return start + 2 if start + 1 < end and data[start + 1] == 10 else start + 1
    return start + 1 if start < end and data[start] == 10 else start


@compiled
def after_gap(data: Any, start: Any, end: Any, is_link: Any) -> Any:
    """After what stands between a line's number and its code: a no-break space in older versions of Doxygen, a space in gitweb's link."""
    if is_link and start < end and data[start] == 32:
        return start + 1
    gap = b"&#160;"
    k = 0
    while k < len(gap) and start + k < end and data[start + k] == gap[k]:
        k += 1
    return start + k if k == len(gap) else start


@compiled
def is_line_end(data: Any, nodes: Any, i: Any, last: Any) -> Any:
    """Whether the node `i`, before `last`, is text that begins with a line end."""
    return i < last and nodes[i, KIND] == TEXT and nodes[i, START] < nodes[i, END] and data[nodes[i, START]] == 10


@compiled
def is_between_lines(nodes: Any, node: Any, parent: Any) -> Any:
    """Whether blank text in an element of the code below `node` is the layout of the page's source, not of its code."""
    tag = nodes[parent, KIND]
    is_around_lines = tag == TAG.DIV and (parent == node or (nodes[node, BITS] & CODE and nodes[parent, BITS] & HAS_BLOCK))
    return TAG.TABLE <= tag <= TAG.TR or TAG.UL <= tag <= TAG.OL or is_around_lines


@compiled
def is_spaced_code(bits: Any) -> Any:
    """Whether an element is code by its class and its no-break spaces (udfs/page_roles.py)."""
    return bits & (CODE | LINES | HAS_BLOCK) == CODE | LINES


@compiled
def has_hard_space(data: Any, nodes: Any, node: Any) -> Any:
    """Whether text below an element has a reference to a no-break space, as code does that a browser would not indent otherwise."""
    for k in range(node + 1, nodes[node, LAST]):
        if nodes[k, KIND] != TEXT:
            continue
        for i in range(nodes[k, START], nodes[k, END]):
            if data[i] == 38 and (stands_at(data, i, b"&nbsp") or stands_at(data, i, b"&#160")):
                return True
    return False


@compiled
def after_spaces(data: Any, start: Any, end: Any) -> Any:
    while start < end and is_space(data[start]):
        start += 1
    return start


@compiled
def is_blank(data: Any, start: Any, end: Any) -> Any:
    while start < end and is_space(data[start]):
        start += 1
    return start == end
