"""Documents in, sequences of one length out, no token lost: plain concatenation inside a fixed group of documents.

With a window of 4, the documents a = 1 2 9, b = 3 9 and c = 4 5 9 (9 ends a document) become

    tokens     1 2 9 3        9 4 5 9
    pieces     a[0:3] b[0:1]  b[1:2] c[0:3]

The result depends on the order of the documents and on the window, not on how the stream is cut into batches or documents into runs.
Only the last sequence of a group is shorter than the window. Memory: one batch and one window.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from udfs.token_kernels import run_bytes
from udfs.token_values import as_binary, counts_of, flat_ids, token_type

PIECE = pa.struct(
    [
        pa.field("kind", pa.string(), False),
        pa.field("candidate", pa.string(), False),
        pa.field("token_offset", pa.int64(), False),
        pa.field("token_count", pa.int64(), False),
        pa.field("text_bytes", pa.int64(), False),
        pa.field("is_fim", pa.bool_(), False),
        pa.field("epoch", pa.int32(), False),
        pa.field("text_hash", pa.string(), False),
        pa.field("language", pa.string(), False),
    ]
)
# What tells one document from another, and is the same in all its pieces.
DOCUMENT = ("kind", "candidate", "is_fim", "epoch", "text_hash", "language")
# `position` counts the sequences of a group from 0. The columns are those of the table of sequences that packing can know.
PACKED = pa.schema(
    [
        pa.field("position", pa.int32(), False),
        pa.field("tokens", pa.binary(), False),
        pa.field("token_width_bytes", pa.int32(), False),
        pa.field("pieces", pa.list_(PIECE), False),
        pa.field("text_bytes", pa.int64(), False),
    ]
)


Packer = Callable[[Iterable[pa.RecordBatch], int, np.ndarray], Iterator[pa.RecordBatch]]


@dataclass(frozen=True)
class Stream:
    """A stretch of tokens and the documents in it. `starts[i]` is where document i starts, negative where it started in an earlier batch.

    A document that came in several runs stands here as often, with the same start.
    """

    tokens: np.ndarray
    starts: np.ndarray
    documents: pa.RecordBatch  # columns of DOCUMENT

    @classmethod
    def of(cls, batch: pa.RecordBatch, kind: np.dtype) -> "Stream":
        """Of rows whose tokens are binary values of this type."""
        tokens = flat_ids(batch.column("tokens"), kind)
        counts = counts_of(batch.column("tokens"), kind)
        starts = np.cumsum(counts) - counts - np.asarray(batch.column("token_offset"))
        return cls(tokens, starts, batch.select(list(DOCUMENT)))

    def followed_by(self, other: "Stream") -> "Stream":
        return Stream(
            np.concatenate([self.tokens, other.tokens]),
            np.concatenate([self.starts, other.starts + len(self.tokens)]),
            pa.concat_batches([self.documents, other.documents]),
        )

    def before(self, cut: int) -> "Stream":
        """The first `cut` tokens; a document ends there."""
        rows = int(np.searchsorted(self.starts, cut))
        return Stream(self.tokens[:cut], self.starts[:rows], self.documents.slice(0, rows))

    def after(self, cut: int) -> "Stream":
        """What follows the first `cut` tokens. Copies, so that the rest does not keep its batch alive."""
        first = int(np.searchsorted(self.starts, cut, side="right")) - 1 if len(self.tokens) > cut else len(self.starts)
        kept = pa.array(np.arange(first, len(self.starts)))
        return Stream(self.tokens[cut:].copy(), self.starts[first:] - cut, self.documents.take(kept))


def pack(batches: Iterable[pa.RecordBatch], window: int, token_bytes: np.ndarray) -> Iterator[pa.RecordBatch]:
    """Packs one group: rows (the columns of DOCUMENT, token_offset, tokens) in their final order in, rows of `PACKED` out.

    A row is a whole document (`token_offset` 0) or a run of one, whose runs follow each other without gap. The tokens of a document
    include its end token; a document without tokens leaves no piece. `token_bytes[id]` is the number of UTF-8 bytes that a token stands
    for, and by its length the type of the ids is told (`udfs.token_values`).
    """
    if window < 1:
        raise ValueError(f"the window is {window} tokens; at least 1 is needed")
    rest: Stream | None = None
    position, kind = 0, token_type(len(token_bytes))
    for batch in batches:
        stream = Stream.of(batch, kind) if rest is None else rest.followed_by(Stream.of(batch, kind))
        sequences = len(stream.tokens) // window
        if sequences:
            yield _packed(stream, np.arange(sequences + 1) * window, position, token_bytes)
            position += sequences
        rest = stream.after(sequences * window)
    if rest is not None and len(rest.tokens):
        yield _packed(rest, np.array([0, len(rest.tokens)]), position, token_bytes)


def _packed(stream: Stream, bounds: np.ndarray, position: int, token_bytes: np.ndarray) -> pa.RecordBatch:
    """The tokens up to `bounds[-1]` as sequences: sequence i is `tokens[bounds[i]:bounds[i + 1]]`."""
    end = int(bounds[-1])
    starts = np.unique(np.concatenate([bounds[:-1], stream.starts[(stream.starts > 0) & (stream.starts < end)]]))
    document = np.searchsorted(stream.starts, starts, side="right") - 1
    pieces = Pieces(stream.documents.take(pa.array(document)), starts - stream.starts[document], np.append(starts, end))
    return sequences_of(stream.tokens[:end], pieces, bounds, position, token_bytes)


@dataclass(frozen=True)
class Pieces:
    """Pieces that follow each other: piece i is `tokens[bounds[i]:bounds[i + 1]]`, and starts at `offsets[i]` of row i of `documents`."""

    documents: pa.RecordBatch
    offsets: np.ndarray
    bounds: np.ndarray


def sequences_of(tokens: np.ndarray, pieces: Pieces, bounds: np.ndarray, position: int, token_bytes: np.ndarray) -> pa.RecordBatch:
    """Rows of `PACKED`: sequence i is `tokens[bounds[i]:bounds[i + 1]]`; the first begins at 0, and no piece lies in two."""
    starts, ends = pieces.bounds[:-1], pieces.bounds[1:]
    sizes, first = run_bytes(tokens, pieces.bounds, token_bytes), np.searchsorted(starts, bounds)
    columns = {name: pieces.documents.column(name) for name in DOCUMENT} | {
        "token_offset": pa.array(pieces.offsets),
        "token_count": pa.array(ends - starts),
        "text_bytes": pa.array(sizes),
    }
    rows = pa.StructArray.from_arrays([columns[field.name] for field in PIECE], fields=list(PIECE))
    return pa.RecordBatch.from_arrays(
        [
            pa.array(np.arange(position, position + len(bounds) - 1, dtype=np.int32)),
            as_binary(tokens, bounds),
            pa.array(np.full(len(bounds) - 1, tokens.itemsize, np.int32)),
            pa.ListArray.from_arrays(pa.array(first, pa.int32()), rows, type=PACKED.field("pieces").type),
            pa.array(np.add.reduceat(sizes, first[:-1])),
        ],
        schema=PACKED,
    )
