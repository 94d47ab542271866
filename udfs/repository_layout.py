"""How a repository is written as training text, and read back: a line with the path before each file's text.

    @@@ file src/shapes.py          a whole file
    @@@ piece 2/5 data/long.sql     one of the pieces of a file that is longer than a document may be

The text is the lines after its head. Rules of `udfs.commit_layout` hold: a `!` after the first word says that the last line has no line
feed, a line of a text that looks like a head gets a backslash, a path is in the quotes of JSON where it must be. So the layout is the same
for every language, and every text and path is read back as it was. A repository's name is no part of it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from udfs.commit_layout import MARK, LayoutError, read_path, section, unescaped, written_path
from udfs.edits import lines_of

LAYOUT = "repository/1"
_HEAD = re.compile(rf"{MARK} (?:file(!?)|piece(!?) ([1-9]\d*)/([1-9]\d*)) (.+)\n?")
_BACK = 9  # a cut lies at most a ninth of a piece before an even one


@dataclass(frozen=True, slots=True)
class FileText:
    """A file's text, or one of its pieces: `piece` of `pieces`, from 1."""

    path: str
    text: str
    piece: int = 1
    pieces: int = 1


def written(file: FileText) -> str:
    if file.pieces == 1:
        return section("file", file.text, file.path)
    return section("piece", file.text, file.path, f"{file.piece}/{file.pieces}")


def head_bytes(path: str, pieces: int = 1) -> int:
    """What a document spends on a file besides its text; two bytes less where the text ends with a line feed."""
    number = len(f"{pieces}/{pieces} ") if pieces > 1 else -1
    return len(f"{MARK} piece! \n\n") + number + len(written_path(path).encode())


def read(document: str) -> list[FileText]:
    """What `written` wrote, one file after another. Raises `LayoutError`."""
    return list(_files(document))


def _files(document: str) -> Iterator[FileText]:
    head: re.Match[str] | None = None
    body: list[str] = []
    for line in lines_of(document):
        if not line.startswith(MARK):
            if head is None:
                raise LayoutError(f"{line[:80]!r} stands before the first head; expected `{MARK} file PATH`")
            body.append(unescaped(line))
            continue
        if head is not None:
            yield _file(head, body)
        head, body = _HEAD.fullmatch(line), []
        if head is None:
            raise LayoutError(f"{line[:80]!r} is no head; expected `{MARK} file PATH` or `{MARK} piece NUMBER/COUNT PATH`")
    if head is not None:
        yield _file(head, body)


def _file(head: re.Match[str], body: list[str]) -> FileText:
    text = "".join(body)
    return FileText(read_path(head[5]), text[:-1] if head[1] or head[2] else text, int(head[3] or 1), int(head[4] or 1))


def piece_count(size_bytes: int, path: str, window_bytes: int) -> int:
    """Pieces of a file, so that each, with its head, fits the window: 1 for a file that fits whole."""
    if size_bytes + head_bytes(path) <= window_bytes:
        return 1
    room = max(1, window_bytes - head_bytes(path, size_bytes))
    return -(-size_bytes // max(1, room * _BACK // (_BACK + 1)))


def piece_of(text: bytes, piece: int, pieces: int) -> bytes:
    """One of the pieces of a text, from 1; together they are the text. Cut behind a line where one ends near, else at a character."""
    return text[_cut(text, piece - 1, pieces) : _cut(text, piece, pieces)]


def _cut(text: bytes, number: int, pieces: int) -> int:
    if number in (0, pieces):
        return len(text) * number // pieces
    even, back = len(text) * number // pieces, len(text) // pieces // _BACK
    line = text.rfind(b"\n", even - back, even)
    if line >= 0:
        return line + 1
    while even > 0 and text[even] & 0xC0 == 0x80:
        even -= 1
    return even
