"""A page's bytes as a tree, in one pass: a row of numbers for each element and each run of text, in the order of the page.

This follows HTML's rules where they decide what the text is: comments and raw text, quotes in attributes, elements that are void, ends that
are implied (`<li>` ends `<li>`, a block ends `<p>`), end tags that match nothing. Where they repair trees (formatting elements opened anew,
text moved out of tables) nothing is moved: text stays where it stands. Every step is constant in time, whatever is open, so that the
whole is linear.
"""

from typing import Any

import numpy as np

from udfs.compiled import compiled
from udfs.page_attributes import read_attributes
from udfs.page_names import TAG_NAME, hash_lower, is_letter, value_of
from udfs.page_scans import after, after_comment, name_end_at, raw_end, section_end, stands_at
from udfs.page_tags import BLOCK, CLOSES_P, LIST, OTHER, RAW, SCOPE, TAG, TEXT, VOID

MAX_DEPTH = 2000  # browsers flatten below 512

# The columns of a node. START and END: of text, its bytes; of an element, its name's end (where attributes begin) and its tag's end.
# LAST: the first node that is not below it. PARENT: -1 at the top. BITS: udfs/page_marks.py. LANG, LANG_END: bytes of a language's name;
# LANG of text is 1 where references in it are none.
KIND, START, END, LAST, PARENT, BITS, LANG, LANG_END, SIZE, LINKED, LINKS, COLUMNS = range(12)

TOO_DEEP = -1

# The columns of an open element. SAME: the next open one of that tag below it. UP_TO_SCOPE, UP_TO_LIST, UP_TO_BLOCK: the uppermost open one
# at or below it that has this bit; -1 where there is none.
_NODE, _TAG, _SAME, _UP_TO_SCOPE, _UP_TO_LIST, _UP_TO_BLOCK, _HASH, _OPEN_COLUMNS = range(8)


def room_for_nodes(marks: int) -> np.ndarray:
    """Rows for the nodes of a page with so many `<`."""
    return np.empty((2 * marks + 2, COLUMNS), np.int32)


@compiled
def _add(nodes: Any, count: Any, kind: Any, start: Any, end: Any, parent: Any) -> Any:
    nodes[count, KIND] = kind
    nodes[count, START] = start
    nodes[count, END] = end
    nodes[count, LAST] = count + 1
    nodes[count, PARENT] = parent
    for column in range(BITS, COLUMNS):
        nodes[count, column] = 0
    return count + 1


@compiled
def _close_to(depth: Any, down_to: Any, opened: Any, tops: Any, nodes: Any, count: Any) -> Any:
    """Ends all that is open from `down_to` up. Returns the new depth."""
    while depth > down_to:
        depth -= 1
        nodes[opened[depth, _NODE], LAST] = count
        tops[opened[depth, _TAG]] = opened[depth, _SAME]
    return depth


@compiled
def _open(depth: Any, node: Any, tag: Any, key: Any, opened: Any, tops: Any, kinds: Any) -> Any:
    opened[depth, _NODE] = node
    opened[depth, _TAG] = tag
    opened[depth, _SAME] = tops[tag]
    opened[depth, _HASH] = key
    opened[depth, _UP_TO_SCOPE] = depth if kinds[tag] & SCOPE else (opened[depth - 1, _UP_TO_SCOPE] if depth else -1)
    opened[depth, _UP_TO_LIST] = depth if kinds[tag] & LIST else (opened[depth - 1, _UP_TO_LIST] if depth else -1)
    opened[depth, _UP_TO_BLOCK] = depth if kinds[tag] & BLOCK else (opened[depth - 1, _UP_TO_BLOCK] if depth else -1)
    tops[tag] = depth
    return depth + 1


@compiled
def _top_above(limit: Any, tops: Any, first: Any, last: Any) -> Any:
    """The uppermost open element among tags first to last, or -1 where none is above `limit`."""
    top = -1
    for tag in range(first, last + 1):
        top = max(top, tops[tag])
    return top if top > limit else -1


@compiled
def _implied_end(depth: Any, tag: Any, opened: Any, tops: Any, kinds: Any) -> Any:
    """Down to which depth the start of an element ends what is open."""
    if depth == 0:
        return 0
    scope = opened[depth - 1, _UP_TO_SCOPE]
    found = -1
    if tag == TAG.LI:
        found = _top_above(opened[depth - 1, _UP_TO_LIST], tops, tag, tag)
    elif tag == TAG.DT or tag == TAG.DD:
        found = _top_above(opened[depth - 1, _UP_TO_LIST], tops, TAG.DT, TAG.DD)
    elif tag == TAG.TD or tag == TAG.TH or tag == TAG.TR or tag == TAG.THEAD or tag == TAG.TBODY or tag == TAG.TFOOT:
        first = TAG.THEAD if tag < TAG.TR else (TAG.TR if tag == TAG.TR else TAG.TD)
        table = tops[TAG.TABLE]
        for other in range(first, TAG.TH + 1):
            if tops[other] > table and (found < 0 or tops[other] < found):
                found = tops[other]
        found = max(found, tops[TAG.CAPTION] if tops[TAG.CAPTION] > table else -1)
    elif tag == TAG.A or tag == TAG.BUTTON or tag == TAG.OPTION:
        found = _top_above(max(scope, opened[depth - 1, _UP_TO_BLOCK]) if tag == TAG.A else -1, tops, tag, tag)
    elif TAG.H1 <= tag <= TAG.H6 and TAG.H1 <= opened[depth - 1, _TAG] <= TAG.H6:
        found = depth - 1
    if found < 0 and kinds[tag] & CLOSES_P:
        found = _top_above(scope, tops, TAG.P, TAG.P)
    return depth if found < 0 else found


@compiled
def _ended(depth: Any, tag: Any, key: Any, opened: Any, tops: Any, kinds: Any) -> Any:
    """Down to which depth an end tag ends what is open; the depth itself where it matches nothing that it reaches."""
    if depth == 0:
        return depth
    limit = -1
    if tag == TAG.LI or tag == TAG.DT or tag == TAG.DD:
        limit = opened[depth - 1, _UP_TO_LIST]
    elif TAG.THEAD <= tag <= TAG.TR:
        limit = tops[TAG.TABLE]
    elif not kinds[tag] & SCOPE:
        limit = opened[depth - 1, _UP_TO_SCOPE]
        if not kinds[tag] & BLOCK:
            limit = max(limit, opened[depth - 1, _UP_TO_BLOCK])
    elif tag == TAG.TD or tag == TAG.TH or tag == TAG.CAPTION:
        limit = tops[TAG.TABLE]
    is_heading = TAG.H1 <= tag <= TAG.H6
    found = _top_above(limit, tops, TAG.H1 if is_heading else tag, TAG.H6 if is_heading else tag)
    if tag == OTHER:
        steps = 8
        while found > limit and opened[found, _HASH] != key and steps:
            found = opened[found, _SAME]
            steps -= 1
        if found <= limit or opened[found, _HASH] != key:
            return depth
    return depth if found < 0 else found


@compiled
def parse(data: Any, kinds: Any, names: Any, nodes: Any, is_xml: Any) -> Any:
    """Writes the nodes of `data` (uint8) to `nodes`; returns how many, or TOO_DEEP. A page that begins with `<?xml` is XML in any case."""
    n = len(data)
    opened = np.empty((MAX_DEPTH, _OPEN_COLUMNS), np.int64)
    tops = np.full(len(kinds), -1, np.int64)
    depth = count = i = 0
    while i < n and data[i] <= 32:
        i += 1
    # In XHTML, and inside of drawings and formulas, a tag that ends in `/>` opens nothing, and a CDATA section is text.
    is_xml = is_xml or stands_at(data, i, b"<?xml")
    i = 0
    while i < n:
        start = i
        following = data[i + 1] if data[i] == 60 and i + 1 < n else np.uint8(32)
        if is_letter(following):
            name_end = name_end_at(data, i + 1)
            key = hash_lower(data, i + 1, name_end, TAG_NAME)
            tag = max(value_of(names, key), OTHER)
            bits, language, language_end, i = read_attributes(data, name_end, tag, names)
            if i > n:
                break
            depth = _close_to(depth, _implied_end(depth, tag, opened, tops, kinds), opened, tops, nodes, count)
            count = _add(nodes, count, tag, name_end, i, opened[depth - 1, _NODE] if depth else -1)
            nodes[count - 1, BITS] = bits
            nodes[count - 1, LANG] = language
            nodes[count - 1, LANG_END] = language_end
            is_foreign = tag == TAG.SVG or tag == TAG.MATH or tops[TAG.SVG] >= 0 or tops[TAG.MATH] >= 0
            if (is_xml or is_foreign) and data[i - 2] == 47:
                continue
            if kinds[tag] & RAW:
                end = n if tag == TAG.PLAINTEXT else raw_end(data, i, start + 1, name_end)
                if end > i:
                    count = _add(nodes, count, TEXT, i, end, count - 1)
                    nodes[nodes[count - 1, PARENT], LAST] = count
                i = after(data, end, 62)
            elif not kinds[tag] & VOID:
                if depth == MAX_DEPTH:
                    return TOO_DEEP
                depth = _open(depth, count - 1, tag, np.int64(key), opened, tops, kinds)
        elif following == 47:
            i += 2
            if i < n and is_letter(data[i]):
                name_end = name_end_at(data, i)
                key = hash_lower(data, i, name_end, TAG_NAME)
                tag = max(value_of(names, key), OTHER)
                depth = _close_to(depth, _ended(depth, tag, np.int64(key), opened, tops, kinds), opened, tops, nodes, count)
                if tag == TAG.BR:
                    count = _add(nodes, count, tag, i, i, opened[depth - 1, _NODE] if depth else -1)
            i = after(data, i, 62)
        elif following == 33 and (is_xml or tops[TAG.SVG] >= 0 or tops[TAG.MATH] >= 0) and stands_at(data, i, b"<![CDATA["):
            end = section_end(data, i + 9)
            count = _add(nodes, count, TEXT, i + 9, end, opened[depth - 1, _NODE] if depth else -1)
            nodes[count - 1, LANG] = 1
            i = min(end + 3, n)
        elif following == 33 and i + 3 < n and data[i + 2] == 45 and data[i + 3] == 45:
            i = after_comment(data, i + 4)
        elif following == 33 or following == 63:
            i = after(data, i, 62)
        else:
            i += 1
            while i < n and data[i] != 60:
                i += 1
            count = _add(nodes, count, TEXT, start, i, opened[depth - 1, _NODE] if depth else -1)
    _close_to(depth, 0, opened, tops, nodes, count)
    return count
