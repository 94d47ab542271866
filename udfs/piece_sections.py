"""Which sections of a document, such as the files of a part of a repository, a run of its tokens holds."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from udfs import commit_layout
from udfs.commit_layout import MARK, LayoutError, PathChange, read_path
from udfs.edits import lines_of
from udfs.fim import encode_documents, marks_of
from udfs.tokenizer import Tokenizer

_INSIDE = ("search", "replace")  # heads inside the section of an edit


@dataclass(frozen=True)
class Section:
    """From byte `start` of the document, where its head or its line begins, to the next one. `path` is None where it is of no file."""

    kind: str
    path: str | None
    start: int


def sections(text: str) -> list[Section]:
    """Of a part of a repository its files or pieces, in order; of a commit its sections, and a line for each path that is to be
    predicted."""
    found: list[Section] = []
    changes: Iterator[PathChange] = iter(())
    start, is_list = 0, False
    for line in lines_of(text):
        if line.startswith(MARK):
            kind, _, rest = line.rstrip("\n").removeprefix(f"{MARK} ").partition(" ")
            kind = kind.removesuffix("!")
            path = rest.partition(" ")[2] if kind == "piece" else rest
            if kind not in _INSIDE:
                found.append(Section(kind, read_path(path) if path else None, start))
            is_list = kind == "predict"
            changes = iter(commit_layout.read(text).changes) if is_list else changes
        elif is_list:
            change = next(changes, None)
            if change is None:
                raise LayoutError("a commit names more paths to predict than it changes")
            found.append(Section(change.kind, change.path, start))
        start += len(line.encode())
    return found


class TokenPlaces:
    """Where the tokens of one document lie in its text. With other tokens than those that a piece counts it knows nothing of the piece."""

    def __init__(self, tokenizer: Tokenizer, candidate: str, text: str, is_fim: bool) -> None:
        ids, texts = pa.array([candidate], pa.string()), pa.array([text], pa.string())
        tokens, _, filled = encode_documents(tokenizer, ids, texts, np.array([is_fim]))
        self._is_same = bool(filled[0]) == is_fim
        self._sizes = tokenizer.token_bytes[tokens]
        self._starts = np.cumsum(self._sizes) - self._sizes
        if filled[0]:  # the suffix comes first: the text is turned by its length
            suffix = int(self._starts[np.flatnonzero(tokens == marks_of(tokenizer).prefix)[0]])
            self._starts = (self._starts - suffix) % max(1, int(self._sizes.sum()))

    def held(self, found: list[Section], offset: int, count: int, text_bytes: int) -> list[int] | None:
        """The numbers of the sections of which the piece holds a byte; None where the tokens are not those of the piece."""
        sizes = self._sizes[offset : offset + count]
        if not self._is_same or len(sizes) != count or int(sizes.sum()) != text_bytes:
            return None
        starts = self._starts[offset : offset + count][sizes > 0]
        ends = starts + sizes[sizes > 0] - 1
        begins = np.array([section.start for section in found], np.int64)
        first, last = (np.searchsorted(begins, at, "right") - 1 for at in (starts, ends))
        return sorted({number for a, b in {*zip(first.tolist(), last.tolist(), strict=True)} for number in range(a, b + 1)})
