from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.errors import PlanError
from training.loader import Batches, Source, joined_sequences, pools, positions_of
from training.pools import IGNORED, KINDS, Windows, pool_of
from udfs.manifest import Manifest, ShardError, Split
from udfs.shards import ROW_GROUP_ROWS, write_shard

END = 0
# What the loader needs of a piece; shards have more.
PIECE = pa.struct(
    [
        *[pa.field(name, pa.string(), False) for name in ("kind", "candidate")],
        *[pa.field(name, pa.int64(), False) for name in ("token_offset", "token_count", "text_bytes")],
    ]
)
SCHEMA = pa.schema(
    [
        pa.field("sequence", pa.string(), False),
        pa.field("tokens", pa.list_(pa.int32()), False),
        pa.field("pieces", pa.list_(PIECE), False),
        pa.field("text_bytes", pa.int64(), False),
    ]
)
Piece = tuple[str, str, int, int]  # kind, candidate, token_offset, token_count


def table(rows: list[list[int]], pieces: list[list[Piece]] | None = None) -> pa.Table:
    """Sequences of these tokens; each is one document of its own unless `pieces` say more."""
    pieces = pieces or [[("file", f"d{n}", 0, len(tokens))] for n, tokens in enumerate(rows)]
    structs = [[dict(zip(PIECE.names, [*one, one[3]], strict=True)) for one in row] for row in pieces]
    return pa.Table.from_pylist(
        [
            {"sequence": f"m/train/0/{n}", "tokens": tokens, "pieces": structs[n], "text_bytes": len(tokens)}
            for n, tokens in enumerate(rows)
        ],
        SCHEMA,
    )


def all_windows(rows: list[list[int]], context: int, joined: int = 1, pieces: list[list[Piece]] | None = None) -> Windows:
    pool = pool_of([table(rows, pieces)], context, joined)
    return pool.windows(np.arange(len(pool.starts)), context, END)


def source_of(folder: Path, rows: list[list[int]], shards: int, context: int = 10, seed: int = 1) -> Source:
    """Shards of as many sequences each."""
    size = -(-len(rows) // shards)
    written = tuple(
        write_shard(str(folder), f"train-{n:05d}.parquet", table(rows[size * n : size * (n + 1)]).to_batches(), SCHEMA)
        for n in range(shards)
    )
    manifest = Manifest("demo", "p", max(map(len, rows)), 100_000, "<|endoftext|>", "t", {"train": Split(written, {})})
    return Source(str(folder), manifest, "train", context, END, seed)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """Two shards of 300 sequences each, every token different: six row groups, one stream."""
    return source_of(tmp_path_factory.mktemp("shards"), [list(range(10 * n + 1, 10 * n + 11)) for n in range(600)], 2)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """Forty shards of 20 sequences, every token different: forty row groups, dealt out to four streams of a step of eight windows."""
    return source_of(tmp_path_factory.mktemp("many"), [list(range(5 * n + 1, 5 * n + 6)) for n in range(800)], 40, context=5)


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=20), max_size=6), st.integers(1, 8), st.integers(1, 4))
def test_every_token_is_a_target_once_and_its_input_is_the_token_before_it_in_its_document(
    rows: list[list[int]], context: int, joined: int
) -> None:
    windows = all_windows(rows, context, joined)
    pairs = [(before, target) for before, target in zip(windows.inputs.flat, windows.targets.flat, strict=True) if target != IGNORED]
    sequences = [[token for row in rows[start : start + joined] for token in row] for start in range(0, len(rows), joined)]
    assert pairs == [pair for tokens in rows for pair in zip([END, *tokens[:-1]], tokens, strict=True)]
    assert windows.inputs.shape == windows.targets.shape == (sum(-(-len(tokens) // context) for tokens in sequences), context)
    assert ((windows.documents == -1) == (windows.targets == IGNORED)).all()


def test_each_target_has_the_document_and_kind_of_its_piece() -> None:
    pieces: list[list[Piece]] = [[("file", "a", 0, 3), ("commit", "b", 0, 2)], [("commit", "b", 2, 1), ("tale", "c", 0, 2)]]
    windows = all_windows([[1, 2, 9, 3, 4], [9, 5, 9]], 4, pieces=pieces)
    assert windows.documents.tolist() == [[0, 0, 0, 1], [1, -1, -1, -1], [1, 2, 2, -1]]
    kinds = np.array(KINDS)[windows.kinds]
    assert kinds[windows.documents == 0].tolist() == ["file"] * 3
    assert kinds[windows.documents == 1].tolist() == ["commit"] * 3
    assert kinds[windows.documents == 2].tolist() == ["other"] * 2


def test_joined_neighbours_make_one_document_of_two_parts_of_it_and_only_of_them() -> None:
    pieces: list[list[Piece]] = [[("file", "a", 0, 2)], [("file", "a", 2, 2)], [("file", "a", 0, 2)], [("file", "b", 2, 2)]]
    rows = [[1, 2], [3, 9], [1, 2], [4, 9]]
    windows = all_windows(rows, 8, joined=4, pieces=pieces)
    assert windows.documents.tolist() == [[0, 0, 0, 0, 1, 1, 2, 2]]
    assert windows.inputs.tolist() == [[END, 1, 2, 3, END, 1, END, 4]]
    assert all_windows(rows, 4, joined=2, pieces=pieces).targets.tolist() == [[1, 2, 3, 9], [1, 2, 4, 9]]


def test_a_document_after_the_first_part_of_another_one_sees_nothing_of_it() -> None:
    """As best-fit packing leaves them: a full window of a document that is cut, then sequences of others, and joined by the trainer."""
    pieces: list[list[Piece]] = [[("file", "long", 0, 3)], [("file", "b", 0, 2), ("file", "long", 3, 1)]]
    rows = [[1, 2, 3], [4, END, 5]]
    windows = all_windows(rows, 6, joined=2, pieces=pieces)
    assert windows.documents.tolist() == [[0, 0, 0, 1, 1, 2]]
    assert windows.inputs.tolist() == [[END, 1, 2, END, 4, END]]
    (one, other) = all_windows(rows, 3, joined=2, pieces=pieces).inputs.tolist()
    assert (one, other) == ([END, 1, 2], [END, 4, END])


def test_parts_of_a_document_that_do_not_follow_each_other_are_kept_apart() -> None:
    pieces: list[list[Piece]] = [[("file", "a", 0, 2), ("file", "a", 4, 2)]]
    assert pool_of([table([[1, 2, 5, 9]], pieces)], 4).documents.tolist() == [0, 0, 1, 1]


def test_a_document_that_is_repeated_right_after_itself_is_another_one() -> None:
    rows = [{"kind": "file", "candidate": "a", "token_offset": at, "token_count": 2, "epoch": epoch} for epoch, at in ((0, 0), (1, 2))]
    repeated = pa.table({"tokens": [[1, 2, 1, 2]], "pieces": [rows]})
    assert pool_of([repeated], 4).documents.tolist() == [0, 0, 1, 1]


def test_neighbours_are_not_joined_across_row_groups() -> None:
    pool = pool_of([table([[1], [2], [3]]), table([[4], [5]])], 2, joined=2)
    assert pool.windows(np.arange(len(pool.starts)), 2, END).targets.tolist() == [[1, 2], [3, IGNORED], [4, 5]]


def test_pieces_that_do_not_add_up_and_tokens_beyond_the_vocabulary_are_refused() -> None:
    with pytest.raises(ShardError, match="more or fewer tokens than its pieces"):
        pool_of([table([[1, 2, 3]], [[("file", "a", 0, 2)]])], 4)
    with pytest.raises(ShardError, match=r"token 7;.* have 7"):
        pool_of([table([[1, 7]])], 4, vocabulary_size=7)


def test_an_epoch_sees_every_token_once_in_an_order_of_its_own(source: Source) -> None:
    batches = Batches(source, 60)
    first = np.concatenate([batch.targets for batch in islice(batches, 10)])
    second = np.concatenate([batch.targets for batch in islice(batches, 10)])
    assert Counter(first.flat) == Counter(second.flat) == Counter(range(1, 6001))
    assert first[:, 0].tolist() != sorted(first[:, 0])
    assert first[:, 0].tolist() != second[:, 0].tolist()


def test_an_epoch_of_several_streams_sees_every_token_once(many: Source) -> None:
    seen = np.concatenate([batch.targets for batch in islice(Batches(many, 8), 100)])
    assert Counter(seen.flat) == Counter(range(1, 4001))


def test_an_epoch_read_in_several_pools_sees_every_token_once(many: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    """As large shards are: a pool holds three of a stream's ten row groups."""
    monkeypatch.setattr("training.loader._POOL_TOKENS", 3 * 4 * ROW_GROUP_ROWS * 5)
    seen = np.concatenate([batch.targets for batch in islice(Batches(many, 8), 100)])
    assert Counter(seen.flat) == Counter(range(1, 4001))


def test_the_order_depends_on_the_seed_alone(source: Source) -> None:
    def order(seed: int) -> list[int]:
        return next(Batches(Source(**{**vars(source), "seed": seed}), 50)).targets[:, 0].tolist()

    np.random.seed(5)
    assert order(1) == order(1) != order(2)


@pytest.mark.parametrize("processes", [1, 2, 4, 8])
def test_processes_share_a_step_without_seeing_a_window_twice(many: Source, processes: int) -> None:
    shares = [Batches(many, 8, rank, processes) for rank in range(processes)]
    for whole in islice(Batches(many, 8), 40):
        parts = [next(share) for share in shares]
        assert [len(part) for part in parts] == [8 // processes] * processes
        assert np.concatenate([part.targets for part in parts]).tolist() == whole.targets.tolist()


def test_a_process_reads_no_stream_that_is_not_its_own(many: Source) -> None:
    assert [set(Batches(many, 8, rank, 2).positions()) for rank in range(2)] == [{0, 1}, {2, 3}]


def test_a_step_that_does_not_divide_among_the_processes_is_refused(many: Source) -> None:
    with pytest.raises(PlanError, match="8 windows does not divide among 3 processes"):
        Batches(many, 8, 0, 3)


@pytest.mark.parametrize("steps", [0, 1, 7, 130])
@pytest.mark.parametrize("processes", [1, 2])
def test_saved_positions_go_on_at_the_exact_window_with_any_number_of_processes(many: Source, steps: int, processes: int) -> None:
    before = [Batches(many, 8, rank, 2) for rank in range(2)]
    for batches in before:
        for _ in range(steps):
            next(batches)
    saved = positions_of({f"{number}": at for batches in before for number, at in batches.positions().items()})
    later = [Batches(many, 8, rank, processes, saved) for rank in range(processes)]
    for expected in islice(Batches(many, 8), steps, steps + 3):
        found = np.concatenate([next(share).targets for share in later])
        assert found.tolist() == expected.targets.tolist()


def test_windows_of_all_row_groups_come_once_each(source: Source) -> None:
    parts = list(pools(source))
    assert [len(pool.starts) for pool in parts].count(ROW_GROUP_ROWS) == 4
    assert sorted(token for pool in parts for token in pool.tokens.tolist()) == list(range(1, 6001))


def test_the_first_windows_come_from_all_row_groups_that_fit_the_pool(tmp_path: Path) -> None:
    row_groups = 20
    source = source_of(tmp_path, [[1 + n // ROW_GROUP_ROWS] for n in range(row_groups * ROW_GROUP_ROWS)], 1, context=1)
    first = next(Batches(source, 20 * row_groups))
    assert set(first.targets.flat) == set(range(1, row_groups + 1))


def test_a_window_longer_than_the_sequences_says_what_to_do(source: Source) -> None:
    assert joined_sequences(source.manifest, 10, False, "continued") == 1
    assert joined_sequences(source.manifest, 25, True, "continued") == 3
    with pytest.raises(PlanError, match=r"continued.window is 11 tokens; the longest sequence .* has 10.*joins_sequences"):
        joined_sequences(source.manifest, 11, False, "continued")


def test_a_shard_that_is_gone_is_a_clear_error(tmp_path: Path) -> None:
    source = source_of(tmp_path, [[1, 2]], 1)
    (tmp_path / "train-00000.parquet").unlink()
    with pytest.raises(ShardError, match=r"train-00000\.parquet .* cannot be read"):
        next(Batches(source, 1))
