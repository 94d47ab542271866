"""The text of a web page, as Markdown: what a reader of the page sees, its code exact, what stands around it left out.

    bytes -> tree (page_tree) -> what is content (page_roles) -> text (page_render, page_code, page_tables, page_writer)

All of it runs in compiled code over flat arrays, in time and memory linear in the page. docs/decisions/0014 says what is kept how.
"""

from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import urljoin

import numpy as np

from udfs.compiled import is_kept
from udfs.page_attributes import attribute
from udfs.page_code_rows import mark_code_rows
from udfs.page_names import name_hash
from udfs.page_prose import CUT_LINES, LINE_BYTES, LINES, REPEATED_BYTES, prose_counts
from udfs.page_render import render
from udfs.page_roles import PLAIN, STRICT, drop, measure
from udfs.page_tags import KINDS, TAG
from udfs.page_tree import END, KIND, MAX_DEPTH, PARENT, START, TOO_DEEP, parse, room_for_nodes
from udfs.page_vocabulary import NAMES
from udfs.page_writer import (
    BLOCKS,
    CODE_BYTES,
    FULL,
    HAS_TAGS,
    LANGUAGE_PLACES,
    LANGUAGES,
    LINK_WORDS,
    POS,
    Writer,
    new_writer,
)
from udfs.page_writer import (
    WORDS as WORD_COUNT,
)

VERSION = 8

REASONS = {  # of Unextractable
    "empty_page": "shows no text",
    "too_deep": "has elements inside of too many others",
    "too_many_nodes": "has too many elements",
    "too_large": "the body, or its text, is larger than the limit",
}
MAX_MARKS = 4_000_000  # `<` in a page: at most 400 MB of nodes
FEW_BYTES = 200  # a page of which the strict rules leave less than this and less than a tenth is read by the plain ones
MOST_ROOM_BYTES = 256 << 20  # a buffer that is made larger: indentation of nested lists alone can be many times the page
MOST_ATTRIBUTE_BYTES = 4096  # of an address or a language that is kept
_HREF, _LANG, _REL = (name_hash(name) for name in (b"href", b"lang", b"rel"))


@dataclass(frozen=True)
class Page:
    """What a page says. Words are runs of visible characters; those of code blocks are not counted."""

    text: str
    title: str  # '' where there is none
    canonical_url: str | None
    html_language: str | None
    has_code_tags: bool  # <pre> or <code> with text, within `text`
    code_block_count: int
    code_bytes: int  # UTF-8, inside fences and inline code
    code_languages: tuple[str, ...]  # sorted, lower case
    word_count: int
    link_word_count: int  # of them, inside links
    repeated_share: float  # of the bytes of lines outside code blocks: lines that stood in the page before
    cut_line_share: float  # of lines outside code blocks: those that end in dots, as teasers do


@dataclass(frozen=True)
class Unextractable:
    """Why there is no text: `reason` is a name, `detail` says what was found."""

    reason: str
    detail: str


def extract(html: bytes, url: str = "", is_xml: bool = False) -> Page | Unextractable:
    """The page in UTF-8 `html`, or one of the reasons empty_page, too_deep, too_many_nodes, too_large. Nothing is raised for any bytes.

    What is not UTF-8 becomes U+FFFD, NUL is left out. `url` is what a relative canonical address is relative to, where the page names no
    other base. `is_xml`: it was sent as XHTML, so that tags may end themselves.
    """
    data = np.frombuffer(_as_utf8(html), np.uint8)
    marks = int(np.count_nonzero(data == ord("<")))
    if marks > MAX_MARKS:
        return Unextractable("too_many_nodes", f"{marks} marks, at most {MAX_MARKS}")
    nodes = room_for_nodes(marks)
    count = parse(data, KINDS, NAMES, nodes, is_xml)
    if count == TOO_DEEP:
        return Unextractable("too_deep", f"elements inside of more than {MAX_DEPTH} others")
    mark_code_rows(data, nodes, count)
    total = measure(data, nodes, count, KINDS)
    kept = drop(data, nodes, count, KINDS, NAMES, STRICT, total)
    if kept < min(FEW_BYTES, total / 10):
        drop(data, nodes, count, KINDS, NAMES, PLAIN, total)
    written = _written(data, nodes, count)
    if written is None:
        return Unextractable("too_large", f"its text takes more than {MOST_ROOM_BYTES} bytes")
    text = _text(written.out[: written.state[POS]])
    if not text.strip():
        return Unextractable("empty_page", "no visible text")
    return _page(text, written, data, nodes[:count], url)


def is_compiled() -> bool:
    """Whether a process here finds the kernels of `extract` compiled."""
    return is_kept(prose_counts)  # the last of them


def _as_utf8(html: bytes) -> bytes:
    try:
        html.decode()
    except UnicodeDecodeError:
        html = html.decode("utf-8", "replace").encode()
    return html.replace(b"\0", b"") if b"\0" in html else html


def _written(data: np.ndarray, nodes: np.ndarray, count: int) -> Writer | None:
    """The page's text in a buffer; in a larger one where the first is too small, as nested lists of short lines make it. None where that
    would be more than MOST_ROOM_BYTES, and than twice the page."""
    room = 4096 + 2 * len(data)
    while True:
        writer = new_writer(room)
        render(data, nodes, count, KINDS, NAMES, writer)
        if not writer.state[FULL]:
            return writer
        if room * 4 > MOST_ROOM_BYTES:
            return None
        room *= 4


def _text(written: np.ndarray) -> str:
    return written.tobytes().decode("utf-8", "replace")


def _page(text: str, written: Writer, data: np.ndarray, nodes: np.ndarray, url: str) -> Page:
    state = written.state
    places = state[LANGUAGE_PLACES:].reshape(-1, 2)
    prose = prose_counts(written.out[: state[POS]])
    return Page(
        text=text,
        title=_title(data, nodes),
        canonical_url=_canonical_url(data, nodes, url),
        html_language=_html_language(data, nodes),
        has_code_tags=bool(state[HAS_TAGS]),
        code_block_count=int(state[BLOCKS]),
        code_bytes=int(state[CODE_BYTES]),
        code_languages=tuple(sorted({_text(written.out[a:b]) for a, b in places[: state[LANGUAGES]]})),
        word_count=int(state[WORD_COUNT]),
        link_word_count=int(state[LINK_WORDS]),
        repeated_share=float(prose[REPEATED_BYTES] / max(1, prose[LINE_BYTES])),
        cut_line_share=float(prose[CUT_LINES] / max(1, prose[LINES])),
    )


def _rows(nodes: np.ndarray, tag: int) -> list[Any]:
    return list(nodes[np.flatnonzero(nodes[:, KIND] == tag)[:100]])


def _attribute(data: np.ndarray, row: Any, name: np.uint64) -> str:
    start, end = attribute(data, row[START], name)
    return _decoded(data[start:end]) if 0 < end - start <= MOST_ATTRIBUTE_BYTES else ""


def _decoded(raw: np.ndarray) -> str:
    """Text with its references decoded and its white space made single spaces."""
    return " ".join(unescape(_text(raw)).split())


def _title(data: np.ndarray, nodes: np.ndarray) -> str:
    for row in np.flatnonzero(nodes[:-1, KIND] == TAG.TITLE)[:100]:
        if not _is_in_drawing(nodes, row):
            return _decoded(data[nodes[row + 1, START] : nodes[row + 1, END]][:10_000]) if nodes[row + 1, PARENT] == row else ""
    return ""


def _is_in_drawing(nodes: np.ndarray, row: Any) -> bool:
    while row >= 0 and nodes[row, KIND] != TAG.SVG:
        row = nodes[row, PARENT]
    return bool(row >= 0)


def _canonical_url(data: np.ndarray, nodes: np.ndarray, url: str) -> str | None:
    for row in _rows(nodes, TAG.LINK):
        if "canonical" in _attribute(data, row, _REL).lower().split():
            address = _attribute(data, row, _HREF)
            try:
                return urljoin(urljoin(url, _base(data, nodes)), address) if address else None
            except ValueError:
                return None
    return None


def _base(data: np.ndarray, nodes: np.ndarray) -> str:
    """What the page says its addresses are relative to; '' where it does not."""
    return next(filter(None, (_attribute(data, row, _HREF) for row in _rows(nodes, TAG.BASE))), "")


def _html_language(data: np.ndarray, nodes: np.ndarray) -> str | None:
    for row in _rows(nodes, TAG.HTML):
        return _attribute(data, row, _LANG) or None
    return None
