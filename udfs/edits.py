"""Changes of a text as search and replace: blocks of whole lines, each of which the old text holds exactly once.

A block is a hunk of git's with as much of the text around it as makes it the only one of its kind. So a change can be applied without line
numbers, and where it cannot be applied that is seen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from udfs.patches import Hunk

LEAST_CONTEXT = 1  # lines on each side


@dataclass(frozen=True, slots=True)
class Edit:
    """`search` is what the old text holds once, at the start of a line; it is empty for an empty text alone."""

    search: str
    replace: str


class EditError(ValueError):
    """An edit does not fit its text."""


def lines_of(text: str) -> list[str]:
    """With their line feeds; nothing else ends a line."""
    parts = text.split("\n")
    return [part + "\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def places(text: str, search: str) -> Iterator[int]:
    """Where whole lines of `text` are `search`. Nobody asks for more than two: among equal lines there can be very many."""
    if not search:
        yield from [0] if not text else []
        return
    start = text.find(search)
    while start >= 0:
        end = start + len(search)
        if (start == 0 or text[start - 1] == "\n") and (search.endswith("\n") or end == len(text)):
            yield start
        start = text.find(search, start + 1)


def apply(text: str, edits: Sequence[Edit]) -> str:
    """The text with every edit made. Raises `EditError` where a search is not there exactly once, or two of them overlap."""
    spans = []
    for edit in edits:
        found = list(islice(places(text, edit.search), 2))
        if len(found) != 1:
            raise EditError(f"{'several places hold' if found else 'no place holds'} {edit.search[:80]!r}; expected one")
        spans.append((found[0], found[0] + len(edit.search), edit.replace))
    spans.sort()
    parts, end = [], 0
    for start, stop, replacement in spans:
        if start < end:
            raise EditError(f"two edits overlap at {text[start:stop][:80]!r}")
        parts += [text[end:start], replacement]
        end = stop
    return "".join([*parts, text[end:]])


def edits_of(text: str, hunks: Sequence[Hunk]) -> list[Edit]:
    """Edits that do to `text` what git's hunks (without context lines) do. Raises `EditError` where the hunks are not of this text."""
    lines = lines_of(text)
    blocks: list[tuple[int, int, list[Hunk]]] = []
    for hunk in hunks:
        first, last = _widened(text, lines, *_span(lines, hunk))
        group = [hunk]
        # Blocks that touch become one: an edit is found in the old text, whatever the others do. A wide one can reach back over several.
        while blocks and blocks[-1][1] > first:
            before, after, earlier = blocks.pop()
            first, last, group = min(first, before), max(last, after), [*earlier, *group]
        blocks.append((first, last, group))
    return [Edit("".join(lines[first:last]), _replaced(lines, first, last, group)) for first, last, group in blocks]


def _span(lines: list[str], hunk: Hunk) -> tuple[int, int]:
    """First line of what is removed, and first line after it, from 0. git counts an insertion by the line before it."""
    start = hunk.old_start - 1 if hunk.removed else hunk.old_start
    removed = _texts(hunk.removed, hunk.is_end_cut[0])
    if start < 0 or lines[start : start + len(removed)] != removed:
        raise EditError(f"line {start + 1} is not as the hunk has it")
    return start, start + len(removed)


def _widened(text: str, lines: list[str], start: int, end: int) -> tuple[int, int]:
    """The lines from start to end with as many around as make them the only ones of their kind: one each side, then twice as many."""
    context = LEAST_CONTEXT
    while True:
        first, last = max(0, start - context), min(len(lines), end + context)
        if (first, last) == (0, len(lines)) or len(list(islice(places(text, "".join(lines[first:last])), 2))) == 1:
            return first, last
        context *= 2


def _replaced(lines: list[str], first: int, last: int, hunks: list[Hunk]) -> str:
    parts, at = [], first
    for hunk in hunks:
        start, end = _span(lines, hunk)
        parts += [*lines[at:start], *_texts(hunk.added, hunk.is_end_cut[1])]
        at = end
    return "".join([*parts, *lines[at:last]])


def _texts(lines: list[bytes], is_end_cut: bool) -> list[str]:
    found = [line.decode() + "\n" for line in lines]
    if is_end_cut and found:
        found[-1] = found[-1][:-1]
    return found
