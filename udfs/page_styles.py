"""What an element's own style says of whether it is shown. Style sheets are not read.

Text that nobody sees is a way to give orders to whoever reads the page for a reader.
"""

from typing import Any

from udfs.compiled import compiled
from udfs.page_marks import DISPLAY, FAINT, FONT_SIZE, HIDDEN, SELECTION, UNSELECTED, VISIBILITY
from udfs.page_names import STYLE, hash_lower, is_digit, is_space, lower, value_of


@compiled
def style_bits(data: Any, start: Any, end: Any, names: Any) -> Any:
    """Bits of udfs/page_marks.py for the declarations of a `style`; of one property the last counts."""
    is_hidden = is_unselected = is_unseen = is_tiny = False
    i = start
    while i < end:
        property_, value, value_end, i = next_declaration(data, i, end, names)
        if property_ == DISPLAY:
            is_hidden = _begins(data, value, value_end, b"none")
        elif property_ == SELECTION:
            is_unselected = _begins(data, value, value_end, b"none")
        elif property_ == VISIBILITY:
            is_unseen = _begins(data, value, value_end, b"hidden") or _begins(data, value, value_end, b"collapse")
        elif property_ == FONT_SIZE:
            is_tiny = _is_zero(data, value, value_end)
    return (HIDDEN if is_hidden else 0) | (UNSELECTED if is_unselected else 0) | (FAINT if is_unseen or is_tiny else 0)


@compiled
def shows_again(data: Any, start: Any, end: Any, names: Any) -> Any:
    """Whether a `style` sets a size of its own, or is visible, below an element that shows none of its text."""
    i = start
    while i < end:
        property_, value, value_end, i = next_declaration(data, i, end, names)
        if property_ == VISIBILITY and _begins(data, value, value_end, b"visible"):
            return True
        if property_ == FONT_SIZE and not _is_zero(data, value, value_end):
            return True
    return False


@compiled
def next_declaration(data: Any, i: Any, end: Any, names: Any) -> Any:
    """(its property or 0, value's start, end, what is after it) of the declaration at or after `i`."""
    while i < end and (is_space(data[i]) or data[i] == 59 or _is_comment(data, i, end)):
        i = _after_comment(data, i, end) if _is_comment(data, i, end) else i + 1
    start = i
    while i < end and data[i] != 58 and data[i] != 59 and not is_space(data[i]):
        i += 1
    property_ = value_of(names, hash_lower(data, start, i, STYLE))
    while i < end and (data[i] == 58 or is_space(data[i])):
        i += 1
    value = i
    depth = 0
    while i < end and (data[i] != 59 or depth > 0):
        depth += 1 if data[i] == 40 else -1 if data[i] == 41 else 0  # an address in `url()` may hold semicolons
        i += 1
    return property_, value, i, i + 1


@compiled
def _is_comment(data: Any, i: Any, end: Any) -> Any:
    return i + 1 < end and data[i] == 47 and data[i + 1] == 42


@compiled
def _after_comment(data: Any, i: Any, end: Any) -> Any:
    i += 2
    while i + 1 < end and not (data[i] == 42 and data[i + 1] == 47):
        i += 1
    return i + 2


@compiled
def _begins(data: Any, start: Any, end: Any, word: Any) -> Any:
    k = 0
    while k < len(word) and start + k < end and lower(data[start + k]) == word[k]:
        k += 1
    return k == len(word)


@compiled
def _is_zero(data: Any, start: Any, end: Any) -> Any:
    """Whether a length is 0, in any unit."""
    i = start
    has_digit = False
    while i < end and (data[i] == 48 or data[i] == 46):
        has_digit = has_digit or data[i] == 48
        i += 1
    return has_digit and (i == end or not is_digit(data[i]))
