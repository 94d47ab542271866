"""The text of a web page, as Markdown: what a reader of the page sees, its code exact, what stands around it left out."""

from dataclasses import dataclass

VERSION = 1


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


@dataclass(frozen=True)
class Unextractable:
    """Why there is no text: `reason` is a name, `detail` says what was found."""

    reason: str
    detail: str


def extract(html: bytes, url: str = "") -> Page | Unextractable:
    """The page in UTF-8 `html`. What is not UTF-8 becomes U+FFFD; nothing is raised for any bytes."""
    from udfs.page_walk import walk

    text = html.decode("utf-8", "replace").replace("\x00", "")
    if text.count("<") > 4_000_000:
        return Unextractable("too_many_nodes", f"{text.count('<')} marks")
    found = walk(text)
    if not found.text:
        return Unextractable("empty_page", "no text outside of navigation and hidden parts")
    return Page(
        found.text,
        found.title,
        found.canonical_url,
        found.html_language,
        found.code_blocks > 0 or found.code_bytes > 0,
        found.code_blocks,
        found.code_bytes,
        tuple(sorted(found.languages)),
        found.words,
        found.link_words,
    )
