"""Reads the attributes of a tag: one after the other, one by its name, or all as bits of udfs/page_marks.py."""

from enum import IntEnum
from typing import Any

import numpy as np

from udfs.compiled import compiled
from udfs.page_marks import (
    ANSWER,
    ARIA_HIDDEN,
    CHROME,
    CODE,
    FURTHER,
    GUTTER,
    HIDDEN,
    HIGHLIGHTER,
    IS_ANSWER,
    IS_QUESTION,
    KEPT,
    LANGUAGE,
    LINES,
    NAMED,
    PARTIAL,
    PROMPT,
    QUESTION,
    SCORED,
    SHOWN,
    WEAK,
)
from udfs.page_names import (
    ATTRIBUTE,
    PART,
    PREFIX,
    PROPERTY,
    ROLE,
    SECOND_PREFIX,
    WHOLE,
    hash_lower,
    is_digit,
    is_letter,
    is_space,
    lower,
    value_of,
)
from udfs.page_styles import style_bits
from udfs.page_tags import TAG

A = IntEnum(
    "A",
    "CLASS ID ROLE HIDDEN ARIA_HIDDEN STYLE ITEMPROP ITEMTYPE DATA_SCORE DATA_LANG DATA_LANGUAGE DATA_ENLIGHTER_LANGUAGE LANG SYNTAX "
    "DATA_NOSNIPPET ONCLICK HREF SHADOWROOTMODE TYPE",
)


ATTRIBUTES: dict[bytes, int] = {name.name.lower().replace("_", "-").encode(): name for name in A}
_OF_CLASSES = LANGUAGE | HIGHLIGHTER | NAMED | GUTTER | CODE | PROMPT | LINES  # says nothing as an id


@compiled
def next_attribute(data: Any, i: Any) -> Any:
    """(name's start, end, value's start, end, what is after it) of the attribute at or after `i`.

    An empty name: the tag ends. What is after it lies beyond `data` where the tag has no end.
    """
    n = len(data)
    while i < n and (is_space(data[i]) or data[i] == 47):
        i += 1
    if i >= n:
        return i, i, i, i, n + 1
    if data[i] == 62:
        return i, i, i, i, i + 1
    start = i
    i += 1
    while i < n and not is_space(data[i]) and data[i] != 47 and data[i] != 62 and data[i] != 61:
        i += 1
    end = i
    while i < n and is_space(data[i]):
        i += 1
    if i >= n or data[i] != 61:
        return start, end, end, end, i
    i += 1
    while i < n and is_space(data[i]):
        i += 1
    if i < n and (data[i] == 34 or data[i] == 39):
        close = i + 1
        while close < n and data[close] != data[i]:
            close += 1
        return start, end, i + 1, close, close + 1
    value = i
    while i < n and not is_space(data[i]) and data[i] != 62:
        i += 1
    return start, end, value, i, i


@compiled
def attribute(data: Any, start: Any, key: Any) -> Any:
    """(start, end) of the value of the attribute whose name has this hash, in the tag whose attributes begin at `start`; (-1, -1)."""
    i = start
    while True:
        name, name_end, value, value_end, i = next_attribute(data, i)
        if name == name_end or i > len(data):
            return -1, -1
        if hash_lower(data, name, name_end, ATTRIBUTE) == key:
            return value, value_end


@compiled
def _prefix_length(data: Any, start: Any, end: Any, names: Any) -> Any:
    """How long the prefix of a language's name is that the word begins with, 0 where it has none; and whether the prefix is WEAK."""
    found = 0
    first = start
    while True:
        i = first
        while i < end and is_letter(data[i]):
            i += 1
        if i == end or (data[i] != 45 and data[i] != 58):
            return found, False
        kind = value_of(names, hash_lower(data, first, i, SECOND_PREFIX if first > start else PREFIX))
        if kind == 0:
            return found, False
        first = i + 1
        if kind != PARTIAL:
            found = first - start
            if kind != FURTHER:
                return found, kind == WEAK


@compiled
def _parts_bits(data: Any, start: Any, end: Any, names: Any) -> Any:
    """Bits of the parts of a word: runs of letters, cut before a capital after a small letter."""
    bits = 0
    i = start
    while i < end:
        while i < end and not is_letter(data[i]):
            i += 1
        first = i
        while i < end and is_letter(data[i]) and not (i > first and data[i] < 97 and data[i - 1] >= 97):
            i += 1
        if i > first:
            bits |= value_of(names, hash_lower(data, first, i, PART))
    return bits


@compiled
def words_bits(data: Any, start: Any, end: Any, names: Any) -> Any:
    """(bits, start and end of the language's name or 0) of a class or id. A language behind a prefix wins over a bare one."""
    bits = language = language_end = 0
    is_after_prefix = False
    i = start
    while i < end:
        while i < end and is_space(data[i]):
            i += 1
        first = i
        while i < end and not is_space(data[i]):
            i += 1
        if i == first:
            break
        length, is_weak = (0, False) if is_after_prefix else _prefix_length(data, first, i, names)
        found: Any = np.int64(0) if is_after_prefix else value_of(names, hash_lower(data, first, i, WHOLE))
        if is_after_prefix or (length and not found):
            is_after_prefix = first + length == i
            if bits & NAMED == 0 and not is_after_prefix:
                bits |= 0 if is_weak else NAMED
                language, language_end = first + length, i
            bits |= 0 if is_weak else HIGHLIGHTER
            continue
        bits |= found if found else _parts_bits(data, first, i, names)
        if found & LANGUAGE and language == 0:
            language, language_end = first, i
    return bits, language, language_end


@compiled
def _says(data: Any, start: Any, end: Any, what: Any) -> Any:
    """Whether a value has these bytes, in lower case, somewhere in it; white space does not count."""
    k = 0
    for i in range(start, end):
        if is_space(data[i]):
            continue
        byte = lower(data[i])
        if byte == what[k]:
            k += 1
            if k == len(what):
                return True
        else:
            k = 1 if byte == what[0] else 0
    return False


@compiled
def _is_no_address(data: Any, start: Any, end: Any) -> Any:
    """Whether a link leads nowhere: `#`, or a script."""
    return (end - start == 1 and data[start] == 35) or (end - start > 10 and _says(data, start, start + 11, b"javascript:"))


@compiled
def read_attributes(data: Any, i: Any, tag: Any, names: Any) -> Any:
    """(bits, language's start, end, what is after the tag) of the tag whose attributes begin at `i`."""
    bits = language = language_end = 0
    has_script = is_nowhere = False
    while True:
        name, name_end, value, value_end, i = next_attribute(data, i)
        if name == name_end or i > len(data):
            break
        which = value_of(names, hash_lower(data, name, name_end, ATTRIBUTE))
        if which == 0:
            continue
        if which == A.CLASS or which == A.ID:
            found, first, last = words_bits(data, value, value_end, names)
            bits |= found if which == A.CLASS else found & ~_OF_CLASSES
            if which == A.CLASS and first:
                language, language_end = first, last
        elif which == A.ROLE:
            bits |= value_of(names, hash_lower(data, value, value_end, ROLE))
        elif which == A.HIDDEN:
            bits |= HIDDEN
        elif which == A.ARIA_HIDDEN:
            bits |= ARIA_HIDDEN if value_end - value == 4 else 0
        elif which == A.STYLE:
            bits |= style_bits(data, value, value_end, names)
        elif which == A.ITEMPROP:
            bits |= value_of(names, hash_lower(data, value, value_end, PROPERTY))
        elif which == A.ITEMTYPE:
            first = value_end
            while first > value and data[first - 1] != 47:
                first -= 1
            bits |= value_of(names, hash_lower(data, first, value_end, PROPERTY))
        elif which == A.DATA_SCORE:
            bits |= SCORED if value_end > value and (is_digit(data[value]) or data[value] == 45) else 0
        elif A.DATA_LANG <= which <= A.DATA_ENLIGHTER_LANGUAGE or (A.LANG <= which <= A.SYNTAX and tag == TAG.PRE):
            bits |= NAMED
            language, language_end = value, value_end
        elif which == A.LANG and tag == TAG.CODE:  # it may say what its words are written in
            if value_of(names, hash_lower(data, value, value_end, WHOLE)) & LANGUAGE:
                bits |= NAMED
                language, language_end = value, value_end
        elif which == A.TYPE:
            bits |= SHOWN if tag == TAG.SCRIPT and _says(data, value, value_end, b"math/tex") else 0
        elif which == A.DATA_NOSNIPPET:
            bits |= GUTTER if tag == TAG.A else 0  # rustdoc's lines
        elif which == A.SHADOWROOTMODE:
            bits |= SHOWN
        elif which == A.ONCLICK:
            has_script = True
        elif which == A.HREF:
            is_nowhere = _is_no_address(data, value, value_end)
    if tag == TAG.A and has_script and is_nowhere:
        bits |= CHROME  # a button
    if bits & CODE and not (tag == TAG.DIV or tag == TAG.TABLE or tag == TAG.PRE or tag == TAG.SECTION or tag == TAG.FIGURE):
        bits &= ~CODE  # slides call their steps fragments, which Doxygen calls its code
    if bits & SCORED:
        bits |= (QUESTION if bits & IS_QUESTION else 0) | (ANSWER if bits & IS_ANSWER else 0)
    return bits & KEPT, language, language_end, i
