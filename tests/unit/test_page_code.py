"""Code comes out of a page as it went in: laws over random texts, and the marks that pages put around code."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.page_text import Page, extract

# Code as a page can hold it: HTML itself takes CR as LF and leaves NUL and lone surrogates out.
CODES = st.text(st.characters(exclude_characters="\r\0", exclude_categories=("Cs",)), max_size=200).filter(str.strip)
FENCED = re.compile(r"^(`{3,})([^`\n]*)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)

PRES = ["<pre>\n{}</pre>", "<div><pre class=x>\n<code>{}</code></pre></div>"]


def page_of(body: str) -> Page:
    found = extract(body.encode())
    assert isinstance(found, Page), found
    return found


def blocks(body: str) -> list[tuple[str, str]]:
    """(language, code) of the fenced blocks of a page's text; the line end before the closing fence is the fence's."""
    return [(language, code.removesuffix("\n")) for _, language, code in FENCED.findall(page_of(body).text)]


def has_visible(code: str) -> bool:
    return bool(code.strip(" \t\n\f"))


@given(CODES.filter(has_visible))
def test_code_in_a_pre_comes_back_byte_for_byte(code: str) -> None:
    text = page_of(f"<p>before</p><pre>\n{html.escape(code)}</pre><p>after</p>").text
    fence = text.removeprefix("before\n\n").split("\n", 1)[0]
    end = "" if code.endswith("\n") else "\n"
    assert set(fence) == {"`"} and fence not in code
    assert text == f"before\n\n{fence}\n{code}{end}{fence}\n\nafter"


@given(
    st.text("ab`\n &<>'\"\t#;", max_size=80).filter(str.strip),
    st.sampled_from(PRES),
)
def test_fences_are_longer_than_what_the_code_holds(code: str, around: str) -> None:
    text = page_of(around.format(html.escape(code))).text
    fence, rest = text.split("\n", 1)
    assert max(map(len, re.findall("`+", code)), default=0) < len(fence) >= 3
    assert rest.removesuffix(fence).removesuffix("\n") == code.removesuffix("\n")


@given(st.lists(st.sampled_from(["x", " y", "\tz", "&amp;", "<b>b</b>", "&#96;", "é"]), min_size=1, max_size=8))
def test_inline_code_keeps_its_characters_between_backticks(parts: list[str]) -> None:
    inner = "".join(parts)
    shown = " ".join(html.unescape(re.sub("<.*?>", "", inner)).split())
    if shown:
        text = page_of(f"<p>a <code>{inner}</code> b</p>").text
        assert shown in text and text.startswith("a `") and text.endswith("` b")


@pytest.mark.parametrize(
    ("markup", "language"),
    [
        ('<div class="highlight-python3 notranslate"><div class="highlight"><pre>{}</pre></div></div>', "python3"),
        ('<pre><code class="hljs language-rust">{}</code></pre>', "rust"),
        ('<pre><code class="hljs cpp">{}</code></pre>', "cpp"),
        ('<pre class="lang-c++ prettyprint">{}</pre>', "c++"),
        ('<pre class="brush: js; toolbar: false">{}</pre>', "js"),
        ('<pre class="brush:ruby">{}</pre>', "ruby"),
        ('<div class="highlight highlight-source-shell"><pre>{}</pre></div>', "shell"),
        (
            '<div class="language-yaml highlighter-rouge"><div class="highlight"><pre class="highlight"><code>{}</code></pre></div></div>',
            "yaml",
        ),
        ('<pre class="chroma"><code class="language-go" data-lang="go">{}</code></pre>', "go"),
        ('<pre class="sourceCode haskell"><code class="sourceCode haskell">{}</code></pre>', "haskell"),
        ('<pre lang="SQL"><code>{}</code></pre>', "sql"),
        ('<div class="highlight-default"><pre>{}</pre></div>', ""),
        ('<pre class="nohighlight">{}</pre>', ""),
        ('<pre><code class="language-none">{}</code></pre>', ""),
        ('<div lang="en" class="content text"><pre>{}</pre></div>', ""),
        ("<pre><code lang=sql>{}</code></pre>", "sql"),
        ("<pre><code lang=en>{}</code></pre>", ""),
    ],
)
def test_the_language_is_what_the_page_calls_it(markup: str, language: str) -> None:
    page = page_of(markup.format("a\n  b"))
    assert blocks(markup.format("a\n  b")) == [(language, "a\n  b")]
    assert page.code_languages == ((language,) if language else ())


@pytest.mark.parametrize(
    "markup",
    [
        "<pre>a\r\n\r  b</pre>",
        "<pre>\na<br><br/>  b</pre>",
        "<pre><div>a</div><div><br></div><div>  b</div></pre>",
        "<pre>\na\n\n<br/>\n  b</pre>",
        "<pre><span class=line>a</span>\n<span class=line></span>\n<span class=line>  b</span></pre>",
        '<pre><span class="lineno">1 </span>a\n<span class="lineno">2 </span>\n<span class="lineno">3 </span>  b</pre>',
        "<pre><ol><li>a</li><li></li><li>&nbsp; b</li></ol></pre>",
        "<pre>a\n\n  <b>b</pre>",
        '<pre><button class="copy">Copy</button>a\n\n  b</pre>',
        "<ul><li>x<ul><li><pre>a\n\n  b</pre></ul></ul>",
        "<blockquote><pre>a\n\n  b</pre></blockquote>",
        "<table><tr><td><pre>a\n\n  b</pre></td><td>x</td></tr></table>",
        "<xmp>a\n\n  b</xmp>",
        "<nav><a href=x>1</a></nav><pre>a\n\n  b",
    ],
)
def test_lines_are_lines_however_they_are_marked(markup: str) -> None:
    assert blocks(markup) == [("", "a\n\n  b")]


def test_invisible_characters_stay_in_code_and_leave_prose() -> None:
    hidden = "a\u200bb\u202ec\ufeffd\u00ade"
    assert blocks(f"<p>{hidden}</p><pre>{hidden}</pre>") == [("", hidden)]
    assert page_of(f"<p>{hidden}</p>").text == "abcde"


def test_a_no_break_space_is_layout_only_where_it_is_written_as_a_reference() -> None:
    assert blocks("<pre>&nbsp;a\u00a0b&#160;c</pre>") == [("", " a\u00a0b c")]


def test_counts_are_of_what_is_in_the_text() -> None:
    page = page_of("<p>one <a href=x>two three</a> f<code>é x</code></p><pre>ab\ncd</pre><h2>four</h2>")
    assert page.text == "one two three f`é x`\n\n```\nab\ncd\n```\n\n## four"
    assert (page.word_count, page.link_word_count) == (6, 2)
    assert (page.code_block_count, page.code_bytes, page.has_code_tags) == (1, 5 + 4, True)
    assert not page_of("<p>one <kbd>two</kbd><pre> \n </pre>").has_code_tags


def test_code_in_a_sidebar_is_not_lost() -> None:
    body = "<main><p>" + "word " * 100 + "</p></main><aside class=sidebar><pre>x = 1</pre></aside>"
    assert blocks(body) == [("", "x = 1")]


def test_inline_code_beside_inline_code_is_counted_once_and_keeps_its_marks():
    found = extract(b"<p>Some words before <code>a</code><code>b</code> and after.</p>")
    assert (found.text.strip(), found.code_bytes) == ("Some words before `ab` and after.", 2)
    found = extract(b"<p>Some words <code>a`b</code><code>c</code> and after.</p>")
    assert "`` a`b ```c`" in found.text and found.code_bytes == 4


def test_steps_of_slides_are_no_code_though_they_have_the_class_of_doxygens_code() -> None:
    page = page_of("<ul><li class=fragment>one <b>step</b></li><li class=fragment>and another</li></ul><p class=fragment>the last</p>")
    assert (page.text, page.code_block_count) == ("- one step\n- and another\n\nthe last", 0)
    assert blocks('<div class="fragment"><div class="line">int x;</div><div class="line">  int y;</div></div>') == [
        ("", "int x;\n  int y;")
    ]


LISTING = "<div class=fragment>{}<div class=ttc><div class=ttname>x</div></div></div>"
NUMBER = '<a name="l1"></a><span class="lineno"><a class="line" href="x">    1</a></span>'


@pytest.mark.parametrize("gap", ["", "&#160;"])
def test_doxygens_listings_keep_their_indentation_and_empty_lines_whatever_the_version(gap: str) -> None:
    rows = ["struct X {", " ", "  int x;  ", " ", "    // y", "};"]
    lines = [f"<div class=line>{NUMBER}{gap}{row if row.strip() or not gap else ''}</div>\n" for row in rows]
    expected = [("", "struct X {\n\n  int x;  \n\n    // y\n};")]
    assert blocks(LISTING.format("".join(lines))) == expected
    folded = [
        lines[0],
        "<div class=foldopen data-start='{'>\n",
        *lines[1:3],
        "<div class=foldopen>\n",
        lines[3],
        "</div>\n",
        lines[4],
        "</div>\n",
        lines[5],
    ]
    assert blocks(LISTING.format("".join(folded))) == expected


def test_no_line_of_code_is_taken_for_navigation() -> None:
    links = "".join(f"<a class='code hl_x' href=x>f{number}</a>" for number in range(5))
    filler = "<p>" + "word " * 100
    assert (
        blocks(f"{filler}<div class=fragment><div class=line>void</div><div class=line>  {links}</div></div>")[0][1] == "void\n  f0f1f2f3f4"
    )
    shown = 'GET / HTTP/1.1\n<span class="token header"><span class="token header-name">Host</span></span>: x'
    assert blocks(f"{filler}<main><pre><code class=language-http>{shown}</code></pre></main>") == [("http", "GET / HTTP/1.1\nHost: x")]


def test_code_inside_of_a_heading_is_a_block() -> None:
    page = page_of("<h2>Use it<pre>a\n  b</pre>so</h2><h3>next</h3><p>text</p>")
    assert page.text == "Use it\n\n```\na\n  b\n```\n\nso\n\n### next\n\ntext"
