"""A BM25 index of no more than a number of entries, whatever the snapshot.

Where a snapshot has more, files take part in a fixed order for as long as their terms fit: code before vendored code and data, then by a
draw of the path. So which files take part follows from the snapshot alone, and not from the way that led to it.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import pyarrow as pa

from udfs.bm25 import Index
from udfs.commits import is_vendored_or_data
from udfs.draws import uniform

SEED = "commit index"
FEW = 8  # changed files that are taken in before the bound is looked at
Place = tuple[bool, float, str]
TermsOf = Callable[[str], Counter[str] | None]


def places_of(paths: list[str]) -> list[Place]:
    """Their places in the order in which files take part."""
    draws = uniform(pa.array(paths, pa.string()), SEED).tolist()
    return [(is_vendored_or_data(path), draw, path) for path, draw in zip(paths, draws, strict=True)]


class BoundedIndex:
    """`index` holds the files that take part: of all files in their order as many from the first on as `most_entries` have room for.

    `is_full`: whether there are files that were left out, and not even looked at.
    """

    def __init__(self, most_entries: int) -> None:
        self.index = Index()
        self._most = most_entries
        self._order: list[Place] = []  # of all files, kept from when the bound is first met
        self._edge: Place | None = None  # the first place that is left out

    @property
    def is_full(self) -> bool:
        return self._edge is not None

    def change(self, gone: Iterable[str], changed: list[str], files: Mapping[str, object], terms_of: TermsOf) -> None:
        """`files` has all paths of the new snapshot; `terms_of` gives the terms of one, None where it is no text that takes part."""
        for path in gone:
            self.index.remove(path)
            self._forget(path)
        if self._edge is None and len(changed) <= FEW:  # the most commits; there is room, so their order is nothing to ask for
            for path in changed:
                self._put(path, terms_of)
            self._shrink(files)
            return
        for place in sorted(places_of(changed)):
            self._remember(place)
            if self._edge is None or place < self._edge:
                self._put(place[2], terms_of)
                self._shrink(files)
        self._grow(terms_of)

    def _put(self, path: str, terms_of: TermsOf) -> None:
        counts = terms_of(path)
        if counts is None:
            self.index.remove(path)
        else:
            self.index.add(path, counts)

    def _remember(self, place: Place) -> None:
        if self._edge is not None:
            at = bisect_left(self._order, place)
            if self._order[at : at + 1] != [place]:
                self._order.insert(at, place)

    def _forget(self, path: str) -> None:
        if self._edge is None:
            return
        (place,) = places_of([path])
        at = bisect_left(self._order, place)
        if self._order[at : at + 1] == [place]:
            del self._order[at]
        if place == self._edge:
            self._edge = self._order[at] if at < len(self._order) else None

    def _shrink(self, files: Mapping[str, object]) -> None:
        """Leaves out the last that takes part until the rest fits; nothing where all fit."""
        if self.index.entries <= self._most:
            return
        if self._edge is None:
            self._order = sorted(places_of(list(files)))
        at = len(self._order) if self._edge is None else bisect_left(self._order, self._edge)
        while self.index.entries > self._most:
            at -= 1
            self.index.remove(self._order[at][2])
        self._edge = self._order[at]

    def _grow(self, terms_of: TermsOf) -> None:
        """Takes the next in while they fit."""
        while self._edge is not None:
            at = bisect_left(self._order, self._edge)
            counts = terms_of(self._order[at][2])
            if counts is not None:
                if self.index.entries + len(counts) > self._most:
                    return
                self.index.add(self._order[at][2], counts)
            self._edge = self._order[at + 1] if at + 1 < len(self._order) else None
