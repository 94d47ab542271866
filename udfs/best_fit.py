"""Best-fit packing: a document that fits the window is not cut, at the price of some padding.

Documents longer than the window are cut at multiples of it; full windows stand alone, and what is left of a document is placed like one
that fits. Longest first, each goes to the sequence whose free room it fills best (best-fit decreasing). This is done for a block of
documents at a time: blocks are cut by the order of the group alone, so the result does not depend on batches, and memory holds one block.
Sequences come in the order of their earliest document, and hold their documents in the order of the group.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from udfs.packing import Pieces, Stream, sequences_of
from udfs.token_kernels import gathered
from udfs.token_values import token_type

BLOCK_TOKENS = 4 << 20  # 128 windows of 32,768; a block takes about 100 MB to place


def pack_best_fit(batches: Iterable[pa.RecordBatch], window: int, token_bytes: np.ndarray) -> Iterator[pa.RecordBatch]:
    """Packs one group, like `udfs.packing.pack`; all sequences may be shorter than the window."""
    if window < 1:
        raise ValueError(f"the window is {window} tokens; at least 1 is needed")
    position = 0
    for block in blocks(batches, max(BLOCK_TOKENS, 8 * window), token_type(len(token_bytes))):
        packed = _packed(block, window, position, token_bytes)
        position += packed.num_rows
        yield packed


def blocks(batches: Iterable[pa.RecordBatch], tokens: int, kind: np.dtype) -> Iterator[Stream]:
    """Whole documents, cut after the first with which a block has so many tokens."""
    rest: Stream | None = None
    for batch in batches:
        rest = Stream.of(batch, kind) if rest is None else rest.followed_by(Stream.of(batch, kind))
        while True:
            # The last document may go on in the next batch.
            ends = np.unique(rest.starts)[1:] if len(rest.starts) else rest.starts
            first = int(np.searchsorted(ends, tokens))
            if first == len(ends):
                break
            yield rest.before(int(ends[first]))
            rest = rest.after(int(ends[first]))
    if rest is not None and len(rest.tokens):
        yield rest


def _packed(block: Stream, window: int, position: int, token_bytes: np.ndarray) -> pa.RecordBatch:
    starts, rows = np.unique(block.starts, return_index=True)
    lengths = np.diff(np.append(starts, len(block.tokens)))
    # A chunk is what is placed as a whole: a window of a document, or its last tokens.
    chunks = -(-lengths // window)
    document = np.repeat(np.arange(len(starts)), chunks)
    offsets = (np.arange(len(document)) - np.repeat(np.cumsum(chunks) - chunks, chunks)) * window
    sizes = np.minimum(window, lengths[document] - offsets)
    sequence = _sequences(sizes, window)
    order = np.argsort(sequence, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(sizes[order])])
    tokens = gathered(block.tokens, (starts[document] + offsets)[order], bounds)
    pieces = Pieces(block.documents.take(pa.array(rows[document[order]])), offsets[order], bounds)
    first = np.searchsorted(sequence[order], np.arange(sequence.max() + 1 if len(sequence) else 0))
    return sequences_of(tokens, pieces, np.append(bounds[first], bounds[-1]), position, token_bytes)


def _sequences(sizes: np.ndarray, window: int) -> np.ndarray:
    """The sequence of each chunk, numbered by their first chunks."""
    sequence_of = np.full(len(sizes), -1, dtype=np.int64)
    open_by_room: dict[int, list[int]] = {}
    rooms: list[int] = []
    count = 0
    for chunk in np.argsort(-sizes, kind="stable").tolist():
        size = int(sizes[chunk])
        place = bisect_left(rooms, size)
        if place == len(rooms):
            number, room = count, window - size
            count += 1
        else:
            room = rooms[place]
            number = open_by_room[room].pop()
            if not open_by_room[room]:
                del rooms[place]
            room -= size
        sequence_of[chunk] = number
        if room:
            held = open_by_room.setdefault(room, [])
            if not held:
                insort(rooms, room)
            held.append(number)
    _, first, renamed = np.unique(sequence_of, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[renamed]
