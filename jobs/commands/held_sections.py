"""Which sections of their documents pieces hold, of documents with a text of their own: parts of repositories, and commits."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.assemble import DOCUMENTS
from schemas.lake import Lake
from schemas.mix import MANIFEST, TOKENIZERS
from udfs.commit_layout import LayoutError
from udfs.piece_sections import Section, TokenPlaces, sections
from udfs.tokenizer import Tokenizer, TokenizerError, load

KINDS = ("commit", "repository")
Row = dict[str, Any]


@dataclass(frozen=True)
class Held:
    """Sections of a document, and the numbers of those that a piece of it holds: None where its tokens cannot be made again."""

    layout: str
    sections: list[Section]
    numbers: list[int] | None


def held_by(lake: Lake, tokenizer: Tokenizer | None, pieces: Sequence[Row]) -> list[Held | None]:
    """Of each piece, in order; None of other kinds, and where its text is no longer in assemble/documents.

    A document is tokenized again, one in memory, and believed where it counts the bytes that the piece does.
    """
    found: list[Held | None] = [None] * len(pieces)
    wanted: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for number, piece in enumerate(pieces):
        if piece["kind"] in KINDS:
            wanted[piece["kind"], piece["candidate"], piece["text_hash"]].append(number)
    for row in _texts(lake, {candidate for _, candidate, _ in wanted}):
        numbers = wanted.pop((row["kind"], row["candidate"], row["text_hash"]), [])
        for number, held in _held(tokenizer, row, [(number, pieces[number]) for number in numbers]):
            found[number] = held
    return found


def _texts(lake: Lake, candidates: set[str]) -> Iterator[Row]:
    is_it = pc.field("kind").isin(list(KINDS)) & pc.field("candidate").isin(pa.array(sorted(candidates), pa.string()))
    columns = ["kind", "candidate", "layout", "text_hash", "text"]
    for batch in lake.scan(DOCUMENTS, columns, is_it) if candidates else ():
        for number in range(batch.num_rows):
            yield batch.slice(number, 1).to_pylist()[0]


def _held(tokenizer: Tokenizer | None, row: Row, pieces: list[tuple[int, Row]]) -> Iterator[tuple[int, Held]]:
    try:
        found = sections(row["text"]) if pieces else []
    except LayoutError:
        return
    places: dict[bool, TokenPlaces | None] = {}
    for number, piece in pieces:
        is_fim = piece["is_fim"]
        if is_fim not in places:
            places[is_fim] = _places(tokenizer, row, is_fim)
        known = places[is_fim]
        numbers = known.held(found, piece["token_offset"], piece["token_count"], piece["text_bytes"]) if known else None
        yield number, Held(row["layout"], found, numbers)


def _places(tokenizer: Tokenizer | None, row: Row, is_fim: bool) -> TokenPlaces | None:
    """None where this tokenizer cannot have made the tokens."""
    try:
        return TokenPlaces(tokenizer, row["candidate"], row["text"], is_fim) if tokenizer else None
    except TokenizerError:
        return None


def tokenizer_of(lake: Lake, mixture: str) -> Tokenizer | None:
    """The one that made the tokens of a mixture of now."""
    rows = lake.read(MANIFEST, ["tokenizer_sha256"], pc.field("mixture") == mixture).to_pylist()
    return tokenizer_by(lake, rows[0]["tokenizer_sha256"]) if rows else None


def tokenizer_by(lake: Lake, sha256: str) -> Tokenizer | None:
    """None where the lake has none of this hash that can be used."""
    rows = lake.read(TOKENIZERS, ["tokenizer_json"], pc.field("tokenizer_sha256") == sha256).to_pylist()
    try:
        return load(rows[0]["tokenizer_json"]) if rows else None
    except TokenizerError:
        return None
