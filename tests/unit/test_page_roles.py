"""Headings and terms that are links stay; marks beside them go."""

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
