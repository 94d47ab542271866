"""The words of a page, as one line: what models of pages read, and no more.

Left out is what labels are made of, and what would name a site: fenced code blocks, targets of links, bare addresses, all signs. So a model
that learned from pages with code tags knows pages without them. Inline code is words like all others.

    "# Sorting `my_list`\\n\\n```py\\nx=1\\n```\\nSee [C++](http://a.b/)!"   becomes   "sorting my_list see c++"

ASCII letters are lower case, digits 0. A word is letters, digits, `_` inside, `+` and `#` at its end; no word begins with `_`, so that no
page can write the marks of fastText's labels. A character of Chinese or Japanese is a word. Words over LONGEST_BYTES are left out.
"""

from typing import Any

import numpy as np
import pyarrow as pa

from udfs.compiled import compiled
from udfs.shingles import text_buffers

VERSION = 1
LONGEST_BYTES = 48
MOST_BYTES = 8192  # of the line: of a longer page the first words

_KINDS = np.zeros(256, np.uint8)  # 1: part of a word
_LOWER = np.arange(256, dtype=np.uint8)
for _byte in range(256):
    _KINDS[_byte] = chr(_byte).isalnum() if _byte < 128 else 1
    if _byte < 128:
        _LOWER[_byte] = ord("0") if chr(_byte).isdigit() else ord(chr(_byte).lower())


def page_words(titles: pa.Array, texts: pa.Array, most_bytes: int = MOST_BYTES) -> pa.Array:
    """One line per page (string): the words of its title, then of its text. Both are strings without nulls."""
    title_data, title_ends = text_buffers(titles)
    text_data, text_ends = text_buffers(texts)
    sizes = np.diff(title_ends) + np.diff(text_ends)
    room = np.minimum(most_bytes, sizes + sizes // 3 + 2) + LONGEST_BYTES + 2  # a space more per character of three bytes at most
    line, ends = _lines(title_data, title_ends, text_data, text_ends, room, most_bytes, _KINDS, _LOWER)
    buffers = [None, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(line[: ends[-1]].copy())]
    return pa.StringArray.from_buffers(len(texts), *buffers[1:])


@compiled
def _lines(title_data: Any, title_ends: Any, text_data: Any, text_ends: Any, room: Any, most: Any, kinds: Any, lower: Any) -> Any:
    rows = len(room)
    out = np.empty(room.sum(), np.uint8)
    ends = np.zeros(rows + 1, np.int64)
    for row in range(rows):
        begin = ends[row]
        place = _words(title_data, title_ends[row], title_ends[row + 1], False, out, begin, begin, most, kinds, lower)
        place = _words(text_data, text_ends[row], text_ends[row + 1], True, out, begin, place, most, kinds, lower)
        ends[row + 1] = max(begin, place - 1)  # without the last space
    return out, ends


@compiled
def _words(data: Any, at: Any, end: Any, has_fences: Any, out: Any, begin: Any, place: Any, most: Any, kinds: Any, lower: Any) -> Any:
    """Writes words, a space behind each, from `place` on; returns where it stopped."""
    word = place
    is_line_start = True
    while at < end and word - begin < most:
        if is_line_start and has_fences:
            at = _after_block(data, at, end)
            is_line_start = False
            continue
        byte = data[at]
        step, is_own = 1, False
        keeps = kinds[byte] == 1
        if byte >= 0xC2:
            step = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            is_own = 0xE3 <= byte <= 0xE9
            keeps = not _is_sign(data, at, end, byte)
        elif byte == 95 or (byte == 92 and at + 1 < end and data[at + 1] == 95):  # `_`, perhaps escaped
            keeps = place > word
            at += byte == 92
        elif byte == 43 or byte == 35:  # `+`, `#`
            keeps = place > word and (at + 1 == end or kinds[data[at + 1]] == 0)
        if keeps and place == word and byte == 104 and _is_address(data, at, end):
            while at < end and data[at] > 32 and data[at] != 41:
                at += 1
            continue
        if keeps and not is_own:
            for part in range(at, min(at + step, end)):
                if place - word <= LONGEST_BYTES:
                    out[place] = lower[data[part]]
                    place += 1
            at += step
            continue
        place = word = _closed(out, word, place)
        if keeps:
            for part in range(at, min(at + step, end)):
                out[place] = data[part]
                place += 1
            place = word = _closed(out, word, place)
        is_line_start = byte == 10
        if byte == 93 and at + 1 < end and data[at + 1] == 40:  # `](`: the target of a link
            while at < end and data[at] != 41 and data[at] != 10:
                at += 1
        else:
            at += step
    return _closed(out, word, place)


@compiled
def _closed(out: Any, word: Any, place: Any) -> Any:
    """Ends a word with a space; takes one that is too long, or none, back."""
    if place == word or place - word > LONGEST_BYTES:
        return word
    out[place] = 32
    return place + 1


@compiled
def _is_sign(data: Any, at: Any, end: Any, byte: Any) -> Any:
    """Whether a character beyond ASCII is a sign or a space: U+0080 to U+00BF, U+2000 to U+206F, U+3000 to U+3003, U+FFFD."""
    second = data[at + 1] if at + 1 < end else 0
    third = data[at + 2] if at + 2 < end else 0
    return (
        byte == 0xC2
        or (byte == 0xE2 and (second == 0x80 or second == 0x81))
        or (byte == 0xE3 and second == 0x80 and third <= 0x83)
        or (byte == 0xEF and second == 0xBF and third == 0xBD)
    )


@compiled
def _is_address(data: Any, at: Any, end: Any) -> Any:
    """`http://` or `https://`"""
    if at + 7 >= end or data[at + 1] != 116 or data[at + 2] != 116 or data[at + 3] != 112:
        return False
    at += 5 if data[at + 4] == 115 else 4
    return at + 2 < end and data[at] == 58 and data[at + 1] == 47 and data[at + 2] == 47


@compiled
def _fence(data: Any, at: Any, end: Any) -> Any:
    """(mark, length, where it ends) of the fence that a line begins with; length 0 for none."""
    while at < end and (data[at] == 32 or data[at] == 9):
        at += 1
    start = at
    while at < end and (data[at] == 96 or data[at] == 126) and data[at] == data[start]:
        at += 1
    return (data[start], at - start, at) if at - start >= 3 else (np.uint8(0), 0, at)


@compiled
def _line_end(data: Any, at: Any, end: Any) -> Any:
    while at < end and data[at] != 10:
        at += 1
    return at


@compiled
def _after_block(data: Any, at: Any, end: Any) -> Any:
    """Where reading goes on at the start of a line: behind a fenced block if one begins here (an open one reaches to the end)."""
    mark, length, after = _fence(data, at, end)
    stop = _line_end(data, after, end)
    if length == 0:
        return at
    for place in range(after, stop):
        if mark == 96 and data[place] == 96:  # ```x``` is inline code
            return at
    while stop < end:
        found, size, after = _fence(data, stop + 1, end)
        stop = _line_end(data, stop + 1, end)
        if found == mark and size >= length:
            while after < stop and (data[after] == 32 or data[after] == 9 or data[after] == 13):
                after += 1
            if after == stop:
                break
    return stop
