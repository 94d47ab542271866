"""Long texts in pieces, and pieces in calls of the tokenizer: the ids are those of the whole texts."""

import re
from collections.abc import Iterator

# Longer texts are encoded in pieces: the tokenizers library needs about 90 bytes of memory per character, and its regular expressions
# give up (a panic, not an exception) on some millions of equal characters.
PIECE_CHARS = 1 << 16
# No split pattern in use makes a token that spans one of these places, nor looks beyond it.
SAFE_CUT = re.compile(r"(?<=\S)(?= \S)|(?<=\S\n)(?=\S)")


def pieces(text: str) -> Iterator[str]:
    """The text in pieces of at most `PIECE_CHARS` characters, cut where no token can span.

    Where half a piece has no such place it is cut where it is full.
    """
    start = 0
    while len(text) - start > PIECE_CHARS:
        end = start + PIECE_CHARS
        # The last place, which is nearly always among the last characters; else it is looked for farther and farther back.
        found = (_last_cut(text, first, end) for first in (end - 128, end - 1024, end - 8192, start + PIECE_CHARS // 2))
        start, cut = next((place for place in found if place), end), start
        yield text[cut:start]
    yield text[start:] if start else text


def _last_cut(text: str, first: int, end: int) -> int:
    """0 where there is none."""
    first = max(first, 0)
    if text.find(" ", first, end) < 0 and text.find("\n", first, end) < 0:  # data in lines of any length, which is searched in no time
        return 0
    return max((cut.start() for cut in SAFE_CUT.finditer(text, first, end)), default=0)


def calls(texts: list[str], most_chars: int) -> Iterator[list[str]]:
    """The texts in lists of about so many characters, none of them empty."""
    start = held = 0
    for end, text in enumerate(texts, start=1):
        held += len(text)
        if held >= most_chars:
            yield texts[start:end]
            start, held = end, 0
    if start < len(texts):
        yield texts[start:]
