"""Whole pages in the structure of the usual sites, beside the text they must give: pages/NAME.html, pages/NAME.md.

UPDATE_GOLDEN=1 writes the texts anew; read what changed.
"""

import os
from dataclasses import asdict
from pathlib import Path

import pytest

from udfs.page_text import Page, extract

PAGES = sorted((Path(__file__).parent / "pages").glob("*.html"))


def _shown(page: Page) -> str:
    facts = "".join(f"{name}: {value}\n" for name, value in asdict(page).items() if name != "text")
    return f"{facts}---\n{page.text}\n"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_gives_the_text_that_was_read_and_approved(path: Path) -> None:
    page = extract(path.read_bytes(), "https://site.example/page")
    assert isinstance(page, Page)
    golden = path.with_suffix(".md")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(_shown(page), encoding="utf-8")
    assert _shown(page) == golden.read_text(encoding="utf-8")


def test_there_is_a_page_of_every_kind_of_site() -> None:
    assert len(PAGES) >= 8
