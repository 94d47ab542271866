from collections.abc import Iterator
from itertools import chain, pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.token_rows import listed
from udfs import best_fit
from udfs.best_fit import pack_best_fit
from udfs.packing import PACKED, pack

TOKEN_BYTES = np.array([0, 1, 2, 3, 5, 8, 13, 4, 7, 6], dtype=np.int64)
DOCUMENTS = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=30), max_size=20)
WINDOWS = st.integers(1, 12)
RUNS = st.integers(1, 40)
SCHEMA = pa.schema(
    [
        ("kind", pa.string()), ("candidate", pa.string()), ("token_offset", pa.int64()), ("tokens", pa.binary()),
        ("is_fim", pa.bool_()), ("epoch", pa.int32()), ("text_hash", pa.string()),
        ("language", pa.string()),
    ]
)  # fmt: skip


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(best_fit, "BLOCK_TOKENS", 60)


def rows(documents: list[list[int]], run: int, cuts: list[int]) -> Iterator[pa.RecordBatch]:
    """The documents in runs of at most `run` tokens, as batches that end at `cuts`."""
    found = [
        {"kind": "file", "candidate": f"{number}", "token_offset": start, "is_fim": number % 2 == 0,
         "tokens": np.array(tokens[start : start + run], "<u2").tobytes(), "epoch": 0,
         "text_hash": f"hash {number}", "language": f"l{number}"}
        for number, tokens in enumerate(documents)
        for start in range(0, len(tokens), run)
    ]  # fmt: skip
    bounds = sorted({0, len(found), *(cut % (len(found) + 1) for cut in cuts)})
    for start, end in pairwise(bounds):
        yield pa.RecordBatch.from_pylist(found[start:end], schema=SCHEMA)


def packed(documents: list[list[int]], window: int, run: int = 40, cuts: list[int] | None = None) -> list[dict[str, Any]]:
    batches = list(pack_best_fit(rows(documents, run, cuts or []), window, TOKEN_BYTES))
    return listed(pa.Table.from_batches(batches, schema=PACKED))


def pieces_of(sequences: list[dict[str, Any]]) -> dict[str, list[tuple[int, list[int]]]]:
    """By document: where in it each of its pieces starts, and the piece's tokens."""
    found: dict[str, list[tuple[int, list[int]]]] = {}
    for sequence in sequences:
        start = 0
        for piece in sequence["pieces"]:
            tokens = sequence["tokens"][start : start + piece["token_count"]]
            assert (
                piece["text_bytes"] == TOKEN_BYTES[tokens].sum()
                and piece["text_hash"] == f"hash {piece['candidate']}"
                and piece["language"] == f"l{piece['candidate']}"
            )
            found.setdefault(piece["candidate"], []).append((piece["token_offset"], tokens))
            start += piece["token_count"]
        assert start == len(sequence["tokens"])
        assert sequence["text_bytes"] == sum(piece["text_bytes"] for piece in sequence["pieces"])
    return found


def test_short_documents_fill_what_long_ones_leave() -> None:
    sequences = packed([[1, 2, 9], [3, 4, 5, 6, 7, 9], [8, 9], [1, 9]], 5)
    assert [sequence["tokens"] for sequence in sequences] == [[1, 2, 9, 8, 9], [3, 4, 5, 6, 7], [9, 1, 9]]


@given(DOCUMENTS, WINDOWS, RUNS)
def test_no_token_is_lost_or_doubled(documents: list[list[int]], window: int, run: int) -> None:
    found = pieces_of(packed(documents, window, run))
    assert {name: list(chain(*(tokens for _, tokens in sorted(parts)))) for name, parts in found.items()} == {
        f"{number}": tokens for number, tokens in enumerate(documents)
    }
    for parts in found.values():
        assert [offset for offset, _ in sorted(parts)] == [0, *np.cumsum([len(tokens) for _, tokens in sorted(parts)])[:-1]]


@given(DOCUMENTS, WINDOWS)
def test_a_document_is_cut_at_windows_and_only_where_it_is_longer_than_one(documents: list[list[int]], window: int) -> None:
    sequences = packed(documents, window)
    for name, parts in pieces_of(sequences).items():
        assert len(parts) == -(-len(documents[int(name)]) // window)
        assert all(offset % window == 0 for offset, _ in parts)
    assert [sequence["position"] for sequence in sequences] == list(range(len(sequences)))
    assert all(0 < len(sequence["tokens"]) <= window for sequence in sequences)


@given(DOCUMENTS, WINDOWS, RUNS, st.lists(st.integers(0, 100), max_size=5))
def test_how_documents_and_the_stream_are_cut_changes_nothing(documents: list[list[int]], window: int, run: int, cuts: list[int]) -> None:
    assert packed(documents, window, run, cuts) == packed(documents, window)


def oracle(sizes: list[int], window: int) -> list[list[int]]:
    """Best-fit decreasing by looking at every open sequence; of those with the same room the last that came to it."""
    found: list[list[int]] = []
    touched: list[int] = []
    for step, chunk in enumerate(sorted(range(len(sizes)), key=lambda chunk: (-sizes[chunk], chunk))):
        rooms = [window - sum(sizes[one] for one in held) for held in found]
        fitting = [(room, -touched[number], number) for number, room in enumerate(rooms) if room >= sizes[chunk]]
        if fitting:
            number = min(fitting)[2]
            found[number].append(chunk)
            touched[number] = step
        else:
            found.append([chunk])
            touched.append(step)
    return sorted(sorted(held) for held in found)


@given(st.lists(st.integers(1, 12), max_size=40))
def test_chunks_are_placed_as_a_search_of_all_sequences_places_them(sizes: list[int]) -> None:
    sequence = best_fit._sequences(np.array(sizes, dtype=np.int64), 12)
    held: dict[int, list[int]] = {}
    for chunk, number in enumerate(sequence.tolist()):
        held.setdefault(number, []).append(chunk)
    assert [held[number] for number in range(len(held))] == oracle(sizes, 12)


def test_fewer_documents_are_cut_than_by_concatenation_and_little_is_padded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(best_fit, "BLOCK_TOKENS", 4 << 20)
    lengths = np.minimum(np.random.default_rng(1).lognormal(6.5, 1.2, 3000).astype(int) + 1, 60_000)
    documents = [[1] * int(length) for length in lengths]
    best, concatenated = packed(documents, 8192, 60_000), list(pack(rows(documents, 60_000, []), 8192, TOKEN_BYTES))
    plain = [row for batch in concatenated for row in batch.to_pylist()]
    cut = [len({p["candidate"] for row in found for p in row["pieces"] if p["token_offset"]}) for found in (best, plain)]
    assert cut[0] == (lengths > 8192).sum() < cut[1] / 5
    assert 1 - lengths.sum() / (8192 * len(best)) < 0.005
