"""The words that models of pages read: against a slow oracle, and without what labels are made of."""

import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.page_corpus import pages
from udfs.page_words import LONGEST_BYTES, MOST_BYTES, page_words


def words(text: str, title: str = "") -> str:
    return page_words(pa.array([title]), pa.array([text]))[0].as_py()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# Sorting `my_list`", "sorting my_list"),
        ("a\n```py\nsecret = 1\n```\nb", "a b"),
        ("a\n  ~~~\n```\nsecret\n~~~ x\n~~~~  \nb", "a b"),
        ("a\n```\nnever closed\nsecret", "a"),
        ("a ```inline``` b\n```inline again``` c", "a inline b inline again c"),
        ("see [the docs](https://secret.example/x_(y)) now", "see the docs now"),
        ("at https://secret.example/x and http://secret.example", "at and"),
        ("http and https: words", "http and https words"),
        ("C++, C# and F#; a+b #heading", "c++ c# and f# a b heading"),
        ("VS\\_INCLUDE __init__ _private", "vs_include init__ private"),
        ("__label__code </s>", "label__code s"),
        ("in 2024, 3.11", "in 0000 0 00"),
        ("Über \u201cquoted\u201d\u00a0caf\u00e9\u2026", "Über quoted caf\u00e9"),
        ("\u4e2d\u6587\u3002ok \ufffd", "\u4e2d \u6587 ok"),
        ("a " + "x" * (LONGEST_BYTES + 1) + " b", "a b"),
        ("", ""),
        ("```", ""),
    ],
)
def test_a_line_is_the_words_and_nothing_that_would_tell_the_label(text: str, expected: str) -> None:
    assert words(text) == expected


def test_a_title_comes_first_and_opens_no_block() -> None:
    assert words("text", "``` Title") == "title text"


def oracle(text: str) -> str:
    """For texts without fences, links, addresses, escapes and characters beyond ASCII."""
    found = re.findall(r"[a-z0-9][a-z0-9_]*(?:[+#]+(?![a-z0-9+#]))?", re.sub(r"\d", "0", text.lower()))
    return " ".join(word for word in found if len(word) <= LONGEST_BYTES)


@given(st.text(alphabet=list("abAB019_ .,\n\t;-()/<>*!"), max_size=200))
def test_a_plain_text_has_the_words_of_a_regular_expression(text: str) -> None:
    assert words(text) == oracle(text)


def test_real_documentation_has_the_words_of_a_regular_expression() -> None:
    texts = [re.sub(r"[^\x20-\x7e\n]|[`~\\+#\[\]]|https?:", " ", page.text) for page in pages(100)]
    found = page_words(pa.array([""] * len(texts)), pa.array(texts), 1 << 30)
    assert found.to_pylist() == [oracle(text) for text in texts]


@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=300)), max_size=6))
def test_any_text_gives_one_clean_line_that_depends_on_its_page_alone(rows: list[tuple[str, str]]) -> None:
    titles, texts = pa.array([title for title, _ in rows], pa.string()), pa.array([text for _, text in rows], pa.large_string())
    found = page_words(titles, texts)
    found.validate(full=True)  # UTF-8
    for line, (title, text) in zip(found.to_pylist(), rows, strict=True):
        assert line == words(text, title)
        assert not set(line) & set("\n\t\r\0") and line == " ".join(line.split(" ")) and "  " not in line and line.strip(" ") == line
        assert not any(word.startswith("_") for word in line.split(" "))


def test_a_slice_of_an_array_is_read_where_it_lies() -> None:
    titles, texts = pa.array(["a", "b", "c"]), pa.array(["x", "y", "z"])
    assert page_words(titles.slice(1), texts.slice(1)).to_pylist() == ["b y", "c z"]


def test_a_long_page_gives_its_first_words_whole() -> None:
    line = words("word " * 10_000)
    assert MOST_BYTES - 5 <= len(line) <= MOST_BYTES + LONGEST_BYTES and set(line.split()) == {"word"}
    assert len(words("\u4e2d" * 10_000).encode()) <= MOST_BYTES + LONGEST_BYTES


def test_words_of_one_byte_beside_characters_that_are_words_have_room():
    texts = ["a中" * 1000] * 50
    assert page_words(pa.array([""] * 50), pa.array(texts), 1 << 20).to_pylist() == [" ".join("a中" * 1000)] * 50
