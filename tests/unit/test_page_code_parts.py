"""Code that is told by its spaces, and a `<pre>` that holds several programs."""

import pydoc
import textwrap

import pytest

from benchmarks.known_pydoc import Recording, known_page
from tests.unit.test_page_code import blocks, page_of

DOCSTRING = "f(x)\n\nFirst line.\n\n    >>> f(1)\n    {\n      2:  3}\n\nLast <line> & `more`."


@pytest.mark.parametrize(
    "markup",
    [
        "<p><span class='code'>{}</span></p>",
        "<dl><dt>f<dd><span class='code'>{}<br>&nbsp;</span></dl>",
        "<div class='code'>\n  {}<br>\n</div>",
        "<table><tr><td>x<td class='decor'><span class=code>{}</span><tr><td>y<td>z</table>",
    ],
)
def test_lines_whose_spaces_are_references_are_code_where_a_class_says_so(markup: str) -> None:
    shown = pydoc.html.preformat(DOCSTRING)
    assert blocks(markup.format(shown)) == [("", DOCSTRING)]
    assert page_of(markup.format(shown)).has_code_tags


@pytest.mark.parametrize(
    "markup",
    [
        "<p class=code>Your code:<br>SAVE 20</p>",
        "<div class=code><p>A&nbsp;b<br>c</p></div>",
        "<p>a&nbsp;b<br>c <span class=code>d&nbsp;e</span></p>",
        "<div id=code>a&nbsp;b<br>c</div>",
    ],
)
def test_other_lines_are_text(markup: str) -> None:
    assert blocks(markup) == []


def test_docstrings_of_a_page_of_pydoc_are_its_blocks_and_its_modules_are_named() -> None:
    page, codes = known_page("json") or ("", [])
    found = page_of(page)
    assert len(codes) > 20
    for code in codes:
        assert code in found.text or "\n" not in code
    assert found.code_block_count == sum("\n" in code for code in codes)
    assert "Package Contents\n\ndecoder\nencoder\nscanner\ntool" in found.text
    assert "|  |" not in found.text


def test_what_pydoc_is_asked_to_lay_out_is_recorded_as_it_was_written() -> None:
    writer = Recording()
    writer.document(textwrap.dedent, "dedent")
    assert writer.docstrings == [pydoc.getdoc(textwrap.dedent)]


def test_the_forms_of_a_program_are_blocks_of_their_own() -> None:
    forms = "<code class='language-js cjs'>\n a\n</code><code class='language-js mjs'> b</code><button>copy</button>"
    assert blocks(f"<pre><input type=checkbox>{forms}</pre>") == [("js", "\n a"), ("js", " b")]
    assert page_of(f"<pre>{forms}</pre>").has_code_tags


@pytest.mark.parametrize(
    ("inside", "code"),
    [
        ("<code>a</code><code>  b</code>", "a\n  b"),
        ("<code class=language-js>a\n</code><code class=language-js>b</code>", "a\nb"),
        ("<code>a</code>\n<code>b</code>", "a\nb"),
        ("<code>a</code> <code>b</code>", "a b"),
        ("<code>f</code>(<code>x</code><code>y</code>)", "f(xy)"),
    ],
)
def test_code_elements_that_touch_are_lines_where_they_are_all_that_there_is(inside: str, code: str) -> None:
    assert [found for _, found in blocks(f"<pre>{inside}</pre>")] == [code]


def test_every_language_is_counted_once_however_many_blocks_there_are() -> None:
    page = page_of("<pre lang=c>x</pre>" * 300 + "<pre lang=cpp>y</pre>")
    assert page.code_languages == ("c", "cpp")


@pytest.mark.parametrize("before", ["", "x" * 20, "y\n" * 40])
def test_an_empty_part_is_no_line_whatever_was_written_before(before: str) -> None:
    page = f"<pre>{before}</pre><p>words</p><pre><code></code><code>a = 1</code><code>b</code></pre>"
    assert blocks(page)[-1] == ("", "a = 1\nb")
