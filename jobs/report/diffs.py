"""Two texts side by side, where they differ: bounded in characters, lines and steps, whatever the texts are.

Lines are compared by difflib, which takes up to the cube of their number; so what both texts begin with is passed over, and of the rest
only `WINDOW` lines a side are looked at. A long line, of a minified text for example, is broken where a statement ends, so that pieces
that are equal are found again after one that is not.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

CHARACTERS = 200_000  # of each text that are looked at
LINE_CHARACTERS = 120
WINDOW = 100
CONTEXT = 3
ROWS = 48

_PIECE = re.compile(rf".{{1,{LINE_CHARACTERS - 1}}}?(?:[;{{}}]|$)|.{{1,{LINE_CHARACTERS}}}", re.DOTALL)


@dataclass(frozen=True)
class Piece:
    """A line of one side: what it has in common with the other side's at both ends, and what differs between. `line` counts from one;
    None where it goes on with the line above."""

    line: int | None
    before: str
    changed: str
    after: str


@dataclass(frozen=True)
class Row:
    """Equal lines have `is_same`. A side without a line is None; where both are, lines that are equal were left out."""

    left: Piece | None
    right: Piece | None
    is_same: bool = False

    @property
    def is_gap(self) -> bool:
        return self.left is None and self.right is None


@dataclass(frozen=True)
class Diff:
    """No rows: no difference in what was looked at. `is_cut`: the texts go on after what was looked at."""

    rows: tuple[Row, ...]
    is_cut: bool


Line = tuple[int | None, str]


def side_by_side(left: str, right: str) -> Diff:
    """The first differences between two texts, a few equal lines around each."""
    lines, others = (_lines(text[:CHARACTERS]) for text in (left, right))
    is_cut = max(len(left), len(right)) > CHARACTERS
    same = next((i for i, (a, b) in enumerate(zip(lines, others, strict=False)) if a[1] != b[1]), min(len(lines), len(others)))
    if same == max(len(lines), len(others)):
        return Diff((), is_cut)
    start = max(0, same - CONTEXT)
    is_cut |= max(len(lines), len(others)) > start + WINDOW
    lines, others = lines[start : start + WINDOW], others[start : start + WINDOW]
    matcher = SequenceMatcher(None, [text for _, text in lines], [text for _, text in others], autojunk=False)
    rows = [row for group in _groups(matcher, is_cut) for row in _rows(group, lines, others)]
    rows = ([Row(None, None)] if start else []) + rows[:-1]
    return Diff(tuple(rows[:ROWS]), is_cut or len(rows) > ROWS)


def _lines(text: str) -> list[Line]:
    found: list[Line] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) <= LINE_CHARACTERS:
            found.append((number, line))
        else:
            found += [(None if place else number, piece) for place, piece in enumerate(_PIECE.findall(line))]
    return found


Opcode = tuple[str, int, int, int, int]


def _groups(matcher: "SequenceMatcher[str]", is_cut: bool) -> Iterator[Sequence[Opcode]]:
    """Groups of changes. What differs at the end of a window may be equal to what follows it, so after another change it is left out."""
    groups = list(matcher.get_grouped_opcodes(CONTEXT))
    last = groups[-1]
    if is_cut and last[-1][0] != "equal" and (len(groups) > 1 or sum(code[0] != "equal" for code in last) > 1):
        groups[-1] = last[:-1]
    yield from (group for group in groups if any(code[0] != "equal" for code in group))


def _rows(group: Sequence[Opcode], lines: Sequence[Line], others: Sequence[Line]) -> Iterator[Row]:
    for kind, start, end, other_start, other_end in group:
        for one, other in zip_longest(lines[start:end], others[other_start:other_end]):
            yield _row(one, other, kind == "equal")
    yield Row(None, None)


def _row(one: Line | None, other: Line | None, is_same: bool) -> Row:
    if is_same:
        return Row(_piece(one), _piece(other), is_same)
    if one is None or other is None:
        return Row(_piece(one, 0), _piece(other, 0))
    head = _common(one[1], other[1])
    tail = _common(one[1][head:][::-1], other[1][head:][::-1])
    return Row(_piece(one, head, tail), _piece(other, head, tail))


def _piece(line: Line | None, head: int | None = None, tail: int = 0) -> Piece | None:
    """Of a line, so many characters at its ends are common; all of it where `head` is None."""
    if line is None:
        return None
    number, text = line
    start, end = (len(text), len(text)) if head is None else (head, len(text) - tail)
    return Piece(number, text[:start], text[start:end], text[end:])


def _common(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
