"""The texts inside a document of the project's own layouts: what is compared with something else as a text, and not the document.

A document of a commit shows several files; one that is held out elsewhere is a small part of it, and its whole would be like nothing.
"""

import re
from collections.abc import Iterator

from udfs import commit_layout, repository_layout
from udfs.commit_layout import LayoutError, PathChange
from udfs.notebooks import SUFFIX, NotebookError, is_notebook, read_notebook

VERSION = 1
WHOLE = "document"  # name of the section that is the document
_ESCAPES = re.compile(r'\\[nrt"]')


def sections(kind: str, text: str) -> Iterator[tuple[str, str]]:
    """(name, text) of each, at least one: of a commit its README, files, new files and, a path together, new lines; of a part of a
    repository its files, or pieces of them. Notebooks inside a commit are read where they are whole. Of other kinds, and of what cannot
    be read as its layout, the whole.
    """
    try:
        found = list(_READERS[kind](text)) if kind in _READERS else []
    except LayoutError:
        found = []
    yield from found or [(WHOLE, text)]


def without_escapes(text: str) -> str:
    """A text that may hold the JSON of a notebook, as words are counted in it: of the same length, escapes are spaces."""
    return _ESCAPES.sub("  ", text) if SUFFIX in text else text


def _of_commit(text: str) -> Iterator[tuple[str, str]]:
    document = commit_layout.read(text)
    if document.readme:
        yield f"readme {document.readme[0]}", document.readme[1]
    yield from ((f"file {path}", _readable(path, body)) for path, body in document.files)
    for change in document.changes:
        if new := _new_lines(change):
            yield f"{change.kind} {change.path}", _readable(change.path, new)


def _new_lines(change: PathChange) -> str:
    return change.text or "".join(edit.replace for edit in change.edits)


def _readable(path: str, text: str) -> str:
    if is_notebook(path):
        try:
            return read_notebook(text).text
        except NotebookError:
            pass
    return text


def _of_repository(text: str) -> Iterator[tuple[str, str]]:
    yield from ((f"file {file.path}", file.text) for file in repository_layout.read(text))


_READERS = {"commit": _of_commit, "repository": _of_repository}
