"""Where a text imports something: places of the words that matter outside of strings and comments, without a parse.

A parse reads 14 MB/s a core, and of a file only a few lines are asked for. These kernels know what a string and a comment is in Python, and
in C, C++ and Java, and nothing else. They never fail and look at every byte once; a string that never ends costs the rest of its line,
or of the file where it is one of many lines.
"""

import numpy as np
import numpy.typing as npt

from udfs.compiled import compiled

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]

_NEWLINE, _BACKSLASH, _HASH, _QUOTE, _DOUBLE, _DOT, _SLASH, _STAR = 10, 92, 35, 39, 34, 46, 47, 42
_OTHER, _WORD, _DIGIT, _UPPER = 0, 1, 2, 3


def _kinds() -> Bytes:
    """What each byte can be in a word; bytes of other characters than ASCII are letters."""
    kinds = np.zeros(256, np.uint8)
    kinds[[*range(ord("a"), ord("z") + 1), *range(128, 256), ord("_"), ord("$")]] = _WORD
    kinds[ord("0") : ord("9") + 1] = _DIGIT
    kinds[ord("A") : ord("Z") + 1] = _UPPER
    return kinds


KINDS = _kinds()


@compiled
def _is_at(text: Bytes, place: int, word: Bytes) -> bool:
    if place + len(word) > len(text):
        return False
    for offset in range(len(word)):  # noqa: SIM110
        if text[place + offset] != word[offset]:
            return False
    return True


@compiled
def _after_string(text: Bytes, place: int) -> int:
    """Where the string that begins at `place` ends: at its quote, or at the end of its line."""
    quote = text[place]
    place += 1
    while place < len(text) and text[place] != quote and text[place] != _NEWLINE:
        place += 2 if text[place] == _BACKSLASH else 1
    return place + 1 if place < len(text) and text[place] == quote else min(place, len(text))


@compiled
def _after_long_string(text: Bytes, place: int) -> int:
    """Where the string of three quotes at `place` ends."""
    quote = text[place]
    place += 3
    while place + 2 < len(text):
        if text[place] == quote and text[place + 1] == quote and text[place + 2] == quote:
            return place + 3
        place += 2 if text[place] == _BACKSLASH else 1
    return len(text)


@compiled
def _is_long_string(text: Bytes, place: int) -> bool:
    return place + 2 < len(text) and text[place + 1] == text[place] and text[place + 2] == text[place]


@compiled
def _after_comment(text: Bytes, place: int) -> int:
    """Where the comment of C that begins at `place` ends: at its line's end, which a backslash hides."""
    if text[place + 1] == _STAR:
        place += 2
        while place + 1 < len(text) and not (text[place] == _STAR and text[place + 1] == _SLASH):
            place += 1
        return min(place + 2, len(text))
    while place < len(text) and text[place] != _NEWLINE:
        place += 2 if text[place] == _BACKSLASH else 1
    return min(place, len(text))


@compiled
def _after_raw_string(text: Bytes, place: int) -> int:
    """Where C++'s raw string whose quote is at `place` ends; it has a word of at most 16 bytes before its bracket."""
    bracket = place + 1
    while bracket < len(text) and text[bracket] != ord("(") and bracket - place <= 17:
        bracket += 1
    if bracket >= len(text) or text[bracket] != ord("("):
        return _after_string(text, place)
    size = bracket - place - 1
    end = bracket + 1
    while end + size + 1 < len(text):
        if text[end] == ord(")") and text[end + size + 1] == _DOUBLE and _is_at(text, end + 1, text[place + 1 : bracket]):
            return end + size + 2
        end += 1
    return len(text)


_IMPORT = np.frombuffer(b"import", np.uint8)
_FROM = np.frombuffer(b"from", np.uint8)
_INCLUDE = np.frombuffer(b"include", np.uint8)
_NEXT = np.frombuffer(b"_next", np.uint8)
_PACKAGE = np.frombuffer(b"package", np.uint8)


@compiled
def _is_word(text: Bytes, place: int, word: Bytes, kinds: Bytes) -> bool:
    """Whether the word stands at `place`, alone. A dot may stand before it: `from .import name`."""
    if not _is_at(text, place, word) or (place > 0 and kinds[text[place - 1]] != _OTHER):
        return False
    return place + len(word) == len(text) or kinds[text[place + len(word)]] == _OTHER


@compiled
def python_imports(text: Bytes, kinds: Bytes, found: Places) -> int:
    """Fills rows of `found`: place of a word `import`, and of the last `from` before it, or -1. Returns how many, at most its length."""
    place, count, last_from = 0, 0, -1
    while place < len(text) and count < len(found):
        byte = text[place]
        if byte == _HASH:
            while place < len(text) and text[place] != _NEWLINE:
                place += 1
        elif byte in (_DOUBLE, _QUOTE):
            place = _after_long_string(text, place) if _is_long_string(text, place) else _after_string(text, place)
        elif byte == _BACKSLASH:
            place += 2
        elif byte == ord("i") and _is_word(text, place, _IMPORT, kinds):
            found[count, 0], found[count, 1] = place, last_from
            count, last_from = count + 1, -1
            place += len(_IMPORT)
        else:
            if byte == ord("f") and _is_word(text, place, _FROM, kinds):
                last_from = place
            place += 1
    return count


@compiled
def c_includes(text: Bytes, kinds: Bytes, found: Places) -> int:
    """Fills rows of `found`: where after `#include`, `#include_next` or `#import` the rest of the line begins. Returns how many."""
    place, count, is_start = 0, 0, True
    while place < len(text) and count < len(found):
        byte = text[place]
        if byte == _NEWLINE:
            is_start = True
        elif byte == _SLASH and place + 1 < len(text) and (text[place + 1] == _SLASH or text[place + 1] == _STAR):
            place = _after_comment(text, place)
            continue
        elif byte == _HASH and is_start:
            place += 1
            while place < len(text) and (text[place] == ord(" ") or text[place] == ord("\t")):
                place += 1
            start = place
            while place < len(text) and kinds[text[place]] != _OTHER:
                place += 1
            size = place - start
            is_include = _is_at(text, start, _INCLUDE) and (size == len(_INCLUDE) or (size == 12 and _is_at(text, start + 7, _NEXT)))
            if is_include or (size == len(_IMPORT) and _is_at(text, start, _IMPORT)):
                found[count, 0], found[count, 1] = place, -1
                count += 1
                while place < len(text) and (text[place] == ord(" ") or text[place] == ord("\t")):
                    place += 1
                if place < len(text) and text[place] == ord("<"):  # what stands inside is no comment; a comment may begin behind it
                    while place < len(text) and text[place] != ord(">") and text[place] != _NEWLINE:
                        place += 1
            is_start = False
            continue
        elif byte == _DOUBLE and place > 0 and text[place - 1] == ord("R"):
            place, is_start = _after_raw_string(text, place), False
            continue
        elif byte == _DOUBLE or (byte == _QUOTE and (place == 0 or kinds[text[place - 1]] == _OTHER)):  # 1'000 is a number of C++
            place, is_start = _after_string(text, place), False
            continue
        elif byte > 32:
            is_start = False
        place += 1
    return count


@compiled
def java_words(text: Bytes, kinds: Bytes, found: Places) -> int:
    """Fills rows of `found` with start and end of names, dots included, that have a part with an initial capital, and of the words
    `import` and `package`. Returns how many."""
    place, count = 0, 0
    while place < len(text) and count < len(found):
        byte = text[place]
        kind = kinds[byte]
        if kind in (_WORD, _UPPER):
            start, is_type, is_initial = place, False, True
            while place < len(text) and (kinds[text[place]] != _OTHER or text[place] == _DOT):
                is_type |= is_initial and (kinds[text[place]] == _UPPER or text[place] >= 128)
                is_initial = text[place] == _DOT
                place += 1
            is_part = start > 0 and text[start - 1] == _DOT
            is_mark = (place - start == 6 and _is_at(text, start, _IMPORT)) or (place - start == 7 and _is_at(text, start, _PACKAGE))
            if not is_part and (is_type or is_mark):
                found[count, 0], found[count, 1] = start, place
                count += 1
        elif kind == _DIGIT:
            while place < len(text) and (kinds[text[place]] != _OTHER or text[place] == _DOT):
                place += 1
        elif byte == _SLASH and place + 1 < len(text) and (text[place + 1] == _SLASH or text[place + 1] == _STAR):
            place = _after_comment(text, place)
        elif byte == _DOUBLE and _is_long_string(text, place):
            place = _after_long_string(text, place)
        elif byte in (_DOUBLE, _QUOTE):
            place = _after_string(text, place)
        else:
            place += 1
    return count
