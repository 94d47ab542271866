"""From the bytes of a page to UTF-8, by what is said of them and by what they are.

In order: a byte-order mark; UTF-16 that begins with `<`; UTF-8, where the bytes are UTF-8 and not plain ASCII (no other encoding looks like
it by chance, and headers often lie), or are but for a few (bodies are cut in the middle of a letter); the charset of the header, then of
the page, where all bytes fit it, and where both do and differ, the one that a detector sees; detection; windows-1252. Names are read as
browsers do (the Encoding Standard): latin-1 means windows-1252.
"""

import codecs
import re
from dataclasses import dataclass

import cchardet

DETECTED_BYTES = 256 << 10  # of a page that a detector sees
_META_BYTES = 4096
_META = re.compile(
    rb"""<meta\b[^>]*?charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{2,40})|<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9_:.-]{2,40})""", re.I
)
# UTF-16 without a mark. Browsers know it so of XML: https://html.spec.whatwg.org/#encoding-sniffing-algorithm
_WIDE = re.compile(rb"(<\0[!?a-zA-Z]\0)|(\0<\0[!?a-zA-Z])")
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# What browsers read under names that Python reads more narrowly: https://encoding.spec.whatwg.org/#names-and-labels
_WIDER = {
    "ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874", "tis-620": "cp874", "gb2312": "gb18030",
    "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "big5": "big5hkscs", "utf-7": "cp1252",
}  # fmt: skip
_NOT_CHARSETS = {"undefined", "idna", "punycode", "unicode_escape", "raw_unicode_escape"}  # they raise, or rewrite text
_MOST_DAMAGE = 0.005  # share of characters that are replaced where the page says UTF-8 and mostly is
_FEWEST_WHOLE = 10  # letters of UTF-8 for each broken one, from which the page is UTF-8 whatever it says
_CONTROL = bytes([*range(0x01, 0x09), 0x0B, *range(0x0E, 0x1B), *range(0x1C, 0x20)])
_MOST_CONTROL = 0.02


@dataclass(frozen=True)
class PageBytes:
    """`html` is UTF-8 without a mark and without NULs. `charset` names what it was decoded from, as Python does."""

    html: bytes
    charset: str


def to_utf8(body: bytes, header_charset: str) -> PageBytes | None:
    """None where the bytes are no text. `header_charset` is empty where the header names none."""
    for mark, name in _MARKS:
        if body.startswith(mark):
            return _page(body[len(mark) :].decode(name, "replace"), name)
    if start := _WIDE.match(body):
        name = "utf-16-le" if start[1] else "utf-16-be"
        return _page(body.decode(name, "replace"), name)
    names = [found for found in (_codec(header_charset), _codec(_named_by(body))) if found]
    if b"\0" not in body[:_META_BYTES]:  # tags are ASCII, of which every second byte would be one
        names = [name for name in names if not name.startswith("utf-16")]
    if is_binary(body) and not any(name.startswith("utf-16") for name in names):
        return None
    wide = next((name for name in names if name.startswith(("utf-16", "iso2022"))), None)
    if wide and (text := _strict(body, wide)) is not None:
        return _page(text, wide)
    if (text := _strict(body, "utf-8")) is not None:
        return PageBytes(body.replace(b"\0", b""), "utf-8")
    damaged = body.decode("utf-8", "replace")
    if _is_utf8(damaged):
        return _page(damaged, "utf-8")
    detected = _codec(cchardet.detect(body[:DETECTED_BYTES])["encoding"] or "")
    for name in sorted(names, key=lambda name: name != detected):
        if name != "utf-8" and (text := _strict(body, name)) is not None:
            return _page(text, name)
    if damaged.count("\ufffd") <= _MOST_DAMAGE * len(damaged):
        return _page(damaged, "utf-8")
    name = next((name for name in (detected, *names) if name and name != "utf-8"), "cp1252")
    return _page(body.decode(name, "replace"), name)


def _is_utf8(damaged: str) -> bool:
    """Whether letters beyond ASCII are those of UTF-8 far more often than they are broken."""
    broken = damaged.count("\ufffd")
    return len(damaged) - len(damaged.encode("ascii", "ignore")) - broken >= _FEWEST_WHOLE * broken


def is_binary(body: bytes) -> bool:
    """Whether too many of the first bytes are control characters or NULs, which no text has."""
    head = body[:8192]
    return len(head) - len(head.translate(None, _CONTROL + b"\0")) > _MOST_CONTROL * len(head)


def _named_by(body: bytes) -> str:
    found = _META.search(body[:_META_BYTES])
    name = (found[1] or found[2]).decode("ascii") if found else ""
    # A page that could be read as ASCII up to here is not UTF-16, whatever it says.
    return "utf-8" if name.lower().startswith("utf-16") else name


def _codec(label: str) -> str | None:
    """Python's name of a charset, as browsers understand the label; None where nobody knows it or it is no charset."""
    try:
        found = codecs.lookup(label.strip().strip("\"'")) if label.strip() else None
    except (LookupError, ValueError, UnicodeError):
        return None
    if found is None or not getattr(found, "_is_text_encoding", True):
        return None
    return None if found.name.replace("-", "_") in _NOT_CHARSETS else _WIDER.get(found.name, found.name)


def _strict(body: bytes, name: str) -> str | None:
    try:
        return body.decode(name)
    except (UnicodeError, ValueError):
        return None


def _page(text: str, name: str) -> PageBytes:
    return PageBytes(text.replace("\0", "").encode("utf-8", "replace"), name)
