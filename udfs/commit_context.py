"""The context that a commit is given, within a budget: what is taken, what is cut, in which order. Pure, over the snapshot before it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from udfs.commit_layout import CommitDocument, PathChange, predicted, section
from udfs.directories import cut_to

VERSION = 3
PART = 8  # README and tree get at most an eighth of the budget each
LEAST_BYTES = 400  # of a file that is cut; less says nothing


@dataclass(frozen=True, slots=True)
class Context:
    """A document, the bytes of its sections, and what of it was cut or left out (readme, tree, changed, found)."""

    document: CommitDocument
    bytes_of: dict[str, int]
    cuts: tuple[str, ...]


def fitted(
    message: str,
    changes: tuple[PathChange, ...],
    readme: tuple[str, str] | None,
    tree_within: Callable[[int], tuple[str, bool]],
    changed_files: Sequence[tuple[str, str]],
    found_files: Sequence[tuple[str, str]],
    most_bytes: int,
) -> Context | None:
    """The document within `most_bytes`; None where the message and what is to be predicted do not fit: they are never cut.

    `tree_within` gives the directory tree in a number of bytes, and whether it was cut to them.

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
        tree, is_cut = tree_within(part - len(section("tree", "")))
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
    return len(text) if text.isascii() else len(text.encode())
