"""How much of a Python text is documentation strings: strings in three quotation marks that stand as statements of their own.

Trees call these strings and not comments, so `annotate/syntax` does not count them as such. A scan by pattern finds them: those that begin
a line. One that continues an expression from the line before is counted too, which code seldom has.
"""

import re

VERSION = 1

# Every string in three marks is stepped over, so that the end of one is not taken for the beginning of another.
_STRING = re.compile(r"""((?:\A|\n)[ \t]*[rRuU]?)?(\"\"\"|''')(?:[^\\]|\\.)*?\2""", re.DOTALL)


def docstring_share(text: str) -> float:
    """Characters in documentation strings as a share of all; 0 for an empty text. Never raises."""
    found = (string.end() - string.start(2) for string in _STRING.finditer(text) if string[1] is not None)
    return sum(found) / max(len(text), 1)
