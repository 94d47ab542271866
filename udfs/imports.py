"""What a file imports, as its own words: the places come from `udfs.import_scan`, the statements are read here.

An import is a string that says all that resolving needs:

    Python   `pkg.module`  `..pkg.module:name`  `.:name`  `pkg.module:*`     a colon stands between module and name; dots are levels
    Java     `package a.b`  `import a.b.C`  `import a.b.*`  `static a.b.C.name`  `name Type`, for each name with an initial capital
    C, C++   `"path/x.h"`  `<path/x.h>`  `MACRO`, for an include that only the preprocessor can read

Covered in Python is every `import` statement, wherever it stands (in functions, under conditions, after a colon); a name that is given to
`importlib.import_module` is not. A file of two languages is read in the one that its path says.
"""

import re
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa

from udfs.import_scan import KINDS, Places, c_includes, java_words, python_imports

VERSION = 2
MAX_PLACES = 1 << 16  # of one file; what follows is not looked at
MAX_IMPORTS = 4096
_STATEMENT_BYTES = 1 << 16

FACTS_SCHEMA = pa.schema([pa.field("imports", pa.list_(pa.string()), False), pa.field("is_cut", pa.bool_(), False)])

_SPACE = rb"(?:[ \t\f]|\\\r?\n)"
_DOTTED = rb"[\w.\x80-\xff]"
_FROM = re.compile(rb"from((?:%s|[ \t\f]|\\\r?\n)*)" % _DOTTED)
_NAMES = re.compile(rb"import%s*(?:\(((?:[^)#]|#[^\n]*)*)|((?:[^\n;#\\]|\\\r?\n)*))" % _SPACE)
_COMMENT = re.compile(rb"#[^\n]*")
_BLANKS = re.compile(rb"[\s\\]+")
_NAME = re.compile(rb"[\s\\]*(\*|%s+(?:\s*\.\s*%s+)*)" % (_DOTTED, _DOTTED))
_JAVA = re.compile(rb"\s+(static\s+)?([\w$\x80-\xff]+(?:\s*\.\s*[\w$\x80-\xff]+)*(?:\s*\.\s*\*)?)")
_TYPE = re.compile(rb"(?:[a-z_\x80-\xff][\w$\x80-\xff]*\.)*[A-Z\x80-\xff][\w$\x80-\xff]*")
_INCLUDED = re.compile(rb"[ \t]*(\"[^\"\n]+\"|<[^>\n]+>|[A-Za-z_]\w*)")


def imports_of(text: bytes, language: str) -> tuple[list[str], bool]:
    """Imports in the order of the text, each once, and whether some were left out. Empty for a language that is not in LANGUAGES."""
    reader = _READERS.get(language)
    if reader is None or not text:
        return [], False
    scan, statements = reader
    found = np.empty((min(MAX_PLACES, len(text) // 2 + 1), 2), np.int64)
    count = scan(np.frombuffer(text, np.uint8), KINDS, found)
    distinct = dict.fromkeys(one for one in statements(text, found[:count]))
    names = [one.decode("utf-8", "replace") for one in list(distinct)[:MAX_IMPORTS]]
    return names, len(distinct) > MAX_IMPORTS or count == MAX_PLACES


def imports_batch(texts: pa.Array, languages: pa.Array) -> pa.RecordBatch:
    """FACTS_SCHEMA, one row a text."""
    rows = [
        imports_of(text, language) for text, language in zip(texts.cast(pa.large_binary()).to_pylist(), languages.to_pylist(), strict=True)
    ]
    return pa.RecordBatch.from_arrays(
        [pa.array([names for names, _ in rows], FACTS_SCHEMA.field(0).type), pa.array([is_cut for _, is_cut in rows], pa.bool_())],
        schema=FACTS_SCHEMA,
    )


def _python(text: bytes, places: Places) -> Iterator[bytes]:
    ends = [*places[1:, 0].tolist(), len(text)]  # an import holds no other, and work stays linear
    for (place, start), end in zip(places.tolist(), ends, strict=False):
        module = _FROM.fullmatch(text, start, place) if start >= 0 and place - start < _STATEMENT_BYTES else None
        names = _NAMES.match(text, place, min(end, place + _STATEMENT_BYTES))
        assert names is not None
        inside = names.group(1)
        listed = names.group(2) if inside is None else _COMMENT.sub(b"", inside)
        base = _BLANKS.sub(b"", module.group(1)) if module else b""
        for part in listed.split(b","):
            if name := _NAME.match(part):
                written = _BLANKS.sub(b"", name.group(1))
                yield base + b":" + written if base else written


def _java(text: bytes, places: Places) -> Iterator[bytes]:
    words = set()
    for start, end in places.tolist():
        word = text[start:end]
        if word == b"import" or word == b"package":
            if named := _JAVA.match(text, end, end + _STATEMENT_BYTES):
                kind = b"static " if named.group(1) else word + b" "
                yield kind + _BLANKS.sub(b"", named.group(2))
        else:
            words.add(word)
    types = (found.group() for found in map(_TYPE.match, words) if found and not found.group().startswith((b"this.", b"super.")))
    yield from sorted({b"name " + found for found in types if b"_" not in found or not found.isupper()})


def _c(text: bytes, places: Places) -> Iterator[bytes]:
    for start, _ in places.tolist():
        if found := _INCLUDED.match(text, start, start + _STATEMENT_BYTES):
            yield found.group(1)


_C = (c_includes, _c)
_READERS: dict[str, tuple[Callable[..., int], Callable[[bytes, Places], Iterator[bytes]]]] = {
    "Python": (python_imports, _python),
    "Java": (java_words, _java),
    "C": _C,
    "C++": _C,
    "CUDA": _C,
}
LANGUAGES = tuple(sorted(_READERS))
