"""Words of a text, the unit of decontamination: one pass over its UTF-8 bytes makes a 64-bit hash of each.

A word is a run of letters, digits and underscores, in Unicode's sense (Python's `\\w`), with its marks. A character of a script that is
written without spaces (Han, kana) is a word alone. Everything else separates: space, operators, brackets, quotation marks, NUL. Case does
not count: each character stands for its lower case where that is one character. Nothing is normalised otherwise. What is not UTF-8
separates, as if it had been decoded with replacement characters.

Hashes only find places: whether words are the same is decided on the words (`same_words`).
"""

import unicodedata
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from udfs.compiled import compiled
from udfs.shingles import mix, mix_values

VERSION = 1

SEPARATES, OF_A_WORD, WORD_ALONE = 0, 1, 2
# Blocks whose letters are words alone: kana, Han and its extensions.
_WITHOUT_SPACES = ((0x3041, 0x3100), (0x31F0, 0x3200), (0x3400, 0x4DC0), (0x4E00, 0xA000), (0xF900, 0xFB00), (0x20000, 0x40000))
_CODE_POINTS = 0x110000
_STEP = np.uint64(0xD6E8FEB86659FD93)
_ONE = np.uint64(1)


class Alphabet(NamedTuple):
    """Of each code point what it is in a word, whether it is a letter, and its lower case; of each ASCII byte its part in a polynomial.

    A byte that separates changes nothing: factor 1, value 0."""

    kind: np.ndarray
    is_letter: np.ndarray
    lower: np.ndarray
    value: np.ndarray
    factor: np.ndarray


@cache
def alphabet() -> Alphabet:
    """By the Unicode tables of this Python (`unicodedata.unidata_version`); a third of a second, once a process."""
    characters = [chr(code) for code in range(_CODE_POINTS)]
    kind = np.fromiter(map(str.isalnum, characters), np.uint8, _CODE_POINTS)
    kind[ord("_")] = OF_A_WORD
    kind[[code for code, one in enumerate(characters) if unicodedata.category(one)[0] == "M"]] = OF_A_WORD
    for start, end in _WITHOUT_SPACES:
        kind[start:end] *= WORD_ALONE
    lower = np.arange(_CODE_POINTS, dtype=np.uint32)
    for code, one in enumerate(characters):
        if one.isupper() or one.istitle():
            small = one.lower()
            lower[code] = ord(small) if len(small) == 1 else code
    is_letter = np.fromiter(map(str.isalpha, characters), np.bool_, _CODE_POINTS)
    is_word = kind[:128] == OF_A_WORD
    value = np.where(is_word, mix_values(lower[:128].astype(np.uint64) + _ONE), np.uint64(0))
    return Alphabet(kind, is_letter, lower, value, np.where(is_word, _STEP, _ONE))


@compiled
def character(text: Any, i: Any) -> Any:
    """The code point that begins at byte `i`, and its bytes; of a byte that begins none -1, and one byte."""
    lead = np.int64(text[i])
    if lead < 0x80:
        return lead, 1
    size = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    if lead < 0xC2 or lead > 0xF4 or i + size > len(text):
        return np.int64(-1), 1
    code = lead & (0x7F >> size)
    for j in range(1, size):
        following = np.int64(text[i + j])
        if following & 0xC0 != 0x80:
            return np.int64(-1), 1
        code = code << 6 | following & 0x3F
    if code > 0x10FFFF or (size == 3 and (code < 0x800 or code >> 11 == 0x1B)) or (size == 4 and code < 0x10000):
        return np.int64(-1), 1
    return code, size


@compiled
def hash_words(text: Any, i: Any, letters: Any, hashes: Any, starts: Any, count: Any) -> Any:
    """Writes hash and first byte of the words from byte `i` on into places count + 1, count + 2 ... of `hashes` and `starts`.

    `i` lies between words. Returns the last place, and where to go on: the first word that finds no place, or the end of the text. No
    branch depends on where an ASCII word ends: one there would be guessed wrong and cost more than all else.
    """
    most = len(hashes) - 2
    token = hashes[count]
    was_word = np.uint64(0)
    while i < len(text):
        byte = text[i]
        size = 1
        if byte < 0x80:
            is_word = np.uint64(letters.kind[byte])
            begins = is_word & ~was_word
            value = letters.value[byte]
            factor = letters.factor[byte]
            was_word = is_word
        else:
            code, size = character(text, i)
            kind = letters.kind[code] if code >= 0 else SEPARATES
            begins = np.uint64(kind == WORD_ALONE) | (np.uint64(kind == OF_A_WORD) & ~was_word)
            value = mix(np.uint64(letters.lower[code]) + _ONE) if kind != SEPARATES else np.uint64(0)
            factor = _STEP if kind != SEPARATES else _ONE
            was_word = np.uint64(kind == OF_A_WORD)
        if count == most and begins:
            break
        starts[count + 1] = i
        count += np.int64(begins)
        token = token * (factor & (begins - _ONE)) + value
        hashes[count] = token
        i += size
    return count, i


@compiled
def word_at(text: Any, i: Any, letters: Any) -> Any:
    """First byte of the first word from byte `i` on, and the byte after it; twice the end of the text where there is none."""
    while i < len(text):
        code, size = character(text, i)
        kind = letters.kind[code] if code >= 0 else SEPARATES
        if kind == WORD_ALONE:
            return i, i + size
        if kind == OF_A_WORD:
            break
        i += size
    end = i
    while end < len(text):
        code, size = character(text, end)
        if code < 0 or letters.kind[code] != OF_A_WORD:
            break
        end += size
    return i, end


@compiled
def same_words(a: Any, i: Any, b: Any, j: Any, width: Any, letters: Any) -> Any:
    """Whether the next `width` words of `a` from byte `i` and of `b` from byte `j` on are there and the same."""
    for _ in range(width):
        i, i_end = word_at(a, i, letters)
        j, j_end = word_at(b, j, letters)
        if i == i_end or j == j_end:
            return False
        while i < i_end and j < j_end:
            one, size = character(a, i)
            other, other_size = character(b, j)
            if letters.lower[one] != letters.lower[other]:
                return False
            i += size
            j += other_size
        if i < i_end or j < j_end:
            return False
    return True


@compiled
def has_letter(text: Any, i: Any, width: Any, letters: Any) -> Any:
    """Whether one of the next `width` words from byte `i` on holds a letter: numbers and underscores are none."""
    for _ in range(width):
        i, end = word_at(text, i, letters)
        while i < end:
            code, size = character(text, i)
            if letters.is_letter[code]:
                return True
            i += size
    return False


def words_from(text: np.ndarray, start: int, width: int) -> list[str]:
    """The words of `text` (uint8) from byte `start` on, at most `width`, in the lower case by which they are compared."""
    letters, end = alphabet(), start
    found: list[str] = []
    while len(found) < width:
        begin, end = word_at(text, end, letters)
        if begin == end:
            break
        word = bytes(text[begin:end]).decode()
        found.append("".join(chr(letters.lower[ord(character)]) for character in word))
    return found
