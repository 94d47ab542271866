"""Lines that repeat and lines that break off, beside a plain reading of the text."""

import re

from hypothesis import given
from hypothesis import strategies as st

from udfs.page_text import Page, extract


def page_of(body: str) -> Page:
    found = extract(body.encode())
    assert isinstance(found, Page), found
    return found


def shares(text: str) -> tuple[float, float]:
    prose = [line for line in re.sub(r"(?ms)^(`{3,})[^`\n]*\n.*?^\1$", "", text).split("\n") if line]
    again = sum(len(line.encode()) for place, line in enumerate(prose) if line in prose[:place])
    cut = sum(line.endswith(("...", "…")) for line in prose)
    return again / max(1, sum(len(line.encode()) for line in prose)), cut / max(1, len(prose))


PARTS = st.sampled_from(
    [
        "<p>one</p>",
        "<p>two more…</p>",
        "<p>one</p>",
        "<li>cut...</li>",
        "<pre>one\n\none...</pre>",
        "<pre>```\nx</pre>",
        "<h2>ü</h2>",
        "<p>..</p>",
    ]
)


@given(st.lists(PARTS, min_size=1, max_size=30))
def test_shares_are_those_of_the_lines_outside_of_code(parts: list[str]) -> None:
    page = page_of("".join(parts))
    assert (page.repeated_share, page.cut_line_share) == shares(page.text)


def test_many_lines_cost_little() -> None:
    page = page_of("".join(f"<p>line {number % 5000}</p>" for number in range(100_000)))
    assert round(page.repeated_share, 2) == 0.95
