"""Words and their n-grams: the compiled kernels against a plain Python reading of the same rule, also where hashes collide."""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from udfs.ngrams import find, gram_set
from udfs.shingles import text_buffers
from udfs.words import alphabet, character, word_at, words_from

NO_SPACES = r"\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
ITEMS = st.lists(st.text(st.sampled_from(list("aAb1_é中 (\n")), max_size=40), min_size=1, max_size=4)
TEXTS = st.lists(st.text(st.sampled_from(list("aAbB1_Éé中 (\n.\x00")), max_size=60), min_size=1, max_size=4)


def plain_words(raw: bytes) -> list[tuple[str, int]]:
    """Words and their first bytes, character by character."""
    found: list[tuple[str, int]] = []
    position, is_open = 0, False
    for piece in re.findall(rb"[\x00-\x7f]|[\x80-\xff]+", raw):
        for one in piece.decode("utf-8", "surrogateescape"):
            small = one.lower() if len(one.lower()) == 1 else one
            if re.match(f"[{NO_SPACES}]", one) and one.isalnum():
                found.append((small, position))
                is_open = False
            elif one == "_" or one.isalnum() or unicodedata.category(one)[0] == "M":
                found[-1:] = [(found[-1][0] + small, found[-1][1])] if is_open else [*found[-1:], (small, position)]
                is_open = True
            else:
                is_open = False
            position += len(one.encode("utf-8", "surrogateescape"))
    return found


def plain_matches(items: Sequence[bytes], text: bytes, width: int) -> tuple[dict[int, int], int]:
    """First byte of the first n-gram that each item shares with the text; and places where one begins."""
    words = plain_words(text)
    sets = []
    for item in items:
        own = [word for word, _ in plain_words(item)]
        grams = {tuple(own[i : i + width]) for i in range(len(own) - width + 1)}
        sets.append({gram for gram in grams if any(map(str.isalpha, "".join(gram)))})
    first: dict[int, int] = {}
    count = 0
    for i in range(len(words) - width + 1):
        gram = tuple(word for word, _ in words[i : i + width])
        owners = [item for item, grams in enumerate(sets) if gram in grams]
        count += bool(owners)
        for item in owners:
            first.setdefault(item, words[i][1])
    return first, count


def found_in(items: Sequence[bytes], texts: Sequence[bytes], width: int, mask: int = 2**64 - 1, block: int = 4096, most: int = 99):
    """The same by the kernels, each item a group of its own."""
    grams, _ = gram_set(list(items), np.arange(len(items)), width, mask)
    data, offsets = text_buffers(pa.array(texts, pa.large_binary()))
    rows, counts = find(data, offsets, alphabet(), grams, len(items), most, block)
    found: list[dict[int, int]] = [{} for _ in texts]
    for row, entry, place in rows.tolist():
        found[row][int(grams.item[entry])] = place
    return list(zip(found, counts.tolist(), strict=True))


@given(ITEMS, TEXTS, st.integers(1, 4), st.sampled_from([2**64 - 1, 3, 0]), st.sampled_from([1, 3, 4096]))
def test_matches_are_those_of_a_plain_search_whatever_collides_and_wherever_blocks_end(items, texts, width, mask, block):
    given_items, given_texts = [item.encode() for item in items], [text.encode() for text in texts]
    expected = [plain_matches(given_items, text, width) for text in given_texts]
    assert found_in(given_items, given_texts, width, mask, block) == expected


@given(st.binary(max_size=40) | st.text(max_size=20).map(str.encode))
def test_words_of_any_bytes_are_those_of_the_rule(raw):
    expected = plain_words(raw)
    data = np.frombuffer(raw, np.uint8)
    assert words_from(data, 0, 99) == [word for word, _ in expected]
    starts, end = [], 0
    while (found := word_at(data, end, alphabet()))[0] < found[1]:
        starts.append(found[0])
        end = found[1]
    assert starts == [start for _, start in expected]


@given(st.binary(max_size=8), st.integers(0, 7))
def test_a_code_point_is_pythons_own(raw, i):
    if i < len(raw):
        code, size = character(np.frombuffer(raw, np.uint8), i)
        valid = [n for n in (1, 2, 3, 4) if len(one := raw[i : i + n].decode("utf-8", "ignore")) == 1 and one.encode() == raw[i : i + n]]
        assert (code, size) == ((ord(raw[i : i + valid[0]].decode()), valid[0]) if valid else (-1, 1))
