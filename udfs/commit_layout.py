"""How a commit is written as training text, and read back: message and context, then what is to be predicted.

    @@@ commit              the message
    @@@ readme PATH         of the snapshot before the commit, as everything down to `predict`
    @@@ tree                its directories
    @@@ file PATH           files of it, those to be changed and those that the message finds
    @@@ predict             a line for each path: create, modify, delete or rename
    @@@ edit PATH           then pairs of
    @@@ search
    @@@ replace
    @@@ create PATH         a whole file, or where a link (mode 120000) leads; in place of what is there, where it becomes the other
    @@@ end

Sections follow each other as they are listed; those in the middle may be absent. A section's text is the lines after its head. A `!` after
the kind says that the last one has no line feed. A line of a text that begins with `@@@`, or with backslashes and `@@@`, gets one backslash
more. So every text can be written, and is read back byte for byte.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from udfs.edits import Edit, EditError, apply, lines_of

LAYOUT = "commit/2"
MARK = "@@@"
FILE_MODE = "100644"

_MODE = re.compile(r"[01][0-7]{5} ")
_ESCAPED = re.compile(rf"\\*{MARK}")
_PLAIN_PATH = re.compile(
    r"[^\s\"\\\x00-\x1f\x7f\u0085\u2028\u2029](?:[^\"\\\x00-\x1f\x7f\u0085\u2028\u2029]*[^\s\"\\\x00-\x1f\x7f\u0085\u2028\u2029])?"
)


class LayoutError(ValueError):
    """A text is no document of this layout: where, what was found, what was expected."""


@dataclass(frozen=True, slots=True)
class PathChange:
    """One path. kind: create (`text`), modify (`edits`), delete, or rename (`old_path`, and `edits` where lines change too).

    mode is git's, in octal; None where it stays as it is, and for a plain file that is created. A file that becomes a link, or a link
    that becomes a file, is created.
    """

    kind: str
    path: str
    old_path: str | None = None
    mode: str | None = None
    text: str | None = None
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class CommitDocument:
    """`readme` and `files` are (path, text)."""

    message: str
    readme: tuple[str, str] | None
    tree: str | None
    files: tuple[tuple[str, str], ...]
    changes: tuple[PathChange, ...]


def section(kind: str, text: str, path: str | None = None, note: str = "") -> str:
    """A section with its head, which holds a note before the path where there is one. An empty text has no line."""
    is_cut = bool(text) and not text.endswith("\n")
    head = f"{MARK} {kind}{'!' if is_cut else ''}" + (f" {note}" if note else "") + (f" {written_path(path)}" if path is not None else "")
    escaped = text
    if MARK in text:  # most texts have none
        escaped = "".join("\\" + line if _ESCAPED.match(line) else line for line in lines_of(text))
    return f"{head}\n{escaped}" + ("\n" if is_cut else "")


def written_path(path: str) -> str:
    """As it is, or in the quotes of JSON where it could be mistaken for something else."""
    is_plain = _PLAIN_PATH.fullmatch(path) and " => " not in path and not _MODE.match(path)
    return path if is_plain else json.dumps(path)


def written(document: CommitDocument) -> str:
    parts = [section("commit", document.message)]
    if document.readme:
        parts.append(section("readme", document.readme[1], document.readme[0]))
    if document.tree is not None:
        parts.append(section("tree", document.tree))
    parts += [section("file", text, path) for path, text in document.files]
    return "".join([*parts, predicted(document.changes)])


def predicted(changes: tuple[PathChange, ...]) -> str:
    """What is to be predicted, from `predict` to `end`."""
    parts = [section("predict", "".join(map(_line, changes)))]
    for change in changes:
        if change.kind == "create":
            parts.append(section("create", change.text or "", change.path))
        elif change.edits:
            parts.append(section("edit", "", change.path))
            for edit in change.edits:
                parts += [section("search", edit.search), section("replace", edit.replace)]
    return "".join([*parts, section("end", "")])


def _line(change: PathChange) -> str:
    mode = f" {change.mode}" if change.mode else ""
    origin = f"{written_path(change.old_path)} => " if change.old_path is not None else ""
    return f"{change.kind}{mode} {origin}{written_path(change.path)}\n"


def read(text: str) -> CommitDocument:
    """What `written` wrote. Raises `LayoutError`."""
    sections = list(_sections(text))
    if not sections or sections[0][0] != "commit" or sections[-1][0] != "end":
        raise LayoutError("expected a document from `@@@ commit` to `@@@ end`")
    message, readme, tree = sections[0][2], None, None
    files: list[tuple[str, str]] = []
    place = 1
    while place < len(sections) and sections[place][0] != "predict":
        kind, path, body = sections[place]
        if kind == "readme" and path is not None:
            readme = (path, body)
        elif kind == "tree":
            tree = body
        elif kind == "file" and path is not None:
            files.append((path, body))
        else:
            raise LayoutError(f"section {place + 1} is `{kind}`; expected readme, tree, file or predict")
        place += 1
    return CommitDocument(message, readme, tree, tuple(files), _changes(sections[place:]))


def _sections(text: str) -> Iterator[tuple[str, str | None, str]]:
    """(kind, path, text) of each section."""
    kind, is_cut, path, body = "", False, None, list[str]()
    for line in lines_of(text):
        if not line.startswith(MARK):
            body.append(unescaped(line))
            continue
        if kind:
            yield kind, path, _joined(body, is_cut)
        head = line.rstrip("\n").split(" ", 2)
        if len(head) < 2:
            raise LayoutError(f"{line[:80]!r} is no head of a section")
        kind, is_cut, body = head[1].rstrip("!"), head[1].endswith("!"), []
        path = read_path(head[2]) if len(head) > 2 else None
    if kind:
        yield kind, path, _joined(body, is_cut)


def unescaped(line: str) -> str:
    return line[1:] if line.startswith("\\") and _ESCAPED.match(line) else line


def _joined(body: list[str], is_cut: bool) -> str:
    text = "".join(body)
    return text[:-1] if is_cut else text


def read_path(text: str) -> str:
    return str(json.loads(text)) if text.startswith('"') else text


def _changes(sections: list[tuple[str, str | None, str]]) -> tuple[PathChange, ...]:
    bodies: dict[str, tuple[str | None, list[Edit]]] = {}
    current: list[Edit] = []
    for place, (kind, path, body) in enumerate(sections[1:-1], start=1):
        if kind == "create" and path is not None:
            bodies[path] = (body, [])
        elif kind == "edit" and path is not None:
            current = []
            bodies[path] = (None, current)
        elif kind == "search" and sections[place + 1][0] == "replace":
            current.append(Edit(body, sections[place + 1][2]))
        elif kind != "replace":
            raise LayoutError(f"`{kind}` does not belong between predict and end")
    return tuple(_change(line, bodies) for line in sections[0][2].split("\n")[:-1])


def _change(line: str, bodies: Mapping[str, tuple[str | None, list[Edit]]]) -> PathChange:
    kind, _, rest = line.partition(" ")
    mode = None
    if _MODE.match(rest):
        mode, _, rest = rest.partition(" ")
    old, path = _two_paths(rest) if kind == "rename" else (None, read_path(rest))
    text, edits = bodies.get(path, (None, []))
    return PathChange(kind, path, old, mode, text, tuple(edits))


def _two_paths(text: str) -> tuple[str, str]:
    """Neither holds ` => ` outside of quotes."""
    if text.startswith('"'):
        old, end = json.JSONDecoder().raw_decode(text)
        return str(old), read_path(text[end:].removeprefix(" => "))
    old, _, path = text.partition(" => ")
    return old, read_path(path)


Snapshot = Mapping[str, tuple[str, str]]


def applied(changes: tuple[PathChange, ...], snapshot: Snapshot) -> dict[str, tuple[str, str] | None]:
    """(mode, text) of every path after the changes; None where it is gone. `snapshot`: the same of the paths before, of those that matter.

    Raises `EditError` where a change does not fit the snapshot.
    """
    found: dict[str, tuple[str, str] | None] = {}
    for change in changes:
        if change.kind == "create":
            found[change.path] = (change.mode or FILE_MODE, change.text or "")
            continue
        old_path = change.old_path if change.old_path is not None else change.path
        if old_path not in snapshot:
            raise EditError(f"{old_path} is not in the snapshot")
        if change.kind in ("delete", "rename"):
            found.setdefault(old_path, None)
        if change.kind != "delete":
            mode, text = snapshot[old_path]
            found[change.path] = (change.mode or mode, apply(text, change.edits))
    return found
