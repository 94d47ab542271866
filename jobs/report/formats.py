"""Values as the page writes them."""

import unicodedata
from datetime import datetime
from itertools import groupby

MARKS = 3  # no script in use piles more on one letter
_NAMED = {"\n": "\u240a", "\t": "\u2409"}


def visible(text: str) -> str:
    """The text in one line with nothing hidden: control, format and unassigned characters (line ends, direction marks, ...) are shown.

    ASCII controls become their Unicode pictures, others their code point in angle brackets. Of a pile of combining marks, which would
    cover the lines above and below, the first few stay.
    """
    return _unpiled("".join(_NAMED.get(character) or _visible(character) for character in text))


def visible_lines(text: str) -> str:
    """As `visible`, but line feeds and tabs stay what they are; a carriage return before a line feed goes."""
    return _unpiled("".join(c if c in "\n\t" else _visible(c) for c in text.replace("\r\n", "\n")))


def _unpiled(text: str) -> str:
    pieces = []
    for is_mark, group in groupby(text, lambda character: unicodedata.category(character) in ("Mn", "Me")):
        run = "".join(group)
        pieces.append(f"{run[:MARKS]}\u27e8{len(run) - MARKS} marks\u27e9" if is_mark and len(run) > MARKS else run)
    return "".join(pieces)


def _visible(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return f"\u27e8U+{code:04X}\u27e9"
    return character


def shortened(text: str, characters: int) -> str:
    """At most so many characters, the middle left out: both ends of a path say something."""
    if len(text) <= characters:
        return text
    head = (characters - 1) // 2
    return f"{text[:head]}\u2026{text[len(text) - (characters - 1 - head) :]}"


def excerpt(text: str, lines: int = 28, columns: int = 160) -> str:
    """The beginning of a text; an ellipsis stands where a line or the text goes on."""
    first = text.split("\n", lines)
    kept = [line if len(line) <= columns else line[:columns] + "\u2026" for line in first[:lines]]
    return "\n".join(kept + (["\u2026"] if len(first) > lines else []))


def number(value: int | None) -> str:
    return "\u2013" if value is None else f"{value:,}"


def compact(value: float) -> str:
    """Three digits and a unit (12.3k, 4.56M) from ten thousand on."""
    if value < 10_000:
        return f"{value:,.4g}" if value != int(value) else f"{value:,.0f}"
    for bound, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= bound * 0.9995:
            return f"{value / bound:.3g}{unit}"
    return f"{value:,.0f}"


def size(value: float | None) -> str:
    """Decimal units, as speeds are."""
    if value is None:
        return "\u2013"
    for bound, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= bound * 0.9995:
            return f"{value / bound:,.1f} {unit}"
    return f"{value:,.0f} B"


def share(value: float | None) -> str:
    """Per cent. What is not nothing never reads as 0, what is not all never as 100."""
    if value is None:
        return "\u2013"
    if 0 < value < 0.001:
        return "< 0.1 %"
    if 0.999 < value < 1:
        return "> 99.9 %"
    return f"{value * 100:.1f} %" if 0 < value < 1 else f"{value * 100:.0f} %"


def seconds(value: float) -> str:
    if value < 100:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def moment(value: datetime) -> str:
    return value.strftime("%Y-%m-%d %H:%M:%S UTC")


def decimals(value: float | None, digits: int = 2) -> str:
    return "\u2013" if value is None else f"{value:,.{digits}f}"


def expected(value: float) -> str:
    """A number of things that is no whole one: two digits below ten. What is not nothing never reads as 0."""
    if 0 < value < 0.01:
        return "< 0.01"
    return f"{value:.2g}" if value < 9.95 else compact(round(value))
