"""Which sequences of the lake hold pieces of given documents."""

from collections.abc import Collection, Iterator

import pyarrow.compute as pc

from schemas.lake import Lake
from schemas.mix import SEQUENCES
from udfs.whereabouts import Candidate, Place, places


def in_sequences(lake: Lake, wanted: Collection[Candidate], mixture: str = "") -> Iterator[Place]:
    """Pieces in mix/sequences, which may be newer than the shards; the rows and tokens of these places are counted in their batches."""
    for batch in lake.scan(SEQUENCES, ["sequence", "pieces"], pc.field("mixture") == mixture if mixture else None):
        yield from places([batch], wanted)


def sequences_with(lake: Lake, kind: str, candidate: str) -> list[str]:
    """Names of the sequences that hold a piece of the candidate, in order; of a repository, of one of its parts."""
    return sorted({place.sequence for place in in_sequences(lake, {(kind, candidate)})})


def sequences_told(sequences: list[str], most: int = 10) -> list[str]:
    if not sequences:
        return []
    return [f"  in {len(sequences)} training sequences: {', '.join(sequences[:most])}{' ...' if len(sequences) > most else ''}"]
