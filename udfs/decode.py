"""Bytes to text: the one rule by which a file's bytes become UTF-8, or a reject with a reason.

In order: a git LFS pointer and well-known binary formats are no text; a byte-order mark decides; a NUL byte means binary; valid UTF-8 is
UTF-8; a declared encoding from a fixed list is believed if it fits; what then looks like Western European text is read as ISO 8859-1 or
Windows-1252; the rest is undecodable. Limits and their measurement: docs/decisions/0002-decoding.md.
"""

import codecs
import re
from dataclasses import dataclass
from encodings.aliases import aliases

VERSION = 1


@dataclass(frozen=True, slots=True)
class Decoded:
    """`text` is valid UTF-8 without byte-order mark, its line ends untouched. `encoding` is Python's name of the codec."""

    text: bytes
    encoding: str


@dataclass(frozen=True, slots=True)
class Undecodable:
    """`reason` is binary, undecodable or lfs_pointer; `detail` is for a person."""

    reason: str
    detail: str


# First line of https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md, which also limits a pointer to less than 1024 bytes.
_LFS_POINTER = b"version https://git-lfs.github.com/spec/v1"
_LFS_POINTER_BYTES = 1024

# The marks of UTF-32 stand first: that of UTF-32-LE begins with that of UTF-16-LE.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)

_MAGIC = {
    b"%PDF-": "PDF",
    b"\x89PNG": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"\xff\xd8\xff": "JPEG",
    b"RIFF": "RIFF",
    b"OggS": "Ogg",
    b"ID3\x03": "MP3",
    b"ID3\x04": "MP3",
    b"wOFF": "WOFF",
    b"wOF2": "WOFF2",
    b"PK\x03\x04": "ZIP",
    b"\x1f\x8b": "gzip",
    b"BZh91AY&SY": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"7z\xbc\xaf": "7z",
    b"!<arch>\n": "ar archive",
    b"\x7fELF": "ELF",
    b"\xca\xfe\xba\xbe": "Java class or Mach-O",
}

_SPECIAL = (_LFS_POINTER, *(mark for mark, _ in _MARKS), *_MAGIC)

# Modules of Python's codecs. ASCII supersets alone: with these, a declaration that is read as ASCII says what its author meant.
_DECLARABLE = (
    "latin_1 iso8859_2 iso8859_3 iso8859_4 iso8859_5 iso8859_6 iso8859_7 iso8859_8 iso8859_9 iso8859_10 iso8859_13 iso8859_14 iso8859_15 "
    "iso8859_16 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 cp437 cp850 cp852 cp855 cp866 koi8_r koi8_u mac_roman "
    "mac_cyrillic tis_620 euc_jp shift_jis cp932 euc_kr cp949 gb2312 gbk gb18030 big5 big5hkscs cp950"
)
_MODULES = frozenset(_DECLARABLE.split())
_CODEC_OF = {alias: module for alias, module in aliases.items() if module in _MODULES} | {module: module for module in _MODULES}

# PEP 263, Emacs and Vim lines, XML and HTML, CSS (@charset), POD (=encoding), gettext (charset=), LaTeX (inputenc).
_DECLARATION = re.compile(
    rb"(?:coding|charset)[ \t]*[:=]?[ \t]*[\"']?([-\w.]{2,24})|\\usepackage\[([-\w]{2,24})\]\{inputenc\}", re.IGNORECASE
)
_DECLARATION_BYTES = 1024  # at both ends of a file: what HTML allows at its start, and more than a Vim line needs at its end

_WESTERN_SHARE = 0.05
_RUN_SHARE = 0.2
_ASCII = bytes(range(0x80))
_NOT_CONTROL = bytes(byte for byte in range(256) if byte >= 0x20 and byte != 0x7F) + b"\t\n\f\r"
_NOT_C1 = bytes(byte for byte in range(256) if not 0x80 <= byte < 0xA0)
_ASCII_AS_BLANK = bytes(0x20 if byte < 0x80 else byte for byte in range(256))
# Bytes 80-9F as Windows-1252 uses them in running text: punctuation, and only apostrophes and dashes between two letters. Elsewhere these
# are letters of DOS code pages or of Windows-1250.
_C1_PUNCTUATION = b"\x80\x84\x85\x8b\x91\x92\x93\x94\x95\x96\x97\x99\x9b"
_C1_BETWEEN_LETTERS = re.compile(rb"[\x80\x84\x85\x8b\x91\x93-\x95\x99\x9b](?<=[A-Za-z].)[A-Za-z]")
_C1_CHARACTER = re.compile("[\x80-\x9f]")


def decode(raw: bytes) -> Decoded | Undecodable:
    """The text of a file's bytes, or why there is none. Never raises."""
    if raw.startswith(_SPECIAL) and (found := _by_first_bytes(raw)):
        return found
    if b"\0" in raw:
        return Undecodable("binary", f"NUL byte at offset {raw.index(0)}")
    if raw.isascii():
        return Decoded(raw, "utf-8")
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return _declared(raw) or _western(raw, error)
    return Decoded(raw, "utf-8")


def _by_first_bytes(raw: bytes) -> Decoded | Undecodable | None:
    if raw.startswith(_LFS_POINTER):
        return Undecodable("lfs_pointer", "git LFS pointer") if len(raw) < _LFS_POINTER_BYTES else None
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return _marked(raw[len(mark) :], encoding)
    return Undecodable("binary", next(name for magic, name in _MAGIC.items() if raw.startswith(magic)))


def _marked(rest: bytes, encoding: str) -> Decoded | Undecodable:
    try:
        text = rest.decode("utf-8" if encoding == "utf-8-sig" else encoding)
    except UnicodeDecodeError as error:
        return Undecodable("undecodable", f"mark of {encoding}, but {error.reason} at offset {error.start} after it")
    if "\0" in text:
        return Undecodable("binary", f"mark of {encoding}, but NUL characters")
    return Decoded(text.encode(), encoding)


def _declared(raw: bytes) -> Decoded | None:
    ends = raw[:_DECLARATION_BYTES] + b"\n" + raw[_DECLARATION_BYTES:][-_DECLARATION_BYTES:]
    for match in _DECLARATION.finditer(ends):
        name = (match[1] or match[2]).decode().lower().replace("-", "_")
        if name in _CODEC_OF:
            return _as_declared(raw, codecs.lookup(_CODEC_OF[name]).name)
    return None


def _as_declared(raw: bytes, encoding: str) -> Decoded | None:
    """None where the bytes do not fit, or where they would become control characters: Windows-1252 is often declared as ISO 8859-1."""
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if _C1_CHARACTER.search(text) else Decoded(text.encode(), encoding)


def _western(raw: bytes, error: UnicodeDecodeError) -> Decoded | Undecodable:
    if problem := _why_not_western(raw):
        return Undecodable("undecodable", f"{error.reason} at offset {error.start}; {problem}")
    encoding = "cp1252" if _c1_bytes(raw) else "iso8859-1"
    return Decoded(raw.decode(encoding).encode(), encoding)


def _why_not_western(raw: bytes) -> str | None:
    if controls := len(raw.translate(None, _NOT_CONTROL)):
        return f"{controls} control bytes"
    non_ascii = len(raw.translate(None, _ASCII))
    if non_ascii > _WESTERN_SHARE * len(raw):
        return f"{non_ascii} of {len(raw)} bytes are not ASCII"
    runs = raw.translate(_ASCII_AS_BLANK).split()
    if (in_long_runs := sum(len(run) for run in runs if len(run) >= 3)) > _RUN_SHARE * non_ascii:
        return f"{in_long_runs} of {non_ascii} non-ASCII bytes stand in runs of three or more"
    if (valid := len(raw.decode("utf-8", "ignore")) - (len(raw) - non_ascii)) * 2 > len(runs):
        return f"{valid} characters are valid UTF-8"
    if _c1_bytes(raw).translate(None, _C1_PUNCTUATION) or _C1_BETWEEN_LETTERS.search(raw):
        return "letters of another code page"
    return None


def _c1_bytes(raw: bytes) -> bytes:
    return raw.translate(None, _NOT_C1)
