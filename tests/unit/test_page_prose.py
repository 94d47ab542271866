"""Lines that repeat and lines that break off, beside a plain reading of the text."""

import itertools
import re
import time

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from udfs.page_names import FIRST, PRIME
from udfs.page_prose import LINES, REPEATED_BYTES, prose_counts
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


def colliding_lines(stages: int, bits: int) -> list[bytes]:
    """2**stages lines whose hashes agree in the last bits: in each stage two words lead from one state to one state (Joux 2004)."""
    state, words = int(FIRST), []
    letters = b"abcdefghijklmnopqrstuvwxyz"
    for _ in range(stages):
        seen: dict[int, bytes] = {}
        for word in map(bytes, itertools.product(letters, repeat=4)):
            after = state
            for byte in word:
                after = (after ^ byte) * int(PRIME) % 2**bits
            if after in seen:
                words.append((seen[after], word))
                state = after
                break
            seen[after] = word
    return [b"".join(line) for line in itertools.product(*words)]


def test_lines_made_to_collide_take_no_longer_than_others() -> None:
    lines = colliding_lines(17, 22)
    assert len(set(lines)) == 1 << 17
    prose_counts(np.frombuffer(b"one", np.uint8))
    start = time.process_time()
    counts = prose_counts(np.frombuffer(b"\n".join(lines), np.uint8))
    assert time.process_time() - start < 1
    assert (counts[LINES], counts[REPEATED_BYTES]) == (len(lines), 0)
