from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.loader import IGNORED, sequences, training_batches, windows_of
from udfs.manifest import Manifest, Split
from udfs.packing import PIECE
from udfs.shards import ROW_GROUP_ROWS, write_shard

END = 0
SCHEMA = pa.schema(
    [
        pa.field("sequence", pa.string(), False),
        pa.field("tokens", pa.list_(pa.int32()), False),
        pa.field("pieces", pa.list_(PIECE), False),
        pa.field("text_bytes", pa.int64(), False),
    ]
)


def table(rows: list[list[int]]) -> pa.Table:
    return pa.Table.from_pylist(
        [{"sequence": f"m/train/0/{n}", "tokens": tokens, "pieces": [], "text_bytes": len(tokens)} for n, tokens in enumerate(rows)], SCHEMA
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Manifest]:
    """Two shards of 300 sequences each, every token different."""
    where = str(tmp_path_factory.mktemp("shards"))
    rows = [list(range(10 * n + 1, 10 * n + 11)) for n in range(600)]
    shards = tuple(
        write_shard(where, f"train-0000{n}.parquet", table(rows[300 * n : 300 * (n + 1)]).to_batches(), SCHEMA) for n in range(2)
    )
    return where, Manifest("demo", "p", 10, 10_000, "<|endoftext|>", "t", {"train": Split(shards, {})})


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=20), max_size=6), st.integers(1, 8))
def test_every_token_is_a_target_once_and_its_input_is_the_token_before_it(rows: list[list[int]], context: int) -> None:
    windows = windows_of(table(rows), context, END)
    pairs = [(before, target) for before, target in zip(windows.inputs.flat, windows.targets.flat, strict=True) if target != IGNORED]
    assert pairs == [pair for tokens in rows for pair in zip([END, *tokens[:-1]], tokens, strict=True)]
    assert windows.inputs.shape == windows.targets.shape == (sum(-(-len(tokens) // context) for tokens in rows), context)


def test_an_epoch_sees_every_token_once_in_an_order_of_its_own(folder: tuple[str, Manifest]) -> None:
    batches = training_batches(*folder, context=10, batch_size=60, end_id=END, seed=1)
    first = np.concatenate([batch.targets for batch in islice(batches, 10)])
    second = np.concatenate([batch.targets for batch in islice(batches, 10)])
    assert Counter(first.flat) == Counter(second.flat) == Counter(range(1, 6001))
    assert first[:, 0].tolist() != sorted(first[:, 0])
    assert first[:, 0].tolist() != second[:, 0].tolist()


def test_the_order_depends_on_the_seed_alone(folder: tuple[str, Manifest]) -> None:
    def order(seed: int) -> list[int]:
        return next(training_batches(*folder, context=10, batch_size=50, end_id=END, seed=seed)).targets[:, 0].tolist()

    np.random.seed(5)
    assert order(1) == order(1) != order(2)


@pytest.mark.parametrize("steps", [1, 7, 25])
def test_a_later_first_step_skips_exactly_what_earlier_steps_saw(folder: tuple[str, Manifest], steps: int) -> None:
    whole = islice(training_batches(*folder, context=4, batch_size=90, end_id=END, seed=1), steps, steps + 3)
    later = training_batches(*folder, context=4, batch_size=90, end_id=END, seed=1, first_step=steps)
    for expected, found in zip(whole, later, strict=False):
        assert (expected.targets == found.targets).all() and (expected.inputs == found.inputs).all()


def test_sequences_of_all_row_groups_come_once_each(folder: tuple[str, Manifest]) -> None:
    tables = list(sequences(*folder, "train", "any"))
    assert [part.num_rows for part in tables].count(128) == 4
    assert sorted(token for part in tables for row in part.column("tokens").to_pylist() for token in row) == list(range(1, 6001))


def test_the_first_windows_come_from_all_row_groups_that_fit_the_pool(tmp_path: Path) -> None:
    row_groups = 20
    rows = [[1 + n // ROW_GROUP_ROWS] for n in range(row_groups * ROW_GROUP_ROWS)]
    shard = write_shard(str(tmp_path), "train-00000.parquet", table(rows).to_batches(), SCHEMA)
    manifest = Manifest("demo", "p", 10, 100, "<|endoftext|>", "t", {"train": Split((shard,), {})})
    first = next(training_batches(str(tmp_path), manifest, context=1, batch_size=20 * row_groups, end_id=END, seed=1))
    assert set(first.targets.flat) == set(range(1, row_groups + 1))
