"""Where pieces of given documents lie in a shard, and so in whatever was exported from it."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from udfs.export_documents import PiecePlaces
from udfs.exports import ShardExport

Candidate = tuple[str, str]
_OF_PIECE = ("kind", "candidate", "token_offset", "token_count", "text_bytes", "is_fim", "text_hash")
_OF_SHARD = ("sequence", "row", "sequence_token", "shard_token", "document")


@dataclass(frozen=True)
class Place:
    """A piece, which holds `token_count` tokens of a document from its token `token_offset` on. All places count from 0.

    It starts at `sequence_token` of the sequence in `row`, at `shard_token` of the shard's tokens one after the other, and belongs to the
    shard's document number `document`, as `udfs.export_documents` counts them.
    """

    kind: str
    candidate: str
    token_offset: int
    token_count: int
    text_bytes: int
    is_fim: bool
    text_hash: str
    sequence: str
    row: int
    sequence_token: int
    shard_token: int
    document: int


def whole_candidate(kind: str, candidate: str) -> str:
    """What the policy kept: of a part of a repository, the repository."""
    return candidate.rpartition("#")[0] or candidate if kind == "repository" else candidate


def places(batches: Iterable[pa.RecordBatch], wanted: Collection[Candidate]) -> Iterator[Place]:
    """Reads the columns `sequence` and `pieces` of a shard from its start, one batch in memory. A repository means all of its parts."""
    starts = PiecePlaces()
    row = token = document = 0
    for batch in batches:
        lists = batch.column("pieces")
        pieces = lists.flatten()
        rows = np.asarray(pc.list_parent_indices(lists))
        counts = np.asarray(pieces.field("token_count"))
        begins = np.cumsum(counts) - counts
        documents = document - 1 + np.cumsum(starts.starts(pieces))
        for hit in _hits(pieces, wanted):
            found = pieces[hit].as_py()
            first = begins[np.searchsorted(rows, rows[hit])]
            name = batch.column("sequence")[int(rows[hit])].as_py()
            at = (name, row + int(rows[hit]), int(begins[hit] - first), token + int(begins[hit]), int(documents[hit]))
            yield Place(**{column: found[column] for column in _OF_PIECE}, **dict(zip(_OF_SHARD, at, strict=True)))
        row += batch.num_rows
        token += int(counts.sum())
        document = int(documents[-1]) + 1 if len(documents) else document


def _hits(pieces: pa.StructArray, wanted: Collection[Candidate]) -> list[int]:
    kinds, candidates = pieces.field("kind"), pieces.field("candidate")
    found = [np.zeros(0, np.int64)]
    for kind in sorted({kind for kind, _ in wanted}):
        keys = pa.array(sorted(candidate for other, candidate in wanted if other == kind), pa.string())
        of_kind = np.flatnonzero(pc.equal(kinds, kind).to_numpy(zero_copy_only=False))
        names = candidates.take(pa.array(of_kind))
        is_hit = pc.is_in(names, value_set=keys)
        if kind == "repository":
            is_hit = pc.or_(is_hit, pc.is_in(pc.replace_substring_regex(names, "#[^#]*$", ""), value_set=keys))
        found.append(of_kind[is_hit.to_numpy(zero_copy_only=False)])
    return list(np.sort(np.concatenate(found)).tolist())


def exported_place(format: str, shard: ShardExport, place: Place) -> dict[str, str | int]:
    """The file of an export that holds a place of its shard, and where in it: a document, a sample, or a token."""
    if format == "megatron":
        return {"file": shard.files[0].file, "document": place.document}
    if format == "flat":
        return {"file": shard.files[0].file, "token": place.shard_token}
    first = 0
    for file in shard.files:
        if place.row < first + file.rows:
            return {"file": file.file, "sample": place.row - first}
        first += file.rows
    raise ValueError(f"row {place.row} is not in the {first} rows of {shard.shard}")
