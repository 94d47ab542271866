"""Finds word n-grams of texts in a set of n-grams: what two texts share, by places.

A rolling hash of `width` words names an n-gram. A bit filter, which fits a processor's cache, tells most hashes of a text apart from those
of the set; the rest is looked up in a table sorted by hash, and each hit is compared word by word with the n-gram itself. So a collision of
hashes costs time and changes nothing. How many texts the set was made of changes the size of the tables alone.
"""

from typing import Any, NamedTuple

import numpy as np

from udfs.compiled import compiled
from udfs.shingles import mix
from udfs.words import alphabet, has_letter, hash_words, same_words

VERSION = 1

_STEP = np.uint64(0x9E3779B97F4A7C15)
_ONE = np.uint64(1)
_BLOCK_WORDS = 4096  # of a text that are held at once: 100 kB of tables, whatever the text
_FILTER_BITS = 16  # per n-gram: about one foreign n-gram in 70 passes two of them


class Grams(NamedTuple):
    """A set of n-grams, in order of their hashes. Each is a place in `text`: bytes of all items, line feeds between them.

    An n-gram that several groups of items have is there once for each; of one group's items the first has it. `first` gives where the
    hashes with the same upper bits begin; `bits` is the filter. `mask` takes bits away from all hashes, for tests.
    """

    text: np.ndarray
    hashes: np.ndarray
    start: np.ndarray
    item: np.ndarray
    first: np.ndarray
    bits: np.ndarray
    width: int
    mask: np.uint64

    @property
    def size_bytes(self) -> int:
        return sum(part.nbytes for part in self if isinstance(part, np.ndarray))


@compiled
def _hash_grams(text: Any, i: Any, letters: Any, hashes: Any, starts: Any, grams: Any, width: Any, rolled: Any, top: Any) -> Any:
    """Hashes of the n-grams that end in the words from byte `i` on, in the places of these words: width + 1 and on.

    The `width` words before lie in places 1 to width, zeros where there are none, and `rolled` is their hash. Returns the last place, where
    to go on, and the last hash.
    """
    count, i = hash_words(text, i, letters, hashes, starts, width)
    for k in range(width + 1, count + 1):
        hashes[k] = mix(hashes[k])
    for k in range(width + 1, count + 1):
        rolled = rolled * _STEP + hashes[k] - hashes[k - width] * top
        grams[k] = rolled
    return count, i, rolled


@compiled
def _carry(hashes: Any, starts: Any, width: Any, count: Any) -> None:
    """Moves the last `width` words to the places before the next."""
    for k in range(1, width + 1):
        hashes[k] = hashes[count - width + k]
        starts[k] = starts[count - width + k]


@compiled
def _power(width: Any) -> Any:
    top = _ONE
    for _ in range(width):
        top *= _STEP
    return top


@compiled
def _collect(text: Any, begins: Any, ends: Any, letters: Any, width: Any, block: Any) -> Any:
    """Hash, first byte and item of every n-gram of the items, which lie in `text`; and the words of each item."""
    hashes, grams = np.zeros(width + block + 2, np.uint64), np.empty(width + block + 2, np.uint64)
    starts = np.zeros(width + block + 2, np.int64)
    found, place = np.empty(len(text) // 2 + 1, np.uint64), np.empty(len(text) // 2 + 1, np.int64)
    owner = np.empty(len(text) // 2 + 1, np.int32)
    words = np.zeros(len(begins), np.int64)
    top, total = _power(width), 0
    for item in range(len(begins)):
        piece = text[begins[item] : ends[item]]
        i, rolled = 0, np.uint64(0)
        hashes[: width + 1] = np.uint64(0)
        while i < len(piece):
            count, i, rolled = _hash_grams(piece, i, letters, hashes, starts, grams, width, rolled, top)
            for k in range(width + 1, count + 1):
                words[item] += 1
                if words[item] >= width:
                    found[total] = grams[k]
                    place[total] = begins[item] + starts[k - width + 1]
                    owner[total] = item
                    total += 1
            _carry(hashes, starts, width, count)
    return found[:total], place[:total], owner[:total], words


@compiled
def _first_of_each(text: Any, hashes: Any, start: Any, group: Any, letters: Any, width: Any) -> Any:
    """Of n-grams in order of (hash, group) those with a letter whose words no earlier one of the same hash and group has."""
    keep = np.zeros(len(hashes), np.bool_)
    run = 0
    for k in range(len(hashes)):
        if hashes[k] != hashes[run] or group[k] != group[run]:
            run = k
        keep[k] = True
        for other in range(run, k):
            if keep[other] and same_words(text, start[k], text, start[other], width, letters):
                keep[k] = False
                break
    for k in range(len(hashes)):
        keep[k] = keep[k] and has_letter(text, start[k], width, letters)
    return keep


@compiled
def _fill(bits: Any, hashes: Any) -> None:
    shift = _filter_shift(bits)
    for k in range(len(hashes)):
        bits[hashes[k] >> shift] |= _filter_word(hashes[k])


@compiled
def _filter_shift(bits: Any) -> Any:
    shift, size = np.uint64(64), len(bits)
    while size > 1:
        size >>= 1
        shift -= _ONE
    return shift


@compiled
def _filter_word(value: Any) -> Any:
    return _ONE << (value & np.uint64(63)) | _ONE << (value >> np.uint64(6) & np.uint64(63))


def gram_set(items: list[bytes], groups: np.ndarray, width: int, mask: int = 2**64 - 1) -> tuple[Grams, np.ndarray]:
    """The n-grams of items, each of the group that `groups` (ascending) says; and the number of words of each item.

    No n-gram crosses from one item into another; an item of fewer than `width` words has none. An n-gram without a letter is left out:
    `0, 1, 2, 3, 4, 5, 6, 7, 8, 9` is in one file of 200 (docs/decisions/0016).
    """
    letters = alphabet()
    ends = np.cumsum([len(item) + 1 for item in items], dtype=np.int64) - 1
    begins = ends - np.array([len(item) for item in items], np.int64)
    text = np.frombuffer(b"\n".join(items) + b"\n", np.uint8)
    hashes, start, item, words = _collect(text, begins, ends, letters, width, _BLOCK_WORDS)
    hashes &= np.uint64(mask)
    order = np.lexsort((start, groups[item], hashes))
    hashes, start, item = hashes[order], start[order], item[order]
    keep = _first_of_each(text, hashes, start, groups[item], letters, width)
    hashes, start, item = hashes[keep], start[keep], item[keep]
    depth = max(1, len(hashes).bit_length())
    uppers = np.arange(1 << depth, dtype=np.uint64) << np.uint64(64 - depth)
    first = np.append(np.searchsorted(hashes, uppers), len(hashes)).astype(np.int32)
    bits = np.zeros(max(64, 1 << (len(hashes) * _FILTER_BITS // 64).bit_length()), np.uint64)
    _fill(bits, hashes)
    return Grams(text, hashes, start, item, first, bits, width, np.uint64(mask)), words


@compiled
def find(data: Any, offsets: Any, letters: Any, grams: Any, items: Any, most: Any, block: Any) -> Any:
    """Rows, n-grams (places in `grams`) and first bytes of what texts share with a set of `items` items; and how often per row.

    Of an item the first place in a text is told, of a text at most `most` places, in their order. Every place is counted where an n-gram of
    the set begins.
    """
    width, shift = grams.width, _filter_shift(grams.bits)
    depth = _filter_shift(grams.first[:-1])
    hashes, rolling = np.zeros(width + block + 2, np.uint64), np.empty(width + block + 2, np.uint64)
    starts = np.zeros(width + block + 2, np.int64)
    told = np.full(items, -1, np.int64)  # the last row of which an item was told
    found = np.empty((64, 3), np.int64)
    counts = np.zeros(len(offsets) - 1, np.int64)
    total, top = 0, _power(width)
    for row in range(len(offsets) - 1):
        text = data[offsets[row] : offsets[row + 1]]
        i, rolled, of_row = 0, np.uint64(0), 0
        begin = 2 * width  # the first words of a text end no n-gram
        hashes[: width + 1] = np.uint64(0)
        while i < len(text):
            count, i, rolled = _hash_grams(text, i, letters, hashes, starts, rolling, width, rolled, top)
            for k in range(begin, count + 1):
                value = rolling[k] & grams.mask
                wanted = _filter_word(value)
                if grams.bits[value >> shift] & wanted != wanted:
                    continue
                is_found = False
                upper = value >> depth
                for entry in range(grams.first[upper], grams.first[upper + np.uint64(1)]):
                    place = starts[k - width + 1]
                    if grams.hashes[entry] != value or not same_words(text, place, grams.text, grams.start[entry], width, letters):
                        continue
                    is_found = True
                    if told[grams.item[entry]] != row and of_row < most:
                        told[grams.item[entry]] = row
                        if total == len(found):
                            found = np.concatenate((found, np.empty_like(found)))
                        found[total, 0], found[total, 1], found[total, 2] = row, entry, place
                        total += 1
                        of_row += 1
                counts[row] += is_found
            begin = max(width + 1, begin - (count - width))
            _carry(hashes, starts, width, count)
    return found[:total], counts
