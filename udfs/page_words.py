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

_SIGN, _PART, _SPECIAL, _WIDE = range(4)  # what ends a word; ASCII letters and digits; what needs a look; characters beyond ASCII
_KINDS = np.array([_PART if chr(byte).isalnum() else _SIGN for byte in range(128)] + [_WIDE] * 128, np.uint8)
_KINDS[list(b"_\\+#]\n")] = _SPECIAL
# What is written for a byte: a space for a sign.
_WRITTEN = np.array([48 if chr(byte).isdigit() else ord(chr(byte).lower()) if chr(byte).isalnum() else 32 for byte in range(128)], np.uint8)


def page_words(titles: pa.Array, texts: pa.Array, most_bytes: int = MOST_BYTES) -> pa.Array:
    """One line per page (string): the words of its title, then of its text. Both are strings without nulls."""
    title_data, title_ends = text_buffers(titles)
    text_data, text_ends = text_buffers(texts)
    sizes = np.diff(title_ends) + np.diff(text_ends)
    room = np.minimum(most_bytes, 2 * sizes + 2) + LONGEST_BYTES + 2  # a word of one byte takes a space more
    line, ends = _lines(title_data, title_ends, text_data, text_ends, room, most_bytes, _KINDS, _WRITTEN)
    buffers = [None, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(line[: ends[-1]].copy())]
    return pa.StringArray.from_buffers(len(texts), *buffers[1:])


@compiled
def _lines(title_data: Any, title_ends: Any, text_data: Any, text_ends: Any, room: Any, most: Any, kinds: Any, written: Any) -> Any:
    rows = len(room)
    out = np.empty(room.sum(), np.uint8)
    ends = np.zeros(rows + 1, np.int64)
    for row in range(rows):
        begin = ends[row]
        place = _words(title_data, title_ends[row], title_ends[row + 1], False, out, begin, begin, most, kinds, written)
        place = _words(text_data, text_ends[row], text_ends[row + 1], True, out, begin, place, most, kinds, written)
        ends[row + 1] = max(begin, place - 1)  # without the last space
    return out, ends


@compiled
def _words(data: Any, at: Any, end: Any, has_fences: Any, out: Any, begin: Any, place: Any, most: Any, kinds: Any, written: Any) -> Any:
    """Writes words, a space behind each, from `place` on; returns where it stopped.

    `run` is the bytes of the word that is being written, 0 between words; one over LONGEST_BYTES stays at its first bytes and is taken back
    at its end. Letters and signs take the same way, without a branch at the end of a word, which would be guessed wrong.
    """
    run = 0
    at = _after_block(data, at, end) if has_fences else at
    while at < end and place - run - begin < most:
        byte = data[at]
        kind = kinds[byte]
        if kind <= _PART:
            if run == 0 and byte == 104 and _is_address(data, at, end):
                while at < end and data[at] > 32 and data[at] != 41:
                    at += 1
                continue
            out[place] = written[byte]
            if run > LONGEST_BYTES:
                place, run = (place, run) if kind == _PART else (place - LONGEST_BYTES, 0)
            else:
                place += kind | (run > 0)
                run = (run + 1) * kind
                place -= run > LONGEST_BYTES
            at += 1
            continue
        size, is_inside, is_own = 1, False, False
        if kind == _WIDE:
            size = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            is_inside = not _is_sign(data, at, end, byte)
            is_own = is_inside and 0xE3 <= byte <= 0xE9
        else:
            after = data[at + 1] if at + 1 < end else 32
            if byte == 92 and after == 95:  # an escaped `_`
                at += 1
                byte = after
            is_last = (byte == 43 or byte == 35) and (kinds[after] == _SIGN or kinds[after] == _SPECIAL)  # `+`, `#`
            is_inside = run > 0 and (byte == 95 or is_last)
        if is_own or not is_inside:
            place, run = _closed(out, place, run), 0
        if is_inside:
            for part in range(at, min(at + size, end)):
                if run <= LONGEST_BYTES:
                    out[place] = data[part]
                    place += run < LONGEST_BYTES
                    run += 1
        if is_own:
            place, run = _closed(out, place, run), 0
        at += size
        if byte == 93 and at < end and data[at] == 40:  # `](`: the target of a link
            while at < end and data[at] != 41 and data[at] != 10:
                at += 1
        elif byte == 10 and has_fences:
            at = _after_block(data, at, end)
    return _closed(out, place, run)


@compiled
def _closed(out: Any, place: Any, run: Any) -> Any:
    """Ends a word with a space; takes one that is too long back."""
    if run > LONGEST_BYTES:
        return place - LONGEST_BYTES
    out[place] = 32
    return place + (run > 0)


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
    if at == end or (data[at] != 96 and data[at] != 126):
        return np.uint8(0), 0, at
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
    if length == 0:
        return at
    stop = _line_end(data, after, end)
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
