import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.report import formats

HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


@given(st.text())
def test_a_visible_text_hides_nothing(text: str) -> None:
    assert not [c for c in formats.visible(text) if unicodedata.category(c) in HIDDEN]


@given(st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Mn", "Me"))))
def test_a_text_without_hidden_characters_or_marks_stays_as_it_is(text: str) -> None:
    assert formats.visible(text) == text


def test_direction_marks_and_line_ends_are_named() -> None:
    assert formats.visible("a\u202eb\n\x00") == "a⟨U+202E⟩b␊␀"


def test_a_pile_of_combining_marks_is_cut() -> None:
    assert formats.visible("e\u0301" + "o" + "\u0300" * 9) == "e\u0301o" + "\u0300" * 3 + "\u27e86 marks\u27e9"


def test_lines_of_a_text_stay_lines() -> None:
    assert formats.visible_lines("a\r\n\tb\rc\x1b") == "a\n\tb␍c␛"


@given(st.text(), st.integers(1, 50))
def test_a_shortened_text_is_never_longer_than_asked(text: str, characters: int) -> None:
    short = formats.shortened(text, characters)
    assert len(short) <= characters
    assert short == text or "…" in short


def test_a_shortened_path_shows_both_ends() -> None:
    assert formats.shortened("src/very/long/path/module.py", 15) == "src/ver…dule.py"


@given(st.text(st.sampled_from("ab\n"), max_size=200), st.integers(1, 8), st.integers(1, 8))
def test_an_excerpt_has_bounded_lines_of_bounded_length(text: str, lines: int, columns: int) -> None:
    found = formats.excerpt(text, lines, columns).split("\n")
    assert len(found) <= lines + 1
    assert all(len(line) <= columns + 1 for line in found)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 %"), (0.0001, "< 0.1 %"), (0.0251, "2.5 %"), (0.9999, "> 99.9 %"), (1, "100 %"), (None, "\N{EN DASH}")]
)
def test_a_share_that_is_not_nothing_or_all_does_not_read_so(value: float | None, text: str) -> None:
    assert formats.share(value) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (9_999, "9,999"), (10_000, "10k"), (999_960, "1M"), (9_174_355, "9.17M")])
def test_compact_numbers_have_three_digits(value: int, text: str) -> None:
    assert formats.compact(value) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (999_990, "1.0 MB"), (None, "\N{EN DASH}")])
def test_sizes_are_decimal(value: int | None, text: str) -> None:
    assert formats.size(value) == text


@pytest.mark.parametrize(("value", "text"), [(4.52, "4.5 s"), (119.7, "2 min 00 s"), (3_725, "1 h 02 min")])
def test_times_have_the_unit_that_fits(value: float, text: str) -> None:
    assert formats.seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.001, "< 0.01"), (0.421, "0.42"), (9.94, "9.9"), (9.96, "10"), (12_345.6, "12.3k")]
)
def test_an_expected_number_that_is_not_nothing_does_not_read_so(value: float, text: str) -> None:
    assert formats.expected(value) == text
