"""Documents of repositories that show given files: in which of their pieces a file is."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict

import pyarrow as pa
import pyarrow.compute as pc

from jobs.commands.held_sections import held_by
from schemas.assemble import REPOSITORY_PARTS
from schemas.lake import Lake
from udfs.tokenizer import Tokenizer
from udfs.whereabouts import Candidate, Place, whole_candidate


class ShownParts:
    """The parts of repositories that show some of these contents, but for parts that are `wanted` as a whole."""

    def __init__(self, lake: Lake, wanted: Collection[Candidate]) -> None:
        self._lake = lake
        self._positions: dict[tuple[str, str], set[int]] = defaultdict(set)
        self.paths: dict[Candidate, list[str]] = defaultdict(list)
        keys = pa.array(sorted(candidate for kind, candidate in wanted if kind == "file"), pa.string())
        columns = ["repository", "part", "layout", "position", "path"]
        for batch in lake.scan(REPOSITORY_PARTS, columns, pc.field("content_sha256").isin(keys)) if len(keys) else ():
            for row in batch.to_pylist():
                part = ("repository", f"{row['repository']}#{row['part']}")
                if part not in wanted and ("repository", row["repository"]) not in wanted:
                    self._positions[part[1], row["layout"]].add(row["position"])
                    self.paths[part] = sorted({*self.paths[part], row["path"]})

    def holding(self, places: Iterable[Place], tokenizer: Callable[[], Tokenizer | None]) -> Iterator[tuple[Place, bool]]:
        """The places, less those of these parts whose tokens are of other files; and whether it is certain that they hold one.

        It is not where the part's text is another one by now, or its tokens cannot be made again.
        """
        found = list(places)
        shown = [place for place in found if (place.kind, place.candidate) in self.paths]
        known_of = held_by(self._lake, tokenizer() if shown else None, [asdict(place) for place in shown])
        held = dict(zip(map(id, shown), known_of, strict=True))
        for place in found:
            known = held.get(id(place))
            if id(place) not in held:
                yield place, True
            elif known is None or known.numbers is None:
                yield place, False
            elif self._positions[place.candidate, known.layout] & set(known.numbers):
                yield place, True


def candidates_told(wanted: Collection[Candidate], shown: ShownParts, what: str) -> list[Candidate]:
    """In order, what was named itself first."""
    return sorted({*wanted, *shown.paths}, key=lambda one: (what not in (one[1], whole_candidate(*one)), *one))
