"""The context that a commit is given, within a budget: what is taken, what is cut, in which order. Pure, over the snapshot before it."""

import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from udfs.commit_layout import CommitDocument, PathChange, predicted, section
from udfs.edits import lines_of

VERSION = 1
PART = 8  # README and tree get at most an eighth of the budget each
LEAST_BYTES = 400  # of a file that is cut; less says nothing
FILES_A_DIRECTORY = (60, 20, 5, 0)


@dataclass(frozen=True, slots=True)
class Context:
    """A document, the bytes of its sections, and what of it was cut or left out (readme, tree, changed, found)."""

    document: CommitDocument
    bytes_of: dict[str, int]
    cuts: tuple[str, ...]


def readme_path(paths: Iterable[str], changed: Sequence[str]) -> str | None:
    """The README nearest above the changed paths: of their common directory, else of the ones above it, the root's last."""
    readmes: dict[str, str] = {}
    for path in sorted(paths):
        folder, name = posixpath.split(path)
        if name.lower().split(".")[0] == "readme":
            readmes.setdefault(folder, path)
    folder = posixpath.commonpath([posixpath.dirname(path) for path in changed]) if changed else ""
    while folder and folder not in readmes:
        folder = posixpath.dirname(folder)
    return readmes.get(folder)


def tree_text(paths: Sequence[str], changed: Sequence[str], most_bytes: int) -> tuple[str, bool]:
    """Directories around the changed paths with their files, others with their number; and whether it had to be cut to `most_bytes`."""
    focus = {""}
    for path in changed:
        folder = posixpath.dirname(path)
        while folder:
            focus.add(folder)
            folder = posixpath.dirname(folder)
    text = ""
    for most_files in FILES_A_DIRECTORY:
        text = "".join(_directory("", sorted(paths), focus, most_files, 0))
        if len(text.encode()) <= most_bytes:
            return text, most_files != FILES_A_DIRECTORY[0] and any(True for _ in paths)
    return cut_to(text, most_bytes), True


def _directory(folder: str, paths: Sequence[str], focus: set[str], most_files: int, depth: int) -> Iterable[str]:
    """Lines of a directory; `paths` are those below it, sorted."""
    start = len(folder) + 1 if folder else 0
    below: dict[str, list[str]] = {}
    files = []
    for path in paths:
        name, slash, _ = path[start:].partition("/")
        if slash:
            below.setdefault(name, []).append(path)
        else:
            files.append(name)
    for name, inside in below.items():
        path = f"{folder}/{name}" if folder else name
        if path in focus:
            yield f"{'  ' * depth}{name}/\n"
            yield from _directory(path, inside, focus, most_files, depth + 1)
        else:
            yield f"{'  ' * depth}{name}/ ({len(inside)} {'file' if len(inside) == 1 else 'files'})\n"
    yield from (f"{'  ' * depth}{name}\n" for name in files[:most_files])
    if len(files) > most_files:
        yield f"{'  ' * depth}... {len(files) - most_files} more files\n"


def cut_to(text: str, most_bytes: int) -> str:
    """Whole lines from the beginning, and a last one that says how many are left out."""
    lines, size, kept = lines_of(text), 0, 0
    for line in lines:
        size += len(line.encode())
        if size > most_bytes - 40:
            break
        kept += 1
    return "".join([*lines[:kept], f"... {len(lines) - kept} more lines\n"])


def fitted(
    message: str,
    changes: tuple[PathChange, ...],
    readme: tuple[str, str] | None,
    paths: Sequence[str],
    changed_files: Sequence[tuple[str, str]],
    found_files: Sequence[tuple[str, str]],
    most_bytes: int,
) -> Context | None:
    """The document within `most_bytes`; None where the message and what is to be predicted do not fit: they are never cut.

    What is left goes to the README and the tree, an eighth of the budget each at most, then to the files to be changed, the shortest
    first, then to those that were found, in their order. A file that does not fit whole is cut, where that leaves something worth
    reading, and the found ones after it are left out.
    """
    sizes = {"message": _size(section("commit", message)), "predicted": _size(predicted(changes)), "files": 0}
    left = most_bytes - sum(sizes.values())
    if left < 0:
        return None
    cuts: list[str] = []
    part = min(left, most_bytes // PART)
    if readme and _size(section("readme", *reversed(readme))) > part:
        readme = _cut_file("readme", readme, part)
        cuts.append("readme")
    sizes["readme"] = _size(section("readme", *reversed(readme))) if readme else 0
    left -= sizes["readme"]
    part = min(left, most_bytes // PART)
    tree: str | None = None
    is_cut = True
    if part >= LEAST_BYTES:
        tree, is_cut = tree_text(paths, [change.old_path or change.path for change in changes], part - len(section("tree", "")))
    cuts += ["tree"] if is_cut else []
    sizes["tree"] = _size(section("tree", tree)) if tree is not None else 0
    left -= sizes["tree"]
    files: list[tuple[str, str]] = []
    by_size = sorted(changed_files, key=lambda file: (len(file[1]), file[0]))
    for name, (path, text) in [*(("changed", one) for one in by_size), *(("found", one) for one in found_files)]:
        if name == "found" and "found" in cuts:
            break
        taken: tuple[str, str] | None = (path, text)
        if _size(section("file", text, path)) > left:
            taken = _cut_file("file", (path, text), left)
            cuts += [name] if name not in cuts else []
        if taken:
            files.append(taken)
            size = _size(section("file", taken[1], path))
            sizes["files"] += size
            left -= size
    return Context(CommitDocument(message, readme, tree, tuple(files), changes), sizes, tuple(cuts))


def _cut_file(kind: str, file: tuple[str, str], most_bytes: int) -> tuple[str, str] | None:
    """Its beginning, or None where too little of it would be left."""
    path, text = file
    room = most_bytes - _size(section(kind, "", path))
    if room < LEAST_BYTES:
        return None
    found = cut_to(text, room)
    while _size(section(kind, found, path)) > most_bytes:  # lines that need a backslash are longer when they are written
        room -= _size(section(kind, found, path)) - most_bytes
        found = cut_to(text, room)
    return path, found


def _size(text: str) -> int:
    return len(text.encode())
