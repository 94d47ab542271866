"""The text of a page beside what an HTML5 parser reads (lexbor): no word is lost, none is moved, none is made."""

import html
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from udfs.page_references import put_reference
from udfs.page_text import Page, Unextractable, extract
from udfs.page_vocabulary import NAMES

INLINE = st.sampled_from(["b", "i", "span", "em", "strong", "font", "u", "x-y"])
BLOCKS = st.sampled_from(["div", "p", "ul", "ol", "li", "blockquote", "section", "h2", "dl", "dt", "dd", "center"])
PIECES = st.one_of(
    st.integers(0, 99).map(lambda number: f" w{number} "),
    st.sampled_from(["<br>", "<!-- c <p> -->", "<!>", "</>", "</ >", "<? x >", " < ", "&amp;", "&lt", "<p", ">", "-->", "'", '"', "<hr>"]),
    st.one_of(INLINE, BLOCKS).map(lambda tag: f"<{tag}>"),
    st.one_of(INLINE, BLOCKS).map(lambda tag: f"</{tag}>"),
    st.sampled_from(["<a title='<p>'>", '<b x="y>z">', "<i a=b/c>", "<SPAN ID=q >", "<div\n>"]),
)


def words_of(text: str) -> list[str]:
    return [word for word in text.split() if word.startswith("w")]


@given(st.lists(PIECES, max_size=40).map("".join))
def test_words_are_those_of_an_html5_parser_in_its_order(body: str) -> None:
    tree = LexborHTMLParser(f"<body>{body}")
    expected = words_of(tree.body.text(separator=" ", deep=True)) if tree.body else []
    found = extract(f"<body>{body}".encode())
    assert words_of(found.text if isinstance(found, Page) else "") == expected


@given(st.binary(max_size=300))
def test_random_bytes_raise_nothing(body: bytes) -> None:
    assert isinstance(extract(body), Page | Unextractable)


TOKENS = st.sampled_from(
    [
        *b"<pre> </pre> <code> </code> <table> <tr> <td> </td> </table> <li> <ul> </ul> <!-- --> <![CDATA[ ]]> <script> </script>".split(),
        *b"<textarea> <math> <h1> </h1> <dd> <blockquote> </ &#x &am &lt; ` ``` | \xff \xe2\x80 \xc2 <title> <svg> <a </a>".split(),
        *(b"=", b"'", b'"', b"/", b"\r", b"\n", b"\0"),
    ]
)


@given(st.lists(TOKENS, max_size=60))
def test_any_soup_of_tags_raises_nothing_and_is_deterministic(tokens: list[bytes]) -> None:
    body = b" ".join(tokens)
    found = extract(body)
    assert found == extract(body)
    if isinstance(found, Page):
        assert 0 <= found.link_word_count <= found.word_count
        assert 0 <= found.code_bytes <= len(found.text.encode())


@given(
    st.lists(
        st.sampled_from(
            [
                *[
                    "&",
                    "#",
                    "x",
                    "X",
                    "6",
                    "0",
                    "128",
                    ";",
                    "lt",
                    "amp",
                    "not",
                    "it",
                    "notin",
                    "&notit;",
                    "&#xD800;",
                    "&#1;",
                    "&#x1F600;",
                    "&bne;",
                ],
                " ",
            ]
        ),
        max_size=8,
    )
)
def test_references_mean_what_the_standard_library_says(parts: list[str]) -> None:
    text = "".join(parts)
    data = np.frombuffer(text.encode(), np.uint8)
    out = np.zeros(4 * len(data) + 16, np.uint8)
    i = size = 0
    while i < len(data):
        if data[i] == ord("&"):
            i, size = put_reference(data, i, len(data), NAMES, out, size)
        else:
            out[size] = data[i]
            i, size = i + 1, size + 1
    assert out[:size].tobytes().decode() == html.unescape(text)


def test_references_are_decoded_once_and_not_across_tags() -> None:
    found = extract(b"<p>&amp;lt; &am<b>p;</b> &<i>lt;</i></p>")
    assert isinstance(found, Page) and found.text == "&lt; &amp; &lt;"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<p>a<!-- never ends <p>b", "a"),
        ("<p>a<![CDATA[b]]>c", "ac"),
        ("<p>a<script>if (x</script>b", "ab"),
        ("<p>a<style>b", "a"),
        ("<p>a<title>b</title>c", "ac"),
        ("<p>a<b title='never ends>b", "a"),
        ("<plaintext><p>a", "```\n<p>a\n```"),
        ("<p>a\0b", "ab"),
        ("<table><tr><td>a<td>b<tr><td>c</table>d", "| a | b |\n|---|---|\n| c |\n\nd"),
        ("<dl><dt>a<dd>b<dt>c<dd><p>d<p>e</dl>", "a\n: b\n\nc\n: d\n\n  e"),
        ("<ol start=9><li>a<li>b<ul><li>c</ol>d", "9. a\n10. b\n    - c\n\nd"),
        ("<blockquote>a<blockquote>b</blockquote></blockquote>c", "> a\n>\n> > b\n\nc"),
        ("<h1>a<br>b</h1>c", "# a b\n\nc"),
        ("a<a href=x>b<a href=y>c</a>d", "abcd"),
        ("<noscript>a</noscript><template>b</template><select><option>c</select>d", "d"),
    ],
)
def test_small_pages(body: str, text: str) -> None:
    found = extract(body.encode())
    assert isinstance(found, Page) and found.text == text


HOSTILE = {
    "depth": (b"<div>" * 100_000, "too_deep"),
    "marks": (b"<b>" * 4_500_000, "too_many_nodes"),
    "nothing": (b"", "empty_page"),
    "spaces": (b" \n" * 1000, "empty_page"),
    "flat nodes": (b"<p>x</p>" * 300_000, None),
    "unclosed items": (b"<li>x" * 300_000, None),
    "nested lists and lines": (b"<ul><li>" * 900 + b"x<br>" * 100_000, None),
    "quotes and lines": (b"<blockquote>" * 1900 + b"x<br>" * 100_000, None),
    "end tags of what is far below": (b"<b>" + b"<i>" * 1900 + b"</b><b>" * 200_000 + b"x", None),
    "end tags that match nothing": (b"<div><td>" * 900 + b"</div>" * 300_000 + b"x", None),
    "attributes": (b"<p " + b"a=b " * 1_000_000 + b">x", None),
    "classes": (b"<p class='" + b"ab-cd " * 1_000_000 + b"'>x", None),
    "references": (b"&lt;" * 1_000_000, None),
    "references without end": (b"&" * 3_000_000, None),
    "a pre": (b"<pre>" + b"line of code\n" * 2_400_000 + b"</pre>", None),
    "backticks": (b"<pre>" + b"`" * 3_000_000 + b"</pre>", None),
    "inline backticks": (b"<code>" + b"`" * 3_000_000 + b"</code>x", None),
    "links in links": (b"<a><div>" * 900 + b"<b></b>" * 300_000 + b"x", None),
    "tables in tables": (b"<table><tr><td>" * 600 + b"x<td>" * 300_000, None),
    "unclosed titles": (b"x" + b"<title>" * 300_000, None),
    "comments": (b"x<!-- " * 300_000, None),
    "questions in questions": (b'<div itemprop="answer">' * 1900 + b"<b>x</b>" * 300_000, None),
    "gutters in gutters": (b"<div class=gutter>" * 1900 + b"1 " * 1_000_000 + b"x", None),
    "numbers beside code": (b"<table><tr><td>1 2</td>" + b"<td>1 2</td></b>" * 200_000 + b"<td><pre>x</pre></td></tr></table>", None),
    "cells of numbers in each other": (
        b"<table><tr><td>" * 600 + b"1 2 3\n" * 200_000 + b"</td><td><pre>x</pre></td></tr></table>" * 600,
        None,
    ),
    "sections": (b"<?xml?><p>x" + b"<![CDATA[" * 500_000, None),
    "lines that repeat": (b"<p>x" * 300_000, None),
    "codes with lines": (b"<code>x<br></code>" * 100_000, None),
    "binary": (bytes(range(256)) * 20_000, None),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_page_takes_seconds_at_most(name: str) -> None:
    body, reason = HOSTILE[name]
    extract(b"<p>compiled before the clock starts")
    start = time.process_time()
    found = extract(body)
    assert time.process_time() - start < 5
    assert (found.reason if isinstance(found, Unextractable) else None) == reason


def test_a_drawing_costs_no_page():
    page = extract(b"<h1>Title</h1><p>text before</p><svg>" + b'<path d="M0 0"/>' * 5000 + b"</svg><p>text after</p>")
    assert "text before" in page.text and "text after" in page.text


def test_in_xhtml_a_tag_that_ends_itself_is_empty():
    page = extract(b'<?xml version="1.0"?><html><head><script src="a.js"/><title/></head><body><p>some text</p></body></html>')
    assert page.text.strip() == "some text"


def test_facts_and_text_have_a_bound():
    long = b"x" * 10_000
    page = extract(b"<html lang=" + long + b"><link rel=canonical href=" + long + b"><p>some text")
    assert page.html_language is None and page.canonical_url is None
    assert extract(b"<ul><li>" * 32 + b"<li>a" * 3_000_000).reason == "too_large"
