"""Code as highlighters, code hosts, wikis and notebooks show it: the numbers of its lines go, its lines stay, its language is known.

The markup is ours, in the structure of each.
"""

import html

import pytest

from tests.unit.test_page_code import blocks, page_of

CODE = "import os\n\ndef f(x):\n\tif x < 1:\n    return 7"
LINES = [html.escape(line) for line in CODE.split("\n")]
BODY = "\n".join(LINES)
NUMBERS = "\n".join(str(number) for number in range(1, 6))
UNSELECTED = "white-space:pre;-webkit-user-select:none;user-select:none;color:#7f7f7f"


def each(line: str, between: str = "") -> str:
    """A mark-up for all lines: `{n}` is the number, `{}` the code."""
    return between.join(line.format(code, n=number) for number, code in enumerate(LINES, 1))


def table(numbers: str, code: str, gutter: str = "", around: str = "") -> str:
    return f"<table class='{around}'><tr><td class='{gutter}'>{numbers}</td>\n<td class=code>{code}</td></tr></table>"


GO = "<pre><code class=language-go data-lang=go>{}</code></pre>"
NUMBERED = "<span style='" + UNSELECTED + "'>{n}</span>"
LAYOUTS = {
    "chroma_styles_table": ("go", table(f"<pre><code>{each(NUMBERED, chr(10))}</code></pre>", GO.format(BODY))),
    "chroma_styles_lines": ("go", GO.format(each(f"<span style=display:flex>{NUMBERED}<span>{{}}\n</span></span>"))),
    "rouge_lines": (
        "ruby",
        "<div class='language-ruby highlighter-rouge'><pre class=highlight><code><table class=rouge-line-table>"
        + each("<tr id=L{n} class=lineno><td class='rouge-gutter gl'><pre>{n}</pre></td><td class=rouge-code><pre>{}\n</pre></td></tr>")
        + "</table></code></pre></div>",
    ),
    "cgit": ("", table(f"<pre>{each('<a href=#n{n}>{n}</a>' + chr(10))}</pre>", f"<pre><code>{BODY}\n</code></pre>", "linenumbers")),
    "coderay": ("", table(f"<pre>{NUMBERS}\n</pre>", f"<pre>{BODY}\n</pre>", "line-numbers", "CodeRay")),
    "unnamed_numbers": ("", table(f"<pre>{NUMBERS}\n</pre>", f"<pre>{BODY}\n</pre>")),
    "pandoc_numbers": (
        "python",
        table(f"<pre>{NUMBERS}\n</pre>", f"<pre class='sourceCode python'>{BODY}</pre>", "lineNumbers", "sourceCode"),
    ),
    "gitlab": (
        "",
        "<div class=line-numbers>" + each("<a class=diff-line-num href=#L{n}>{n}</a>\n") + f"</div><pre><code>{BODY}</code></pre>",
    ),
    "vuepress": (
        "js",
        f"<div class='language-js line-numbers-mode'><pre class=language-js>{BODY}</pre><div class=line-numbers>"
        + each("<span class=line-number>{n}</span><br>")
        + "</div></div>",
    ),
    "prism": (
        "js",
        f"<pre class='line-numbers language-js'><code>{BODY}<span class=line-numbers-rows><span></span></span></code></pre>",
    ),
    "prism_around": ("js", f"<div class=line-numbers><pre class=language-js>{BODY}</pre></div>"),
    "javadoc": ("", "<pre>" + each("<span class=sourceLineNo>00{n}</span><a name=line.{n}>{}</a>\n") + "</pre>"),
    "rustdoc": ("rust", "<pre class='rust'><code>" + each("<a href=#{n} id={n} data-nosnippet>{n}</a>{}\n") + "</code></pre>"),
    "org": ("python", "<pre class='src src-python'>" + each("<span class=linenr>{n}: </span>{}\n") + "</pre>"),
    "vim": ("", "<pre id=vimCodeElement>\n" + each("<span id=L{n} class=LineNr>  {n} </span>{}\n") + "</pre>"),
    "redmine": (
        "",
        "<table class=filecontent>"
        + each("<tr><th class=line-num><a href=#L{n} data-txt={n}></a></th><td><pre>{}\n</pre></td></tr>")
        + "</table>",
    ),
    "gitiles": (
        "",
        "<table class=FileContents>"
        + each("<tr><td class=FileContents-lineNum></td><td class=FileContents-lineContents><span class=kwd>{}</span></td></tr>")
        + "</table>",
    ),
    "gitea": (
        "",
        "<div class='file-view code-view'><table>"
        + each("<tr><td class=lines-num><span data-line-number={n}></span></td><td><code class=code-inner>{}\n</code></td></tr>")
        + "</table></div>",
    ),
    "geshi": (
        "php",
        "<pre class='code php'><ol>"
        + each("<li class=li1><div class=de1>{}</div></li>").replace("></div>", ">&nbsp;</div>")
        + "</ol></pre>",
    ),
    "crayon": (
        "",
        f"<div class=crayon-syntax><div class=crayon-plain-wrap><textarea>{BODY}</textarea></div><table><tr><td class=crayon-nums>"
        + each("<div class=crayon-num>{n}</div>")
        + "</td><td><div class=crayon-pre>"
        + each("<div class=crayon-line>{}</div>").replace("></div>", ">&nbsp;</div>")
        + "</div></td></tr></table></div>",
    ),
    "mediawiki": (
        "python",
        f"<div class='mw-highlight mw-highlight-lang-python mw-highlight-lines'><pre>{BODY}\n</pre></div>",
    ),
    "jupyter": (
        "ipython3",
        f"<div class=jp-InputPrompt>In&nbsp;[12]:</div><div class='highlight hl-ipython3'><pre><span></span>{BODY}\n</pre></div>",
    ),
    "nbsphinx": (
        "ipython3",
        "<div class=nbinput><div class='prompt highlight-none'><div class=highlight><pre>[12]:\n</pre></div></div>"
        f"<div class='input_area highlight-ipython3'><div class=highlight><pre><span></span>{BODY}\n</pre></div></div></div>",
    ),
    "mkdocs_numbers": (
        "python",
        "<div class='language-python highlight'>"
        + table(f"<div class=linenodiv><pre>{NUMBERS}</pre></div>", f"<div><pre><span></span><code>{BODY}\n</code></pre></div>", "linenos")
        + "</div>",
    ),
    "gitweb": (
        "",
        "<div class=page_body>\n" + each("<div class=pre><a id=l{n} href=#l{n} class=linenr>   {n}</a> {}</div>\n") + "</div>",
    ),
    "trac": (
        "",
        "<table class=code><thead><tr><th class=lineno title='Line numbers'>Line</th><th class=content>&nbsp;</th></tr></thead><tbody>\n"
        + each("<tr><th id=L{n}><a href=#L{n}>{n}</a></th><td>{}</td></tr>\n")
        + "</tbody></table>",
    ),
    "mdbook": ("rust", f"<pre><div class=buttons><button>Copy</button></div><code class='language-rust hljs'>{BODY}\n</code></pre>"),
    "enlighter": ("python", f"<pre class=EnlighterJSRAW data-enlighter-language=python>{BODY}</pre>"),
    "devsite": ("kotlin", f"<devsite-code><pre translate=no syntax=Kotlin>{BODY}</pre></devsite-code>"),
    "bulletin_board": ("", "<div class=codebox><code>" + each("{}", "<br />\n").replace("    ", "&nbsp; &nbsp; ") + "</code></div>"),
    "php_manual": (
        "",
        "<div class=phpcode><code><span>\n"
        + each("<span>{}</span>", "<br />").replace("    ", "&nbsp;&nbsp;&nbsp;&nbsp;")
        + "\n</span>\n</code></div>",
    ),
    "gist_without_script": ("", f"<script src=x></script><noscript><pre>{BODY}</pre></noscript>"),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_code_is_what_was_written_and_nothing_else_is_left_of_the_block(name: str) -> None:
    language, markup = LAYOUTS[name]
    around = f"<main><h1>A title</h1><p>Some words before it.</p>{markup}<p>Some words after it.</p></main>"
    assert [(found, code.removesuffix("\n")) for found, code in blocks(around)] == [(language, CODE)]
    text = page_of(around).text
    outside = text[: text.index("```")] + text[text.rindex("```") :]
    assert outside.split() == ["#", "A", "title", "Some", "words", "before", "it.", "```", "Some", "words", "after", "it."]


@pytest.mark.parametrize("classes", ["row gutter", "gl", "line-numbers", "prompt"])
def test_a_part_of_the_page_that_has_the_class_of_a_gutter_is_no_gutter(classes: str) -> None:
    prose = "word " * 50
    assert page_of(f"<div class='{classes}'><p>{prose}</p></div>").text == prose.strip()
    assert blocks(f"<div class='{classes}'><p>{prose}</p><pre>x = 1</pre></div>") == [("", "x = 1")]


@pytest.mark.parametrize("words", ["$ make all", "Yes or no?", "x[0] = 1", "<pre>npm i x</pre>", "[y/n]"])
def test_short_text_with_the_class_of_a_prompt_stays_unless_it_numbers_a_cell(words: str) -> None:
    assert words.removeprefix("<pre>").removesuffix("</pre>") in page_of(f"<div class=prompt>{words}</div><p>More.</p>").text
    for prompt in ("In&nbsp;[12]:", "In&nbsp;[&nbsp;]:", "[*]:", "Out[3]:"):
        assert page_of(f"<div class=prompt>{prompt}</div><p>More.</p>").text == "More."


@pytest.mark.parametrize(
    ("markup", "code"),
    [
        ("<table><tr><td>80</td><td><pre>http</pre></td></tr></table>", "http"),  # a number that means something
        ("<table><tr><td>8 9</td><td><pre>a\nb\nc\nd</pre></td></tr></table>", "a\nb\nc\nd"),  # more lines than numbers
        ("<table><tr><th>Port<th>Use</tr><tr><td>8<br>9</td><td><pre>a\nb</pre></td></tr></table>", "a\nb"),  # a column with a name
        ("<table><tr><td>8 80 443</td><td><pre>a\nb</pre></td></tr></table>", "a\nb"),
    ],
)
def test_numbers_beside_code_that_do_not_count_its_lines_stay(markup: str, code: str) -> None:
    assert blocks(markup) == [("", code)]
    assert "8" in page_of(markup).text


def test_a_short_block_with_the_class_of_a_gutter_is_a_block() -> None:
    assert blocks("<pre><code class='language-vb line-numbers'>\nRnd [(E)]\n</code></pre>") == [("vb", "\nRnd [(E)]")]


def test_a_line_of_code_that_is_a_number_stays() -> None:
    rows = "".join(f"<tr><td class=blob-num></td><td>{code}</td></tr>" for code in ("x = [", "1", "]"))
    assert blocks(f"<table class=js-file-line-container>{rows}</table>") == [("", "x = [\n1\n]")]
    assert blocks("<pre><span style='user-select:none'>$ </span>seq 1\n1</pre>") == [("", "$ seq 1\n1")]


def test_a_link_that_is_a_button_is_no_text() -> None:
    page = page_of("<p>Code: <a href='#' onclick='selectCode(this); return false;'>Select all</a></p><p>See <a href='#top'>above</a>.</p>")
    assert page.text == "Code:\n\nSee above."


def test_what_a_browser_shows_of_a_component_is_text_and_other_templates_are_not() -> None:
    body = "<x-y><template shadowrootmode=open><p>seen <slot></slot></p></template></x-y><template><p>unseen</p></template>"
    assert page_of(body).text == "seen"
    assert page_of("<p>seen</p><noscript>Please enable scripts.</noscript>").text == "seen"


def test_numbered_notes_and_rows_are_no_code() -> None:
    notes = "".join(f"<div><a href=#{n}>{n}</a> note {n}</div>" for n in (1, 2, 3))
    assert blocks(f"<div>{notes}</div>") == []
    rows = "".join(f"<tr><th>{n}</th><td>rule {n}</td></tr>" for n in (1, 2, 3))
    assert blocks(f"<table class=code><tbody>{rows}</tbody></table>") == []
    skipping = "".join(f"<div><a class=linenr href=#{n}>{n}</a> part {n}</div>" for n in (1, 3))
    assert blocks(f"<div>{skipping}</div>") == []
