from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pytest

from training.evaluate import HeldOut, held_out
from training.loader import IGNORED
from udfs.manifest import LanguageCounts, Manifest, Split
from udfs.packing import PIECE
from udfs.shards import ROW_GROUP_ROWS, write_shard

SEQUENCES, WINDOW = 1000, 10
TOKENS = SEQUENCES * WINDOW
SCHEMA = pa.schema(
    [
        pa.field("sequence", pa.string(), False),
        pa.field("tokens", pa.list_(pa.int32()), False),
        pa.field("pieces", pa.list_(PIECE), False),
        pa.field("text_bytes", pa.int64(), False),
    ]
)


@dataclass(frozen=True)
class Counting:
    """Stands for a tokenizer: token n stands for n % 5 bytes."""

    end_id: int = 0
    token_bytes: np.ndarray = field(default_factory=lambda: np.arange(TOKENS + 1) % 5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Manifest]:
    """One shard of 1,000 sequences in eight row groups, every token different: its place in the split, from 1."""
    where = str(tmp_path_factory.mktemp("shards"))
    tokens = np.arange(1, TOKENS + 1).reshape(SEQUENCES, WINDOW)
    rows = [
        {"sequence": f"m/held_out/0/{n}", "tokens": row.tolist(), "pieces": [], "text_bytes": int((row % 5).sum())}
        for n, row in enumerate(tokens)
    ]
    shard = write_shard(where, "held_out-00000.parquet", pa.Table.from_pylist(rows, SCHEMA).to_batches(), SCHEMA)
    split = Split((shard,), {"Python": LanguageCounts(1, shard.tokens, shard.text_bytes)})
    return where, Manifest("demo", "p", WINDOW, TOKENS + 1, "<|endoftext|>", "t", {"held_out": split})


def sample(folder: tuple[str, Manifest], tokens_asked: int, seed: str = "0") -> HeldOut:
    found = held_out(*folder, context=5, tokenizer=Counting(), tokens_asked=tokens_asked, seed=seed)  # type: ignore[arg-type]
    assert found is not None
    return found


def targets(found: HeldOut) -> list[int]:
    return sorted(found.windows.targets[found.windows.targets != IGNORED].tolist())


def test_every_part_of_the_split_gives_its_share_of_the_sample(folder: tuple[str, Manifest]) -> None:
    found = sample(folder, 3000)
    assert found.tokens == len(targets(found)) == pytest.approx(3000, rel=0.1)
    row_groups = np.bincount((np.array(targets(found)) - 1) // (ROW_GROUP_ROWS * WINDOW))
    assert len(row_groups) == 8
    assert row_groups[:7] == pytest.approx(np.full(7, 0.3 * ROW_GROUP_ROWS * WINDOW), rel=0.3)


def test_the_sample_counts_the_bytes_of_its_own_tokens(folder: tuple[str, Manifest]) -> None:
    found = sample(folder, 1000)
    assert found.text_bytes == sum(token % 5 for token in targets(found))


def test_all_is_taken_where_more_is_asked_than_there_is(folder: tuple[str, Manifest]) -> None:
    assert targets(sample(folder, 2 * TOKENS)) == list(range(1, TOKENS + 1))


def test_a_smaller_sample_is_part_of_a_larger_one_and_depends_on_the_seed_alone(folder: tuple[str, Manifest]) -> None:
    assert set(targets(sample(folder, 500))) < set(targets(sample(folder, 2000)))
    assert targets(sample(folder, 500)) == targets(sample(folder, 500)) != targets(sample(folder, 500, seed="1"))
