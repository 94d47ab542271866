"""Character references (`&lt;`, `&#x27;`, `&nbsp`) in compiled code, by the rules of HTML for text."""

from html.entities import html5
from typing import Any

import numpy as np

from udfs.compiled import compiled
from udfs.page_names import PRIME, REFERENCE, is_digit, is_letter, lower, value_of

LONGEST = 32  # bytes of a name; the longest of HTML has 32, the semicolon included
_LENGTH_BIT = 56

# What a name means: its UTF-8 (at most 6 bytes, the first lowest) and, from bit 56, how long that is.
MEANINGS = {name.encode(): int.from_bytes(text.encode(), "little") | len(text.encode()) << _LENGTH_BIT for name, text in html5.items()}
# Code points of &#128; to &#159;, as HTML maps them.
_WINDOWS = np.array([ord(bytes([byte]).decode("cp1252", "ignore") or chr(byte)) for byte in range(128, 160)], np.int64)


@compiled
def put_code_point(point: Any, out: Any, at: Any) -> Any:
    """Writes a code point as UTF-8; returns where its end is."""
    if point < 0x80:
        out[at] = point
        return at + 1
    if point < 0x800:
        out[at] = 0xC0 | point >> 6
        at += 1
    else:
        if point < 0x10000:
            out[at] = 0xE0 | point >> 12
            at += 1
        else:
            out[at] = 0xF0 | point >> 18
            out[at + 1] = 0x80 | point >> 12 & 63
            at += 2
        out[at] = 0x80 | point >> 6 & 63
        at += 1
    out[at] = 0x80 | point & 63
    return at + 1


@compiled
def _is_forbidden(point: Any) -> Any:
    """Controls and non-characters: they are left out."""
    is_control = (point < 32 and not (point == 9 or point == 10 or point == 12 or point == 13)) or 0x7F <= point <= 0x9F
    return is_control or 0xFDD0 <= point <= 0xFDEF or point & 0xFFFE == 0xFFFE


@compiled
def _number(data: Any, start: Any, end: Any, out: Any, at: Any) -> Any:
    """A reference by number: `start` is after the `#`."""
    i = start
    point: Any = np.int64(0)
    is_hex = i < end and lower(data[i]) == 120
    i += is_hex
    first = i
    while i < end:
        byte = lower(data[i])
        if is_digit(byte):
            digit = np.int64(byte) - 48
        elif is_hex and 97 <= byte <= 102:
            digit = np.int64(byte) - 87
        else:
            break
        point = point * (16 if is_hex else 10) + digit
        if point > 0x110000:
            point = 0x110000
        i += 1
    if i == first:
        out[at] = 38
        return start - 1, at + 1
    i += i < end and data[i] == 59
    if 128 <= point < 160:
        point = _WINDOWS[point - 128]
        return i, put_code_point(point, out, at)
    if point == 0 or point > 0x10FFFF or 0xD800 <= point < 0xE000:
        point = 0xFFFD
    elif _is_forbidden(point):
        return i, at
    return i, put_code_point(point, out, at)


@compiled
def put_reference(data: Any, start: Any, end: Any, names: Any, out: Any, at: Any) -> Any:
    """Writes what the reference at `start` (an `&`) means to `out`; the `&` itself where it is none. Returns (after it, end in out)."""
    i = start + 1
    if i < end and data[i] == 35:
        return _number(data, i + 1, end, out, at)
    key = REFERENCE
    meaning = np.int64(0)
    after = i
    while i < end and i - start <= LONGEST:
        byte = data[i]
        if not (is_letter(byte) or is_digit(byte) or byte == 59):
            break
        key = (key ^ np.uint64(byte)) * PRIME
        i += 1
        found = value_of(names, key)
        if found:
            meaning, after = found, i
        if byte == 59:
            break
    if meaning == 0:
        out[at] = 38
        return start + 1, at + 1
    size = meaning >> _LENGTH_BIT
    for k in range(size):
        out[at + k] = meaning >> 8 * k & 255
    return after, at + size
