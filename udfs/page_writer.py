"""Writes the text: runs of visible characters with one space, one line end or one empty line between them, and marks before lines.

Outside of code, white space of any kind is one space; soft hyphens, zero-width spaces and joiners of words, byte order marks, control
characters and the controls of writing direction are left out (zero-width joiners and non-joiners stay: words are spelled with them). What
comes before a run is written when the run begins, so nothing is left at line ends.
"""

from typing import Any, NamedTuple

import numpy as np

from udfs.compiled import compiled
from udfs.page_references import put_reference

# What the writer knows. BREAK: line ends before the next run. GLUED: the last byte belongs to a run. FRESH: a list marker is not yet
# written. HEADING: level of marks to write. INLINE: inside how many elements that must stay on one line. LINK, CODE: inside how many
# links, inline codes. CODE_START: where the inline code began. TICK_END: where the last one ended. TABLE, LIST: which open element is the
# table or list around. FULL: `out` is too small. LOW: the shortest prefix since the last run. TIGHT: a place where no space is written.
POS, BREAK, SPACE, GLUED, FRESH, PREFIX, HEADING, INLINE, LINK, CODE, CODE_START, TICKS, TICK_END, TABLE, LIST = range(15)
COLUMNS_SEEN, ROWS_SEEN, WORDS, LINK_WORDS, BLOCKS, CODE_BYTES, HAS_TAGS, FULL, LANGUAGES, LOW, TIGHT, STATE_SIZE = range(15, 27)

MAX_PREFIX = 64  # deeper lists and quotes are written like the one at this depth
MARGIN = 512  # bytes that must be free before anything but a run is written

QUOTE, MARKER = 1, 2  # kinds of bytes in a prefix
MAX_LANGUAGES = 256
PREFIX_BYTES = STATE_SIZE
PREFIX_KINDS = PREFIX_BYTES + MAX_PREFIX
LANGUAGE_PLACES = PREFIX_KINDS + MAX_PREFIX


class Writer(NamedTuple):
    """`out`: the text's bytes (uint8); `state` (int64): the numbers above, the prefix and its kinds, places of languages in `out`."""

    out: np.ndarray
    state: np.ndarray


def new_writer(room: int) -> Writer:
    state = np.zeros(LANGUAGE_PLACES + 2 * MAX_LANGUAGES, np.int64)
    state[[TABLE, LIST, CODE_START, TICK_END, TIGHT]] = -1
    return Writer(np.empty(room + MARGIN, np.uint8), state)


def _classes() -> np.ndarray:
    """Of each byte of text: 0 part of a run, 1 white space, 2 begins a reference, 3 may begin what is left out, 4 left out, 5 a pipe."""
    classes = np.zeros(256, np.uint8)
    classes[:33] = classes[127] = 4
    classes[[9, 10, 11, 12, 13, 32]] = 1
    classes[ord("&")], classes[ord("|")] = 2, 5
    classes[[0xC2, 0xE1, 0xE2, 0xE3, 0xEF]] = 3
    return classes


_CLASSES = _classes()


@compiled
def has_room(w: Any, size: Any) -> Any:
    if w.state[POS] + size + MARGIN <= len(w.out):
        return True
    w.state[FULL] = 1
    return False


@compiled
def put(w: Any, byte: Any) -> None:
    w.out[w.state[POS]] = byte
    w.state[POS] += 1


@compiled
def put_all(w: Any, text: Any) -> None:
    for byte in text:
        put(w, byte)


@compiled
def end_run(w: Any, lines: Any) -> None:
    """Asks for so many line ends (1 or 2) before what comes next; where all must stay on one line, for a space."""
    w.state[GLUED] = 0
    if w.state[INLINE] or w.state[CODE]:
        w.state[SPACE] = 1
    else:
        w.state[BREAK] = max(w.state[BREAK], 1 if w.state[FRESH] else lines)


@compiled
def _put_prefix(w: Any) -> None:
    """The prefix of a line; a list's marker is written once and is spaces afterwards."""
    for k in range(w.state[PREFIX]):
        put(w, w.state[PREFIX_BYTES + k])
        if w.state[PREFIX_KINDS + k] == MARKER:
            w.state[PREFIX_BYTES + k] = 32
    w.state[FRESH] = 0


@compiled
def _put_empty_line(w: Any) -> None:
    size = w.state[LOW]
    while size and w.state[PREFIX_BYTES + size - 1] != 62:
        size -= 1
    for k in range(size):
        put(w, w.state[PREFIX_BYTES + k] if w.state[PREFIX_KINDS + k] == QUOTE else 32)
    put(w, 10)


@compiled
def begin(w: Any) -> None:
    """Writes what was asked for before the next run."""
    state = w.state
    if not has_room(w, 4 * MAX_PREFIX):
        return
    if state[POS] == 0 or state[BREAK]:
        if state[POS]:
            put(w, 10)
            if state[BREAK] > 1:
                _put_empty_line(w)
        _put_prefix(w)
        if state[HEADING]:
            for _ in range(state[HEADING]):
                put(w, 35)
            put(w, 32)
            state[HEADING] = 0
        state[LOW] = state[PREFIX]
    elif state[SPACE] and state[POS] != state[TIGHT]:
        put(w, 32)
    state[BREAK] = state[SPACE] = 0


@compiled
def begin_run(w: Any) -> None:
    is_counted = w.state[POS] != w.state[CODE_START]
    begin(w)
    w.state[GLUED] = 1
    if is_counted:
        w.state[WORDS] += 1
        w.state[LINK_WORDS] += w.state[LINK] > 0


@compiled
def _unseen_length(data: Any, i: Any, end: Any) -> Any:
    """Of the character at `i`: bytes that are left out (positive), that are a space (negative), 0 where it is of a run."""
    a, b = data[i], data[i + 1] if i + 1 < end else np.uint8(0)
    c = data[i + 2] if i + 2 < end else np.uint8(0)
    if a == 0xC2:
        return -2 if b == 0xA0 or b == 0x85 else (2 if b == 0xAD or b < 0xA0 else 0)
    if a == 0xE2 and b == 0x80:
        if c <= 0x8A or c == 0xA8 or c == 0xA9 or c == 0xAF:
            return -3
        return 3 if c == 0x8B or c == 0x8E or c == 0x8F or 0xAA <= c <= 0xAE else 0
    if a == 0xE2 and b == 0x81:
        return -3 if c == 0x9F else (3 if 0xA0 <= c <= 0xAF else 0)
    if a == 0xE3:
        return -3 if b == 0x80 and c == 0x80 else 0
    if a == 0xE1:
        return -3 if b == 0x9A and c == 0x80 else 0
    return 3 if a == 0xEF and b == 0xBB and c == 0xBF else 0


@compiled
def put_text(w: Any, data: Any, start: Any, end: Any, names: Any) -> None:
    """Text of a page outside of code blocks. References are decoded once."""
    if not has_room(w, 2 * (end - start)):
        return
    state, out = w.state, w.out
    decoded = np.empty(16, np.uint8)
    i = start
    while i < end:
        kind = _CLASSES[data[i]]
        if kind == 0:
            if not state[GLUED]:
                begin_run(w)
            at = state[POS]
            while i < end and _CLASSES[data[i]] == 0:
                out[at] = data[i]
                at += 1
                i += 1
            state[POS] = at
        elif kind == 1:
            state[SPACE] = 1
            state[GLUED] = 0
            i += 1
        elif kind == 2:
            i, size = put_reference(data, i, end, names, decoded, 0)
            _put_characters(w, decoded, size)
        elif kind == 4:
            i += 1
        else:
            length = _unseen_length(data, i, end) if kind == 3 else 0
            if length == 0:
                _put_visible(w, data[i])
                i += 1
            else:
                if length < 0:
                    state[SPACE] = 1
                    state[GLUED] = 0
                i += abs(length)


@compiled
def _put_visible(w: Any, byte: Any) -> None:
    if not w.state[GLUED]:
        begin_run(w)
    if byte == 124 and w.state[TABLE] >= 0:
        put(w, 92)
    put(w, byte)


@compiled
def _put_characters(w: Any, decoded: Any, size: Any) -> None:
    """What a reference stands for, by the same rules as other text."""
    i = 0
    while i < size:
        kind = _CLASSES[decoded[i]]
        length = _unseen_length(decoded, i, size) if kind == 3 else (-1 if kind == 1 else (1 if kind == 4 else 0))
        if length < 0:
            w.state[SPACE] = 1
            w.state[GLUED] = 0
        elif length == 0:
            _put_visible(w, decoded[i])
        i += abs(length) if length else 1
