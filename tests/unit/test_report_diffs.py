"""Side by side: true to both texts, and bounded whatever they are."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.report.diffs import CHARACTERS, CONTEXT, LINE_CHARACTERS, ROWS, Diff, Piece, side_by_side

LONGEST_S = 15.0
MIB = 1 << 20


def text_of(piece: Piece | None) -> str | None:
    return None if piece is None else piece.before + piece.changed + piece.after


def sides(diff: Diff) -> list[tuple[str | None, str | None]]:
    return [(text_of(row.left), text_of(row.right)) for row in diff.rows]


def differing(diff: Diff) -> list[tuple[str | None, str | None]]:
    return [(text_of(row.left), text_of(row.right)) for row in diff.rows if not row.is_same and not row.is_gap]


def numbered(count: int) -> list[str]:
    return [f"line {number}" for number in range(1, count + 1)]


def test_a_changed_line_stands_beside_its_other_self_with_what_differs_marked() -> None:
    (row,) = (row for row in side_by_side("a\nx = call(1)\nb", "a\nx = call(23)\nb").rows if not row.is_same and not row.is_gap)
    assert row.left == Piece(2, "x = call(", "1", ")")
    assert row.right == Piece(2, "x = call(", "23", ")")


def test_a_line_that_only_one_side_has_stands_alone() -> None:
    diff = side_by_side("a\nb\nc", "a\nc")
    assert sides(diff) == [("a", "a"), ("b", None), ("c", "c")]
    assert [row.is_same for row in diff.rows] == [True, False, True]


def test_equal_texts_have_no_rows() -> None:
    assert side_by_side("a\nb", "a\nb") == Diff((), False)
    assert side_by_side("", "") == Diff((), False)


def test_texts_that_differ_after_what_is_looked_at_are_said_to_go_on() -> None:
    same = "line\n" * (CHARACTERS // 5 + 1)
    assert side_by_side(same + "a", same + "b") == Diff((), True)


def test_equal_lines_far_from_a_difference_are_left_out() -> None:
    lines = numbered(60)
    diff = side_by_side("\n".join(lines), "\n".join([*lines[:10], "new", *lines[10:40], "newer", *lines[40:]]))
    assert differing(diff) == [(None, "new"), (None, "newer")]
    assert [row.is_gap for row in diff.rows].count(True) == 2  # before the first difference, and between both
    assert len(diff.rows) == 2 + 2 * (2 * CONTEXT + 1)


def test_the_first_difference_is_found_however_far_down() -> None:
    lines = numbered(20_000)
    diff = side_by_side("\n".join(lines), "\n".join([*lines[:15_000], "new", *lines[15_000:]]))
    assert differing(diff) == [(None, "new")]
    assert diff.rows[0].is_gap and diff.rows[1].left == Piece(15_000 - CONTEXT + 1, lines[15_000 - CONTEXT], "", "")


def test_the_end_of_a_window_is_not_taken_for_a_difference() -> None:
    lines = numbered(400)
    diff = side_by_side("\n".join(lines), "\n".join([*lines[:5], *(f"new {n}" for n in range(20)), *lines[5:]]))
    assert differing(diff) == [(None, f"new {n}") for n in range(20)]
    assert diff.is_cut


def test_pieces_of_a_minified_line_find_each_other_again() -> None:
    statements = [f"var a{n}=f({n * n},b[{n}])" for n in range(200)]
    left = ";".join(statements)
    right = ";".join([*statements[:50], "x()", *statements[50:]])
    diff = side_by_side(left, right)
    assert differing(diff) == [(None, "x();")]
    assert {row.left.line for row in diff.rows if row.left} == {None}


def test_a_carriage_return_is_a_difference() -> None:
    assert differing(side_by_side("a\nb", "a\r\nb")) == [("a", "a\r")]


@settings(deadline=None)
@given(st.text(st.sampled_from("ab;{\n\r"), max_size=400), st.text(st.sampled_from("ab;{\n\r"), max_size=400))
def test_rows_are_of_the_texts_and_equal_only_where_those_are(left: str, right: str) -> None:
    diff = side_by_side(left, right)
    assert (not diff.rows) == (left == right)
    for row in diff.rows:
        for piece, text in ((row.left, left), (row.right, right)):
            if piece is not None and piece.line is not None:
                assert text.split("\n")[piece.line - 1].startswith(text_of(piece) or "")
        if not row.is_gap:
            assert row.is_same == (text_of(row.left) == text_of(row.right))


@settings(deadline=None)
@given(st.text(st.sampled_from("ab\n"), max_size=300), st.text(st.sampled_from("ab\n"), max_size=300))
def test_left_and_right_turned_round_show_no_more_and_no_less_of_what_differs(left: str, right: str) -> None:
    assert bool(side_by_side(left, right).rows) == bool(side_by_side(right, left).rows)


def random_lines(seed: int, alphabet: str, count: int) -> str:
    return "\n".join(random.Random(seed).choices(alphabet, k=count))


HARD = {
    "one line of megabytes": ("a" * 16 * MIB, "a" * 8 * MIB + "b" + "a" * 8 * MIB),
    "megabytes that all differ": ("a" * 16 * MIB, "b" * 16 * MIB),
    "line ends alone": ("\n" * 16 * MIB, "x" + "\n" * 16 * MIB),
    "two lines in every order": (random_lines(1, "ab", MIB), random_lines(2, "ab", MIB)),
    "ever the same, shifted": ("a\nb\n" * MIB, "b\na\na\n" * MIB),
    "braces": ("{" * 4 * MIB, "}{" * 2 * MIB),
    "minified": ("a=1;" * 4 * MIB, "a=1,b;" * 2 * MIB),
    "marks on one letter": ("e" + "\u0301" * 4 * MIB, "e" + "\u0300" * 4 * MIB),
    "empty beside large": ("", "x\n" * 8 * MIB),
}


@pytest.mark.parametrize("name", HARD)
def test_no_text_holds_a_diff_up_and_none_makes_it_long(name: str) -> None:
    left, right = HARD[name]
    started = time.perf_counter()
    diff = side_by_side(left, right)
    assert time.perf_counter() - started < LONGEST_S
    assert diff.is_cut and len(diff.rows) <= ROWS
    assert all(len(text or "") <= LINE_CHARACTERS for pair in sides(diff) for text in pair)
