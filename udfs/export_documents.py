"""Documents in a stream of packed sequences: where they start, how long they are, whether they are whole.

Rows are those of a shard (`sequence`, `tokens`, `pieces`, `text_bytes`). Pieces that continue each other, over the ends of sequences too,
are one document; a piece that continues nothing starts one. Sequences that were packed by plain concatenation so give back every document
whole. Where packing cut a document and put its parts elsewhere, each part stands for itself and is counted as cut.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from udfs.manifest import ShardError


@dataclass(frozen=True)
class Rows:
    """A batch of sequences. `tokens` are those of all rows, flat (int32); `ended` has the lengths of the documents that ended in them.

    The document that is open at the end of the batch is not among them.
    """

    batch: pa.RecordBatch
    tokens: np.ndarray
    ended: np.ndarray


class DocumentStream:
    """Reads batches once and counts what passes: `rows`, `tokens`, `documents`, and of these `cut`. `open_tokens` is the last one's length.

    Counts are whole when the stream has ended. A document is cut unless it is read from its first token to its end token.
    """

    def __init__(self, batches: Iterable[pa.RecordBatch], end_id: int, vocabulary_size: int) -> None:
        self._batches, self._end_id, self._vocabulary_size = batches, end_id, vocabulary_size
        self._places = PiecePlaces()
        self._is_cut, self._last_token = False, end_id
        self.rows = self.tokens = self.documents = self.cut = self.open_tokens = 0

    def __iter__(self) -> Iterator[Rows]:
        for batch in self._batches:
            if batch.num_rows:
                tokens = checked_tokens(batch, self._vocabulary_size)
                yield Rows(batch, tokens, self._ended(batch, tokens))
        self.cut += self.documents > 0 and (self._is_cut or self._last_token != self._end_id)

    def _ended(self, batch: pa.RecordBatch, tokens: np.ndarray) -> np.ndarray:
        pieces = batch.column("pieces").flatten()
        counts = np.asarray(pieces.field("token_count"))
        is_start = self._places.starts(pieces)
        starts = (np.cumsum(counts) - counts)[is_start]
        lengths = np.diff(np.concatenate([[-self.open_tokens], starts, [len(tokens)]]))
        last_tokens = np.append(self._last_token, tokens)[starts]
        starts_late = np.append(self._is_cut, np.asarray(pieces.field("token_offset"))[is_start] > 0)
        has_open = self.documents > 0
        is_cut = starts_late[:-1] | (last_tokens != self._end_id)
        self.cut += int(is_cut[0 if has_open else 1 :].sum())
        self.rows += batch.num_rows
        self.tokens += len(tokens)
        self.documents += len(starts)
        self.open_tokens, self._is_cut, self._last_token = int(lengths[-1]), bool(starts_late[-1]), int(tokens[-1])
        return lengths[:-1] if has_open else lengths[1:-1]


class PiecePlaces:
    """Says of pieces, batch after batch, which of them start a document."""

    def __init__(self) -> None:
        self._last: tuple[str, str, int] | None = None  # kind, candidate, and the offset at which its next piece would start

    def starts(self, pieces: pa.StructArray) -> np.ndarray:
        """A mask. The first piece of all starts a document, wherever in it it starts."""
        kinds, candidates = pieces.field("kind"), pieces.field("candidate")
        offsets, counts = np.asarray(pieces.field("token_offset")), np.asarray(pieces.field("token_count"))
        is_start = np.ones(len(pieces), bool)
        if not len(pieces):
            return is_start
        is_same = pc.and_(pc.equal(kinds[1:], kinds[:-1]), pc.equal(candidates[1:], candidates[:-1])).to_numpy(zero_copy_only=False)
        is_start[1:] = ~(is_same & (offsets[1:] == offsets[:-1] + counts[:-1]))
        is_start[0] = self._last != (kinds[0].as_py(), candidates[0].as_py(), int(offsets[0]))
        self._last = (kinds[-1].as_py(), candidates[-1].as_py(), int(offsets[-1] + counts[-1]))
        return is_start


def checked_tokens(batch: pa.RecordBatch, vocabulary_size: int) -> np.ndarray:
    """The tokens of all rows, flat. Raises `ShardError` for an id that the tokenizer does not have, and where pieces do not add up."""
    lists, pieces = batch.column("tokens"), batch.column("pieces")
    tokens: np.ndarray = lists.flatten().to_numpy(zero_copy_only=False)
    name = batch.column("sequence")[0].as_py()
    if lists.null_count or pieces.null_count or lists.flatten().null_count:
        raise ShardError(f"the shard has nulls among the tokens or pieces of the {batch.num_rows} sequences from {name} on")
    if len(tokens) and (tokens.min() < 0 or tokens.max() >= vocabulary_size):
        raise ShardError(
            f"the sequences from {name} on hold ids from {tokens.min()} to {tokens.max()}; the tokenizer has {vocabulary_size}, from 0"
        )
    parents = np.asarray(pc.list_parent_indices(pieces))
    counts = np.bincount(parents, np.asarray(pieces.flatten().field("token_count")), batch.num_rows).astype(np.int64)
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    wrong = np.flatnonzero((counts != lengths) | (lengths == 0))
    if len(wrong):
        row = int(wrong[0])
        name = batch.column("sequence")[row].as_py()
        raise ShardError(f"sequence {name} has {lengths[row]} tokens; its pieces have {counts[row]}, and at least one was expected")
    return tokens
