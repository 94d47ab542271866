"""Which parts of a page are its content: hidden parts, navigation, banners, lists of links are marked as dropped.

Two strengths. `STRICT` goes by tags, roles, words of classes and the share of links; `PLAIN` drops only what is hidden or never text. What
holds a code block is never dropped but where a class or role names it as navigation, or where it is hidden.
"""

from typing import Any

import numpy as np

from udfs.compiled import compiled
from udfs.page_attributes import attribute
from udfs.page_code_lines import has_hard_space
from udfs.page_gutters import has_words, is_gutter
from udfs.page_marks import (
    ARIA_HIDDEN,
    BOILERPLATE,
    CHROME,
    CODE,
    CONTENT,
    DROPPED,
    FAINT,
    HAS_BLOCK,
    HAS_BREAK,
    HAS_CODE,
    HAS_TITLE,
    HAS_WORDS,
    HIDDEN,
    LAYOUT,
    LINES,
    MAIN,
    NOTE,
    PANEL,
    SHOWN,
    VOTES,
)
from udfs.page_names import is_space, name_hash
from udfs.page_styles import shows_again
from udfs.page_tags import BLOCK, TAG, TEXT, UNSEEN
from udfs.page_tree import BITS, END, KIND, LAST, LINKED, LINKS, PARENT, SIZE, START

STRICT, PLAIN = 1, 0
SHORT_BYTES = 300  # a part with a weak sign and no more text than this is boilerplate
FEW_LINKS = 4
_STYLE = name_hash(b"style")
_UP = HAS_CODE | HAS_BLOCK | HAS_BREAK | HAS_TITLE | HAS_WORDS


@compiled
def _visible_bytes(data: Any, start: Any, end: Any) -> Any:
    while start < end and is_space(data[start]):
        start += 1
    while end > start and is_space(data[end - 1]):
        end -= 1
    return end - start


@compiled
def _is_unseen(tag: Any, bits: Any, kinds: Any) -> Any:
    if kinds[tag] & UNSEEN:  # but for code that a script would have brought, what a browser shows of a component, and formulas
        return not (tag == TAG.NOSCRIPT and bits & HAS_CODE) and not ((tag == TAG.TEMPLATE or tag == TAG.SCRIPT) and bits & SHOWN)
    if bits & HIDDEN and not bits & PANEL:
        return True
    return bits & ARIA_HIDDEN and not bits & HAS_CODE


@compiled
def measure(data: Any, nodes: Any, count: Any, kinds: Any) -> Any:
    """Fills SIZE (bytes of visible text), LINKED (of them in links), LINKS and the HAS_ bits of every subtree. Returns the page's SIZE."""
    total = 0
    for i in range(count - 1, -1, -1):
        tag = nodes[i, KIND]
        if tag == TEXT:
            nodes[i, SIZE] = _visible_bytes(data, nodes[i, START], nodes[i, END])
            nodes[i, BITS] |= HAS_WORDS if has_words(data, nodes[i, START], nodes[i, END]) else 0
        else:
            if tag != TAG.PRE and nodes[i, BITS] & (LINES | HAS_BREAK | HAS_BLOCK) == LINES | HAS_BREAK and has_hard_space(data, nodes, i):
                nodes[i, BITS] |= CODE
            if tag == TAG.PRE or tag == TAG.TEXTAREA or tag == TAG.XMP or tag == TAG.LISTING or nodes[i, BITS] & CODE:
                nodes[i, BITS] |= HAS_CODE if nodes[i, SIZE] else 0
            if tag == TAG.A:
                nodes[i, LINKED] = nodes[i, SIZE]
                nodes[i, LINKS] = 1
            elif tag == TAG.H1 and nodes[i, SIZE]:
                nodes[i, BITS] |= HAS_TITLE
            elif tag == TAG.BR:
                nodes[i, BITS] |= HAS_BREAK
            if _is_unseen(tag, nodes[i, BITS], kinds):
                continue
        parent = nodes[i, PARENT]
        if parent < 0:
            total += nodes[i, SIZE]
            continue
        nodes[parent, SIZE] += nodes[i, SIZE]
        nodes[parent, LINKED] += nodes[i, LINKED]
        nodes[parent, LINKS] += nodes[i, LINKS]
        nodes[parent, BITS] |= nodes[i, BITS] & _UP | (HAS_BLOCK if tag != TEXT and kinds[tag] & BLOCK else 0)
    return total


@compiled
def main_part(nodes: Any, count: Any, total: Any) -> Any:
    """The <main> (or role=main) that holds most of the page's text; -1 where there is none."""
    for i in range(count):
        if (nodes[i, KIND] == TAG.MAIN or nodes[i, BITS] & MAIN) and 2 * nodes[i, SIZE] >= total:
            return i
    return -1


@compiled
def _is_mark(data: Any, nodes: Any, i: Any) -> Any:
    """Whether a link is only a mark to a heading's address: a pilcrow, a section sign or `#`."""
    if nodes[i, SIZE] > 2:
        return False
    first = nodes[i, START]
    for k in range(i + 1, nodes[i, LAST]):
        if nodes[k, KIND] == TEXT and nodes[k, SIZE]:
            first = nodes[k, START]
            while is_space(data[first]):
                first += 1
            break
    if nodes[i, SIZE] == 1:
        return data[first] == 35
    return nodes[i, SIZE] == 2 and data[first] == 0xC2 and (data[first + 1] == 0xB6 or data[first + 1] == 0xA7)


@compiled
def _is_what_it_marks(nodes: Any, i: Any) -> Any:
    """Whether a link is the thing itself that its class calls it a mark of: all of a heading, or a term in bold or code (manual pages)."""
    parent = nodes[nodes[i, PARENT], KIND] if nodes[i, PARENT] >= 0 else TEXT
    inner = nodes[i + 1, KIND] if nodes[i, LAST] > i + 1 else TEXT
    is_term = inner == TAG.B or inner == TAG.STRONG or inner == TAG.I or inner == TAG.EM or TAG.TT <= inner <= TAG.VAR
    is_all = (TAG.H1 <= parent <= TAG.H6 or parent == TAG.DT) and nodes[nodes[i, PARENT], SIZE] == nodes[i, SIZE]
    return nodes[i, SIZE] > 0 and (is_all or (is_term and nodes[i, BITS] & CHROME != 0))


@compiled
def _is_boilerplate(nodes: Any, i: Any, in_main: Any) -> Any:
    tag, bits = nodes[i, KIND], nodes[i, BITS]
    size, linked = nodes[i, SIZE], nodes[i, LINKED]
    parent = nodes[nodes[i, PARENT], KIND] if nodes[i, PARENT] >= 0 else TEXT
    if tag == TAG.NAV:
        return True
    if tag == TAG.FOOTER:
        return parent != TAG.BLOCKQUOTE
    if tag == TAG.HEADER:
        return not in_main and not (bits & HAS_TITLE and 2 * linked < size)
    if tag == TAG.ASIDE and not bits & NOTE:
        return not in_main or 3 * linked > size
    if bits & BOILERPLATE and not bits & (CONTENT | HAS_TITLE | NOTE) and (3 * linked > size or size < SHORT_BYTES):
        return not TAG.H1 <= tag <= TAG.H6
    if tag == TAG.UL or tag == TAG.OL or tag == TAG.DIV or tag == TAG.TABLE or tag == TAG.SECTION or tag == TAG.CENTER:
        if nodes[i, PARENT] >= 0 and nodes[nodes[i, PARENT], BITS] & LAYOUT:
            return False  # pydoc's modules
        return not in_main and nodes[i, LINKS] >= FEW_LINKS and 10 * linked > 8 * size and not bits & HAS_TITLE
    return False


@compiled
def _shown_again_at(data: Any, nodes: Any, i: Any, names: Any) -> Any:
    """The first node below `i`, whose text is not shown, that is shown again; what is after `i` where none is."""
    for k in range(i + 1, nodes[i, LAST]):
        if nodes[k, KIND] != TEXT:
            start, end = attribute(data, np.int64(nodes[k, START]), _STYLE)
            if end > start and shows_again(data, start, end, names):
                return k
    return np.int64(nodes[i, LAST])


@compiled
def drop(data: Any, nodes: Any, count: Any, kinds: Any, names: Any, strength: Any, total: Any) -> Any:
    """Marks what is not content as DROPPED, after `measure`. Returns the bytes of visible text that stay."""
    main = main_part(nodes, count, total) if strength == STRICT else -1
    main_end = main_last = code_end = shown_again = 0
    kept = i = 0
    while i < count:
        tag, bits = nodes[i, KIND], nodes[i, BITS] & ~DROPPED
        nodes[i, BITS] = bits
        if tag == TEXT:
            kept += nodes[i, SIZE]
            i += 1
            continue
        if i == main:
            main_last = nodes[i, LAST]
        if tag == TAG.ARTICLE or tag == TAG.MAIN or i == main:
            main_end = max(main_end, nodes[i, LAST])
        is_out = _is_unseen(tag, bits, kinds) or is_gutter(data, nodes, i, i < code_end) or (tag == TAG.A and _is_mark(data, nodes, i))
        # Not seen, unless it is most of the page, which a script shows then.
        if not is_out and bits & FAINT and not bits & PANEL and i >= code_end and 2 * nodes[i, SIZE] <= total:
            if i >= shown_again:
                shown_again = _shown_again_at(data, nodes, i, names)
            is_out = nodes[i, LAST] <= shown_again
        if strength == STRICT and not is_out and not (tag == TAG.A and bits & (CHROME | BOILERPLATE) and _is_what_it_marks(nodes, i)):
            is_out = bits & VOTES or (bits & CHROME and not bits & HAS_CODE)
            if i < code_end:  # a line of code may be all links, a token's class `header`; toolbars are blocks
                is_out = is_out or (bits & BOILERPLATE and tag == TAG.DIV)
            elif not bits & HAS_CODE:
                is_out = is_out or _is_boilerplate(nodes, i, i < main_end)
                is_outside = main >= 0 and (nodes[i, LAST] <= main or i >= main_last > 0)
                is_out = is_out or (is_outside and not (bits & HAS_TITLE and nodes[i, SIZE] < SHORT_BYTES) and tag != TAG.H1)
        if is_out:
            nodes[i, BITS] |= DROPPED
            i = nodes[i, LAST]
        else:
            if bits & CODE or tag == TAG.PRE:
                code_end = max(code_end, nodes[i, LAST])
            i += 1
    return kept
