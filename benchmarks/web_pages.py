"""Web pages whose source is known: a page for each module of the standard library, in the structure of a documentation site.

Prose is the module's docstring, code is the source of its functions and classes, marked up by Pygments in its three forms (plain, line
numbers in the text, line numbers in a table of their own) and, in a fourth, only escaped. Around them stand navigation, a sidebar, related
links, a cookie banner and a footer, which no extractor should give.
"""

import ast
import html
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pygments import highlight  # type: ignore[import-untyped]
from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]
from pygments.lexers import PythonLexer  # type: ignore[import-untyped]

FORMS = (HtmlFormatter(), HtmlFormatter(linenos="inline"), HtmlFormatter(linenos="table"), None)
AROUND = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{name} - Library</title>
<style>.k {{ color: red }}</style></head><body><header class="site-header"><nav><ul><li><a href="/">Home</a></li>
<li><a href="/docs">Documentation</a></li><li><a href="/blog">Weblog</a></li></ul></nav></header>
<div class="cookie-banner"><p>This site stores cookies on your device.</p><button>Agree</button></div>
<div class="sidebar"><h3>Modules</h3><ul>{links}</ul></div>
<main><h1>{name}<a class="headerlink" href="#top">¶</a></h1>{body}</main>
<div class="related-posts"><h3>You might also enjoy</h3><ul>{links}</ul></div>
<footer class="site-footer"><p>Copyright somebody, imprint, privacy policy</p></footer><script>track("page");</script></body></html>"""


@dataclass(frozen=True)
class KnownPage:
    """`text`: what the page's author wrote, code included; `codes`: its code blocks, without the line end after their last line."""

    html: str
    text: str
    codes: tuple[str, ...]


def module_pages(most_bytes: int) -> Iterator[KnownPage]:
    """Pages of modules in the order of their names, until so many bytes of HTML."""
    modules = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    size = 0
    for place, path in enumerate(modules):
        names = [modules[(place + step) % len(modules)].stem for step in range(1, 9)]
        page = _page(path, "".join(f'<li><a href="{name}.html">{name}</a></li>' for name in names))
        if page.codes:
            yield page
            size += len(page.html.encode())
        if size > most_bytes:
            return


def _page(path: Path, links: str) -> KnownPage:
    source = path.read_text(encoding="utf-8", errors="replace")
    tree = ast.parse(source)
    paragraphs = [" ".join(part.split()) for part in (ast.get_docstring(tree) or path.stem).split("\n\n")]
    body = ["".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in paragraphs)]
    text, codes = [path.stem, *paragraphs], []
    for number, node in enumerate(node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)):
        code = ast.get_source_segment(source, node) or ""
        body.append(f'<h2>{node.name}<a class="headerlink" href="#{node.name}">¶</a></h2>{_marked_up(code, number)}')
        text += [node.name, code]
        codes.append(code)
    return KnownPage(AROUND.format(name=path.stem, links=links, body="\n".join(body)), "\n\n".join(text), tuple(codes))


def _marked_up(code: str, number: int) -> str:
    form = FORMS[number % len(FORMS)]
    if form is None:
        return f'<pre><code class="language-python">{html.escape(code)}</code></pre>'
    return str(highlight(code, PythonLexer(stripnl=False, ensurenl=False), form))
