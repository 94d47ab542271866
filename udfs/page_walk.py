"""A plain walk over a page's tree: the first, slow version of page_text."""

import re
from dataclasses import dataclass, field
from typing import Any

from selectolax.lexbor import LexborHTMLParser

_SKIP = {"script", "style", "template", "noscript", "nav", "header", "footer", "aside", "form", "iframe", "svg", "head", "button", "select"}
_BLOCK = {"p", "div", "section", "article", "main", "table", "tr", "ul", "ol", "dl", "dt", "dd", "blockquote", "figure", "body", "td", "th"}
_LANGUAGE = re.compile(r"(?:language|lang|highlight-source|highlight|brush)[-:]\s*([A-Za-z0-9+#_.-]+)")


@dataclass
class Walk:
    out: list[str] = field(default_factory=list)
    text: str = ""
    title: str = ""
    canonical_url: str | None = None
    html_language: str | None = None
    code_blocks: int = 0
    code_bytes: int = 0
    languages: set[str] = field(default_factory=set)
    words: int = 0
    link_words: int = 0

    def line(self, text: str, in_link: bool = False) -> None:
        self.out.append(text)
        self.words += len(text.split())
        self.link_words += len(text.split()) if in_link else 0


def walk(html: str) -> Walk:
    tree = LexborHTMLParser(html)
    found = Walk()
    title = tree.css_first("title")
    found.title = " ".join(title.text().split()) if title else ""
    link = tree.css_first("link[rel=canonical]")
    found.canonical_url = (link.attributes.get("href") or None) if link else None
    top = tree.css_first("html")
    found.html_language = (top.attributes.get("lang") or None) if top else None
    if tree.body is not None:
        _visit(tree.body, found)
    found.text = re.sub(r"\n{3,}", "\n\n", "".join(found.out)).strip() if not found.code_blocks else "".join(found.out).strip("\n")
    return found


def _visit(root: Any, found: Walk) -> None:
    stack: list[tuple[Any, str | None, bool]] = [(root, None, False)]
    while stack:
        node, closing, in_link = stack.pop()
        if closing is not None:
            found.out.append(closing)
            continue
        tag = node.tag
        if tag == "-text":
            found.line(re.sub(r"\s+", " ", node.text_content or ""), in_link)
        elif tag == "pre":
            _fence(node, found)
        elif tag == "code":
            _inline(node, found)
        elif tag not in _SKIP and "hidden" not in node.attributes:
            opening, closing = _marks(tag)
            found.out.append(opening)
            stack.append((node, closing, in_link))
            stack += [(child, None, in_link or tag == "a") for child in reversed(list(node.iter(include_text=True)))]


def _marks(tag: str) -> tuple[str, str]:
    if tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
        return "\n\n" + "#" * int(tag[1]) + " ", "\n\n"
    if tag == "li":
        return "\n- ", "\n"
    if tag == "br":
        return "\n", ""
    return ("\n\n", "\n\n") if tag in _BLOCK else ("", "")


def _fence(node: Any, found: Walk) -> None:
    code = node.text()
    names = " ".join(filter(None, [node.attributes.get("class"), *(c.attributes.get("class") for c in node.iter()), _outer(node)]))
    match = _LANGUAGE.search(names)
    language = match.group(1).lower() if match else ""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", code)), default=0))
    if code.strip():
        found.out.append(f"\n\n{fence}{language}\n{code.rstrip(chr(10))}\n{fence}\n\n")
        found.code_blocks += 1
        found.code_bytes += len(code.encode())
        found.languages |= {language} - {""}


def _outer(node: Any) -> str:
    parent = node.parent
    above = parent.parent if parent is not None else None
    return " ".join(p.attributes.get("class") or "" for p in (parent, above) if p is not None and p.tag == "div")


def _inline(node: Any, found: Walk) -> None:
    code = " ".join(node.text().split())
    if code:
        found.line(f"`{code}`")
        found.code_bytes += len(code.encode())
