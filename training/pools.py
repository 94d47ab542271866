"""Sequences of a few row groups as one flat run of tokens, and the windows that are cut from it.

A window holds `context` targets; the input at each place is the token before it, and at the start of a sequence and of a document the
end-of-document token, so every token of a sequence is a target exactly once, and the last window of a sequence is padded. (The token before
a document is an end token anyway, but where sequences are joined and the one before holds the first part of a document that was cut.)

The document of a place is that of its target. The input there is then the end token, or a token of the same document: a model that sees
its own document alone sees nothing of the neighbours.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from udfs.manifest import ShardError

IGNORED = -100  # a target that torch's cross entropy leaves out
KINDS = ("file", "repository", "commit", "page", "other")
UNKNOWN_LANGUAGE = "unknown"


@dataclass(frozen=True)
class Windows:
    """All [windows, context]. `inputs` and `targets`: int64, padding has the target `IGNORED`. `documents` (int32) are numbers that
    differ between the documents of a window, -1 for padding. `kinds` (int8) are places in `KINDS`.
    """

    inputs: np.ndarray
    targets: np.ndarray
    documents: np.ndarray
    kinds: np.ndarray

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, rows: slice) -> "Windows":
        return Windows(self.inputs[rows], self.targets[rows], self.documents[rows], self.kinds[rows])


def stacked(parts: Sequence[Windows]) -> Windows:
    if len(parts) == 1:
        return parts[0]
    names = ("inputs", "targets", "documents", "kinds")
    return Windows(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True)
class Pool:
    """`documents[i]` is the document of token i; `kinds`, `languages` and `candidates` have an entry for each document.

    Window w is `tokens[starts[w]:starts[w] + lengths[w]]`; `is_first[w]` says that a sequence begins there.
    """

    tokens: np.ndarray
    documents: np.ndarray
    kinds: np.ndarray
    languages: np.ndarray
    candidates: pa.Array
    starts: np.ndarray
    lengths: np.ndarray
    is_first: np.ndarray

    def windows(self, chosen: np.ndarray, context: int, end_id: int) -> Windows:
        shape = (len(chosen), context)
        inputs, targets = np.full(shape, end_id, dtype=np.int64), np.full(shape, IGNORED, dtype=np.int64)
        documents, kinds = np.full(shape, -1, dtype=np.int32), np.zeros(shape, dtype=np.int8)
        for row, window in enumerate(chosen):
            start, length = int(self.starts[window]), int(self.lengths[window])
            first = int(self.is_first[window])
            inputs[row, first:length] = self.tokens[start - 1 + first : start - 1 + length]
            targets[row, :length] = self.tokens[start : start + length]
            documents[row, :length] = self.documents[start : start + length]
            before = self.documents[start - 1 + first : start - 1 + length]
            inputs[row, first:length][before != documents[row, first:length]] = end_id
        is_token = documents >= 0
        kinds[is_token] = self.kinds[documents[is_token]]
        return Windows(inputs, targets, documents, kinds)

    def of_documents(self, is_chosen: np.ndarray, context: int) -> "Pool":
        """The documents that are chosen (bool, an entry for each), one after another."""
        is_taken = is_chosen[self.documents]
        tokens, places = self.tokens[is_taken], (np.cumsum(is_chosen) - 1).astype(np.int32)
        labels = (self.kinds[is_chosen], self.languages[is_chosen], self.candidates.filter(pa.array(is_chosen)))
        return Pool(tokens, places[self.documents[is_taken]], *labels, *_cut(np.array([len(tokens)]), context))


def one_pool(parts: Sequence[Pool], context: int) -> Pool:
    """All that the pools hold as one sequence, in their order. Where one ends and the next begins with the same candidate, it goes on."""
    documents, kinds, languages, candidates = (
        [np.zeros(0, np.int32)],
        [np.zeros(0, np.int8)],
        [np.zeros(0, object)],
        [pa.array([], pa.string())],
    )
    count, last = 0, None
    for part in (part for part in parts if len(part.kinds)):
        again = int(last == (part.kinds[0], part.candidates[0].as_py()))
        documents.append((part.documents + (count - again)).astype(np.int32))
        kinds.append(part.kinds[again:])
        languages.append(part.languages[again:])
        candidates.append(part.candidates.slice(again).cast(pa.string()))
        count, last = count + len(part.kinds) - again, (part.kinds[-1], part.candidates[-1].as_py())
    tokens = np.concatenate([np.zeros(0, np.int32), *(part.tokens for part in parts)])
    labels = (np.concatenate(kinds), np.concatenate(languages), pa.concat_arrays(candidates))
    return Pool(tokens, np.concatenate(documents), *labels, *_cut(np.array([len(tokens)]), context))


def pool_of(tables: Sequence[pa.Table], context: int, joined: int = 1, vocabulary_size: int | None = None) -> Pool:
    """The windows of these row groups (tokens, pieces), in order. `joined` neighbours in a row group count as one sequence.

    Raises `ShardError` where the pieces are not those of the tokens, or a token is beyond the vocabulary.
    """
    table = pa.concat_tables([table.select(["tokens", "pieces"]) for table in tables]).combine_chunks()
    tokens, counts = _flat(table.column("tokens"))
    pieces, piece_counts = _flat(table.column("pieces"))
    tokens = tokens.to_numpy(zero_copy_only=False)
    if vocabulary_size is not None and len(tokens) and (tokens.max() >= vocabulary_size or tokens.min() < 0):
        raise ShardError(
            f"a shard holds the token {tokens.max() if tokens.max() >= vocabulary_size else tokens.min()}; the manifest and its "
            f"tokenizer have {vocabulary_size}: they are of other shards. Export the shards again"
        )
    sizes = pieces.field("token_count").to_numpy(zero_copy_only=False)
    if not np.array_equal(_sums(sizes, piece_counts), counts):
        raise ShardError("a sequence has more or fewer tokens than its pieces say; export the shards again")
    lengths = np.concatenate([np.zeros(0, np.int64), *(_joined(part, joined) for part in np.split(counts, _bounds(tables)))])
    numbers, first_pieces = _documents(pieces)
    return Pool(tokens, np.repeat(numbers, sizes), *_labels(pieces, first_pieces), *_cut(lengths, context))


def _flat(column: pa.ChunkedArray) -> tuple[pa.Array, np.ndarray]:
    """All items of a column of lists, and how many each list has."""
    lists = column.chunk(0) if column.num_chunks else pa.array([], column.type)
    return lists.flatten(), pc.list_value_length(lists).to_numpy(zero_copy_only=False).astype(np.int64)


def _sums(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    before: np.ndarray = np.concatenate([[0], np.cumsum(values)])
    ends = np.cumsum(counts)
    sums: np.ndarray = before[ends] - before[ends - counts]
    return sums


def _bounds(tables: Sequence[pa.Table]) -> np.ndarray:
    bounds: np.ndarray = np.cumsum([table.num_rows for table in tables])[:-1]
    return bounds


def _joined(counts: np.ndarray, joined: int) -> np.ndarray:
    sums: np.ndarray = np.add.reduceat(counts, np.arange(0, len(counts), joined)) if len(counts) else counts
    return sums


def _documents(pieces: pa.StructArray) -> tuple[np.ndarray, np.ndarray]:
    """The document of each piece (int32), and the first piece of each document.

    A piece that goes on where the last one ended is of its document. A document that is repeated is another one.
    """
    offsets, sizes = (pieces.field(name).to_numpy(zero_copy_only=False) for name in ("token_offset", "token_count"))
    is_new = np.ones(len(pieces), dtype=bool)
    if len(pieces) > 1:
        same = np.asarray(offsets[1:] == offsets[:-1] + sizes[:-1]) & (offsets[1:] > 0)
        for name in ("kind", "candidate", "is_fim", "epoch"):
            if pieces.type.get_field_index(name) < 0:  # shards of older versions have neither of the last two
                continue
            column = pieces.field(name)
            same &= pc.equal(column[1:], column[:-1]).to_numpy(zero_copy_only=False)
        is_new[1:] = ~same
    return (np.cumsum(is_new) - 1).astype(np.int32), np.flatnonzero(is_new)


def _labels(pieces: pa.StructArray, first_pieces: np.ndarray) -> tuple[np.ndarray, np.ndarray, pa.Array]:
    """Of each document its kind, as a place in `KINDS`, its language, where the shards say it, and its candidate."""
    first = pieces.take(pa.array(first_pieces))
    kinds = pc.fill_null(pc.index_in(first.field("kind"), value_set=pa.array(KINDS)), KINDS.index("other"))
    has_languages = pieces.type.get_field_index("language") >= 0
    languages = pc.fill_null(first.field("language"), UNKNOWN_LANGUAGE) if has_languages else pa.repeat(UNKNOWN_LANGUAGE, len(first))
    return kinds.to_numpy(zero_copy_only=False).astype(np.int8), languages.to_numpy(zero_copy_only=False), first.field("candidate")


def _cut(lengths: np.ndarray, context: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windows of sequences of these lengths that follow each other: starts, lengths, and whether a sequence starts there."""
    rows = -(-lengths // context)
    before = np.repeat(np.cumsum(rows) - rows, rows)
    place = (np.arange(len(before)) - before) * context
    starts = np.repeat(np.cumsum(lengths) - lengths, rows) + place
    return starts, np.minimum(context, np.repeat(lengths, rows) - place), place == 0
