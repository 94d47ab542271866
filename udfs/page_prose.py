"""What of a page's text was said before, and what breaks off: facts that the usual heuristics for web text ask.

Looked at are the lines outside of fenced blocks. Both are of the rules of Gopher (Rae et al. 2021, A1.1), whose limits are those of prose.
"""

from typing import Any

import numpy as np

from udfs.compiled import compiled
from udfs.page_names import FIRST, PRIME

STEPS = 64  # places of the table that are looked at for a line, on average of all, at most; it is half full, so that two are usual
LINES, LINE_BYTES, REPEATED_BYTES, CUT_LINES, COUNTS = range(5)


@compiled
def _ticks(text: Any, start: Any, end: Any) -> Any:
    i = start
    while i < end and text[i] == 96:
        i += 1
    return i - start


@compiled
def _is_cut(text: Any, end: Any) -> Any:
    """Whether a line that ends at `end` ends in three dots or their one character."""
    if end < 3:
        return False
    a, b, c = text[end - 3], text[end - 2], text[end - 1]
    return (a == 46 and b == 46 and c == 46) or (a == 0xE2 and b == 0x80 and c == 0xA6)


@compiled
def _was_there(seen: Any, key: Any, steps: Any) -> Any:
    """Whether the hash of a line is in the table already; it is afterwards. 0 is an empty place. Takes what it looks at off `steps[0]`;
    where none are left the line is new and is not remembered."""
    last = np.uint64(len(seen) - 1)
    key = key | np.uint64(1)
    place = (key >> np.uint64(1)) & last
    while steps[0] > 0 and seen[place] != 0:
        if seen[place] == key:
            return True
        place = (place + np.uint64(1)) & last
        steps[0] -= 1
    if steps[0] > 0:
        seen[place] = key
    return False


@compiled
def prose_counts(text: Any) -> Any:
    """Of the text (uint8) as it was written: the COUNTS numbers above, of lines that are not empty. Bytes are without line ends."""
    counts = np.zeros(COUNTS, np.int64)
    size = 64
    line_ends = 1
    for byte in text:
        line_ends += byte == 10
    while size < 2 * line_ends:
        size *= 2
    seen = np.zeros(size, np.uint64)
    steps = np.full(1, STEPS * line_ends, np.int64)
    fence = start = 0
    while start < len(text):
        end = start
        key = FIRST
        while end < len(text) and text[end] != 10:
            key = (key ^ np.uint64(text[end])) * PRIME
            end += 1
        ticks = _ticks(text, start, end)
        if fence:
            fence = 0 if ticks == fence and start + ticks == end else fence
        elif ticks >= 3:
            fence = ticks
        elif end > start:
            counts[LINES] += 1
            counts[LINE_BYTES] += end - start
            counts[REPEATED_BYTES] += end - start if _was_there(seen, key, steps) else 0
            counts[CUT_LINES] += _is_cut(text, end)
        start = end + 1
    return counts
