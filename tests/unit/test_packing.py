from collections.abc import Iterator
from itertools import chain, pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.mix import PIECE as DECLARED_PIECE
from schemas.mix import SEQUENCES
from tests.token_rows import listed, values
from udfs.packing import PACKED, PIECE, pack

TOKEN_BYTES = np.array([0, 1, 2, 3, 5, 8, 13, 4, 7, 6], dtype=np.int64)
DOCUMENTS = st.lists(st.lists(st.integers(0, 9), max_size=30), max_size=20)
WINDOWS = st.integers(1, 12)


def of_documents(rows: range) -> dict[str, pa.Array]:
    return {
        "is_fim": pa.array([row % 3 == 0 for row in rows], pa.bool_()),
        "epoch": pa.array([row % 2 for row in rows], pa.int32()),
        "text_hash": pa.array([f"hash-{row}" for row in rows], pa.string()),
        "language": pa.array([("C", "none")[row % 2] for row in rows], pa.string()),
    }


def rows(documents: list[list[int]], cuts: list[int]) -> Iterator[pa.RecordBatch]:
    """The documents as batches that end at `cuts`."""
    bounds = sorted({0, len(documents), *(cut % (len(documents) + 1) for cut in cuts)})
    for start, end in pairwise(bounds):
        columns = {
            "kind": pa.array(["file"] * (end - start), pa.string()),
            "candidate": pa.array([f"document-{row}" for row in range(start, end)], pa.string()),
            "token_offset": pa.array([0] * (end - start), pa.int64()),
            "tokens": values(documents[start:end]),
        } | of_documents(range(start, end))
        yield pa.RecordBatch.from_pydict(columns)


def packed(documents: list[list[int]], window: int, cuts: list[int]) -> list[dict[str, Any]]:
    batches = list(pack(rows(documents, cuts), window, TOKEN_BYTES))
    return listed(pa.Table.from_batches(batches, schema=PACKED))


def test_documents_run_into_each_other_and_pieces_say_where() -> None:
    sequences = packed([[1, 2, 9], [3, 9], [4, 5, 9]], 4, [])
    assert [sequence["tokens"] for sequence in sequences] == [[1, 2, 9, 3], [9, 4, 5, 9]]
    assert [[(p["candidate"], p["token_offset"], p["token_count"]) for p in sequence["pieces"]] for sequence in sequences] == [
        [("document-0", 0, 3), ("document-1", 0, 1)],
        [("document-1", 1, 1), ("document-2", 0, 3)],
    ]
    assert [sequence["text_bytes"] for sequence in sequences] == [1 + 2 + 6 + 3, 6 + 5 + 8 + 6]


@given(DOCUMENTS, WINDOWS, st.lists(st.integers(0, 100), max_size=5))
def test_no_token_is_lost_or_doubled_and_their_order_is_kept(documents: list[list[int]], window: int, cuts: list[int]) -> None:
    sequences = packed(documents, window, cuts)
    assert [token for sequence in sequences for token in sequence["tokens"]] == list(chain(*documents))


@given(DOCUMENTS, WINDOWS, st.lists(st.integers(0, 100), max_size=5))
def test_sequences_are_numbered_and_all_but_the_last_fill_the_window(documents: list[list[int]], window: int, cuts: list[int]) -> None:
    sequences = packed(documents, window, cuts)
    lengths = [len(sequence["tokens"]) for sequence in sequences]
    assert [sequence["position"] for sequence in sequences] == list(range(len(sequences)))
    assert all(length == window for length in lengths[:-1])
    assert all(0 < length <= window for length in lengths[-1:])


@given(DOCUMENTS, WINDOWS, st.lists(st.integers(0, 100), max_size=5))
def test_the_pieces_of_a_document_join_to_the_document(documents: list[list[int]], window: int, cuts: list[int]) -> None:
    joined: dict[str, list[int]] = {}
    for sequence in packed(documents, window, cuts):
        start = 0
        for piece in sequence["pieces"]:
            tokens = joined.setdefault(piece["candidate"], [])
            assert piece["token_offset"] == len(tokens)
            tokens += sequence["tokens"][start : start + piece["token_count"]]
            start += piece["token_count"]
        assert start == len(sequence["tokens"])
    assert joined == {f"document-{row}": tokens for row, tokens in enumerate(documents) if tokens}


@given(DOCUMENTS, WINDOWS, st.lists(st.integers(0, 100), max_size=5))
def test_text_bytes_of_pieces_and_sequences_are_those_of_their_tokens(documents: list[list[int]], window: int, cuts: list[int]) -> None:
    for sequence in packed(documents, window, cuts):
        start = 0
        for piece in sequence["pieces"]:
            tokens = sequence["tokens"][start : start + piece["token_count"]]
            assert piece["text_bytes"] == sum(int(TOKEN_BYTES[token]) for token in tokens)
            start += piece["token_count"]
        assert sequence["text_bytes"] == sum(piece["text_bytes"] for piece in sequence["pieces"])


@given(DOCUMENTS, WINDOWS, st.lists(st.integers(0, 100), max_size=5))
def test_how_the_stream_is_cut_into_batches_changes_nothing(documents: list[list[int]], window: int, cuts: list[int]) -> None:
    assert packed(documents, window, cuts) == packed(documents, window, [])


@given(DOCUMENTS, WINDOWS, st.lists(st.integers(0, 100), max_size=5), st.integers(1, 7))
def test_how_documents_are_cut_into_runs_changes_nothing(documents: list[list[int]], window: int, cuts: list[int], longest: int) -> None:
    runs = [
        {
            "kind": "file",
            "candidate": f"document-{row}",
            "token_offset": start,
            "tokens": np.array(tokens[start : start + longest], "<u2").tobytes(),
            "is_fim": row % 3 == 0,
            "epoch": row % 2,
            "text_hash": f"hash-{row}",
            "language": ("C", "none")[row % 2],
        }
        for row, tokens in enumerate(documents)
        for start in range(0, len(tokens), longest)
    ]
    whole = next(rows([[]], [])).schema
    bounds = sorted({0, len(runs), *(cut % (len(runs) + 1) for cut in cuts)})
    batches = (pa.RecordBatch.from_pylist(runs[start:end], schema=whole) for start, end in pairwise(bounds))
    found = listed(pa.Table.from_batches(pack(batches, window, TOKEN_BYTES), schema=PACKED))
    assert found == packed(documents, window, [])


def test_memory_stays_at_one_batch() -> None:
    document = values([list(range(10)) * 1000])
    columns = {"kind": pa.array(["file"]), "candidate": pa.array(["a"]), "token_offset": pa.array([0]), "tokens": document}
    columns |= of_documents(range(1))
    batch = pa.RecordBatch.from_pydict(columns)
    baseline, most = pa.total_allocated_bytes(), 0
    for _ in pack((batch for _ in range(300)), 7, TOKEN_BYTES):
        most = max(most, pa.total_allocated_bytes() - baseline)
    assert most < 4_000_000


def test_columns_are_those_of_the_table_of_sequences() -> None:
    declared = {column.name: column.type for column in SEQUENCES.columns}
    assert {field.name: field.type for field in PACKED} == {name: declared[name] for name in PACKED.names}
    assert PIECE == DECLARED_PIECE


def test_null_tokens_are_refused() -> None:
    tokens = pa.array([None], pa.binary())
    batch = pa.RecordBatch.from_pydict(
        {"kind": ["file"], "candidate": ["a"], "token_offset": [0], "tokens": tokens} | of_documents(range(1))
    )
    with pytest.raises(ValueError, match="null tokens"):
        list(pack([batch], 4, TOKEN_BYTES))


def test_a_window_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="window is 0"):
        list(pack([], 0, TOKEN_BYTES))
