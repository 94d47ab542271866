"""Headings and terms that are links stay, marks beside them go; so does what nobody sees."""

import time

import pytest

from udfs.page_text import Page, extract

AROUND = "<main><h1>Top</h1>{}<p>" + "word " * 60 + "</p></main>"


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ('<h2 id="x"><a class="permalink" href="#x">NAME</a></h2>', "## NAME\n"),
        ('<h2 id="x"><a class="header" href="#x">What <code>it</code> does</a></h2>', "## What `it` does\n"),
        ('<dl><dt><a class="permalink" href="#n"><b>-n</b></a> <i>count</i><dd>how many</dl>', "-n count\n: how many\n"),
        ('<p>Or <a class="permalink" href="#n"><code class="Fl">-n</code></a> alone.</p>', "Or `-n` alone.\n"),
        ('<h2>Name<a class="headerlink" href="#x">¶</a></h2>', "## Name\n"),
        ('<h2><a class="header-anchor" href="#x">link</a>Name</h2>', "## Name\n"),
        ('<h2>Name <a class="anchor-link" href="#x"><span>Permalink</span></a></h2>', "## Name\n"),
        ('<dl><dt>f()<a class="viewcode-link" href="x"><span class="pre">[source]</span></a><dd>does</dl>', "f()\n: does\n"),
    ],
)
def test_a_link_is_a_mark_only_beside_what_it_marks(markup: str, text: str) -> None:
    found = extract(AROUND.format(markup).encode())
    assert isinstance(found, Page)
    assert found.text.startswith(f"# Top\n\n{text}"), found.text[:100]


PROSE = "<p>" + "word " * 60 + "</p>"


@pytest.mark.parametrize("panel", ["class='tab-pane' hidden", "class=tabcontent style='display: none;'", "role=tabpanel hidden"])
def test_a_hidden_tab_panel_stays(panel: str) -> None:
    assert "kept" in _text(f"{PROSE}<div {panel}><pre>kept</pre></div>")


@pytest.mark.parametrize(
    "style",
    [
        "visibility:hidden",
        "color: red; Visibility : Hidden !important",
        "font-size:0",
        "font-size: 0px",
        "font-size:0.0em;x:y",
        "font-size:.0em",
        "/* shown; */display:none",
        "display:block;display:none",
        "background:url(a;visibility:visible);visibility:hidden",
        "display:none",
    ],
)
def test_what_its_own_style_shows_to_nobody_goes(style: str) -> None:
    assert "order" not in _text(f"{PROSE}<div style='{style}'><p>an order</p><pre>order</pre></div>")


@pytest.mark.parametrize(
    "markup",
    [
        "<p style='font-size:0.9em'>seen</p>",
        "<p style='font-size:.5em'>seen</p>",
        "<p style='font-size:0;font-size:12px'>seen</p>",
        "<p style='display:none;display:block'>seen</p>",
        "<p style='visibility:hidden;/* */visibility:visible'>seen</p>",
        "<p style='/*font-size:0'>seen</p>",
        "<p style='font-size:01px'>seen</p>",
        "<p style='max-font-size:0;visibility:visible'>seen</p>",
        "<div style='font-size:0'><p style='font-size:12px'>seen</p></div>",
        "<div style='visibility:hidden'><i style='font-size:0'>a</i><b style='visibility:visible'>seen</b></div>",
        "<div class=tab-pane style='visibility:hidden'>seen</div>",
        f"<div style='visibility:hidden'>seen{PROSE * 2}</div>",
    ],
)
def test_what_is_shown_stays(markup: str) -> None:
    assert "seen" in _text(PROSE + markup)


def test_styles_in_each_other_are_read_once() -> None:
    faint = "<div style='font-size:0'>" * 1500 + "<i></i>" * 300_000 + "<b style='font-size:9px'>seen</b>"
    start = time.process_time()
    assert "seen" in _text(PROSE + faint)
    assert time.process_time() - start < 3


def test_formulas_of_scripts_are_their_tex() -> None:
    assert _text("<p>a <script type='math/tex; mode=display'>x_1 < \\frac{1}{2}</script> b<script>no</script>") == "a x_1 < \\frac{1}{2} b"


def _text(body: str) -> str:
    found = extract(body.encode())
    assert isinstance(found, Page)
    return found.text
