"""Shingles: the compiled kernels against a plain Python reading of the same definition, and what a token is."""

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.shingles import FACTOR, KIND, VALUE, jaccard, mix_values, shingle_sets, shingles_of, text_buffers, tokens_of

MOST = 1 << 20
SPACE = " \t\n\r\x0b\x0c\x00"
code = st.text(alphabet=st.sampled_from(list("ab_1é({;=+. \t\n")), max_size=60)


def plain_tokens(text: str) -> list[bytes]:
    """The definition, with a regular expression over bytes."""
    return re.findall(rb"[0-9A-Za-z_\x80-\xff]+|[^\s\x00]", text.encode())


def sets(texts: Sequence[str], width: int = 3, most: int = MOST) -> list[set[int]]:
    return [set(row) for row in shingle_sets(pa.array(texts, pa.string()), width, most).to_pylist()]


def token_hashes(text: str) -> list[int]:
    data = np.frombuffer(text.encode(), np.uint8)
    out = np.empty(len(data) + 1, np.uint64)
    return out[: tokens_of(data, KIND, VALUE, FACTOR, out)].tolist()


@given(code)
def test_tokens_are_those_of_the_definition(text: str) -> None:
    expected = plain_tokens(text)
    found = token_hashes(text)
    assert len(found) == len(expected)
    assert len(set(found)) == len(set(expected))
    names = dict(zip(found, expected, strict=True))
    assert [names[h] for h in found] == expected


@given(code, code, st.integers(1, 6))
def test_sets_have_the_jaccard_of_tuples_of_tokens(a: str, b: str, width: int) -> None:
    def plain(text: str) -> set[tuple[bytes, ...]]:
        tokens = plain_tokens(text)
        starts = range(max(1, len(tokens) - width + 1)) if tokens else ()
        return {tuple(tokens[i : i + width]) for i in starts}

    one, other = plain(a), plain(b)
    expected = len(one & other) / len(one | other) if one | other else 1.0
    left, right = (np.array(sorted(found), np.uint32) for found in sets([a, b], width))
    assert (len(left), len(right)) == (len(one), len(other))
    assert jaccard(left, right, MOST) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("a", "b", "is_same"),
    [
        ("x = f(a, b)", "x=f( a,b )", True),
        ("if (a) {\n    b();\n}", "if (a)\n{\n\tb();\n}\n", True),
        ("\n\n  x = 1", "x = 1", True),
        ("a + b", "a - b", False),
        ("x = 1", "x = 2", False),
        ("Name", "name", False),
        ("a b", "ab", False),
        ("(a", "a", False),
        ("f((a))", "f(a)", False),
        ("a\x00b", "a b", True),
        ("", "a", False),
    ],
)
def test_layout_does_not_count_and_operators_digits_and_case_do(a: str, b: str, is_same: bool) -> None:
    one, other = sets([a, b], width=2)
    assert (one == other) is is_same


def test_a_text_shorter_than_a_shingle_equals_only_a_text_of_the_same_tokens() -> None:
    one, two, three, none = sets(["a b", "a c", "b a", " \n"], width=5)
    assert len(one) == len(two) == len(three) == 1
    assert not one & two and not one & three and not none


def test_of_large_sets_the_smallest_are_kept() -> None:
    text = " ".join(f"word{i}" for i in range(500))
    (whole,) = sets([text], 5)
    (sample,) = sets([text], 5, most=100)
    assert sample == set(sorted(whole)[:100])


@given(st.sets(st.integers(0, 2000), max_size=400), st.sets(st.integers(0, 2000), max_size=400))
def test_jaccard_of_samples_is_that_of_the_smallest_of_the_union(a: set[int], b: set[int]) -> None:
    most = 50
    left, right = (np.array(sorted(s)[:most], np.uint32) for s in (a, b))
    smallest = sorted(a | b)[:most]
    expected = sum(x in a and x in b for x in smallest) / len(smallest) if smallest else 1.0
    assert jaccard(left, right, most) == pytest.approx(expected)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary()])
def test_slices_of_every_kind_of_text_array_are_read_where_they_lie(kind: pa.DataType) -> None:
    texts = pa.array([b"zz", b"one two", b"", b"three"], pa.binary()).cast(kind)
    data, offsets = text_buffers(texts.slice(1, 2))
    assert [bytes(data[offsets[i] : offsets[i + 1]]) for i in range(2)] == [b"one two", b""]
    with pytest.raises(ValueError, match="1 of 1 texts are null"):
        text_buffers(pa.array([None], kind))


def test_mixed_values_are_those_of_the_kernel() -> None:
    data = np.frombuffer(b"word", np.uint8)
    out = np.empty(5, np.uint64)
    tokens_of(data, KIND, VALUE, FACTOR, out)
    polynomial = 0
    for byte in data:
        polynomial = (polynomial * int(FACTOR[byte]) + int(VALUE[byte])) % 2**64
    assert out[0] == mix_values(np.array([polynomial], np.uint64))[0]
    shingle = np.empty(1, np.uint64)
    assert shingles_of(out[:1], 5, shingle) == 1
    assert shingle[0] == mix_values(out[:1])[0]
