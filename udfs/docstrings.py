"""How much of a Python text is documentation strings: strings in three quotation marks that stand as statements of their own.

Trees call these strings and not comments, so `annotate/syntax` does not count them as such. A scan finds them: those that begin a line.
One that continues an expression from the line before is counted too, which code seldom has; marks inside a comment can mislead it.
"""

import re

VERSION = 1

_MARK = re.compile(r"\"\"\"|'''")
_MOST_INDENTATION = 200
_BEFORE = frozenset({"", "r", "R", "u", "U"})


def docstring_share(text: str) -> float:
    """Characters in documentation strings as a share of all; 0 for an empty text. Never raises."""
    total = position = 0
    while opening := _MARK.search(text, position):
        position = _end(text, opening[0], opening.end())
        if position < 0:
            break
        # Every string in three marks is stepped over, so that the end of one is not taken for the beginning of another.
        if _begins_a_line(text, opening.start()):
            total += position - opening.start()
    return total / max(len(text), 1)


def _end(text: str, mark: str, start: int) -> int:
    """Where the string ends whose first mark ends at `start`; -1 where it does not. A mark after a backslash is none."""
    found = text.find(mark, start)
    while found > start and text[found - 1] == "\\":
        found = text.find(mark, found + 1)
    return found + len(mark) if found >= 0 else -1


def _begins_a_line(text: str, position: int) -> bool:
    first = max(0, position - _MOST_INDENTATION)
    line = text.rfind("\n", first, position) + 1
    return (line > 0 or first == 0) and text[line:position].strip() in _BEFORE
