from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from training.evaluate import HeldOut, held_out, measured
from training.loader import Source
from training.pools import IGNORED, KINDS, Windows
from udfs.manifest import LanguageCounts, Manifest, Split
from udfs.shards import ROW_GROUP_ROWS, write_shard

SEQUENCES, WINDOW = 1000, 10
TOKENS = SEQUENCES * WINDOW
# What the loader needs of a piece; shards have more.
PIECE = pa.struct(
    [
        *[pa.field(name, pa.string(), False) for name in ("kind", "candidate")],
        *[pa.field(name, pa.int64(), False) for name in ("token_offset", "token_count", "text_bytes")],
    ]
)
TOKEN_BYTES = np.arange(TOKENS + 1) % 7  # token n stands for n % 7 bytes
# As shards have them where pieces name their language.
LANGUAGE_PIECE = pa.struct([*PIECE, pa.field("language", pa.string())])


def schema(piece: pa.StructType) -> pa.Schema:
    columns = {"sequence": pa.string(), "tokens": pa.list_(pa.int32()), "pieces": pa.list_(piece), "text_bytes": pa.int64()}
    return pa.schema([pa.field(name, kind, False) for name, kind in columns.items()])


def source_of(folder: Path, piece: pa.StructType) -> Source:
    """One shard of 1,000 sequences in eight row groups, every token different: its place in the split, from 1.

    Even sequences are commits in Python, odd ones files of no language.
    """
    tokens = np.arange(1, TOKENS + 1).reshape(SEQUENCES, WINDOW)
    rows = []
    for n, row in enumerate(tokens):
        text_bytes = int((row % 7).sum())
        kind, language = (("commit", "Python"), ("file", None))[n % 2]
        values = {
            "kind": kind,
            "candidate": f"d{n}",
            "token_offset": 0,
            "token_count": WINDOW,
            "text_bytes": text_bytes,
            "language": language,
        }
        pieces = [{name: values[name] for name in piece.names}]
        rows.append({"sequence": f"m/held_out/0/{n}", "tokens": row.tolist(), "pieces": pieces, "text_bytes": text_bytes})
    shard = write_shard(str(folder), "held_out-00000.parquet", pa.Table.from_pylist(rows, schema(piece)).to_batches(), schema(piece))
    split = Split((shard,), {"Python": LanguageCounts(1, shard.tokens, shard.text_bytes)})
    return Source(str(folder), Manifest("demo", "p", WINDOW, TOKENS + 1, "<|endoftext|>", "t", {"held_out": split}), "held_out", 5, 0)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return source_of(tmp_path_factory.mktemp("shards"), PIECE)


def sample(source: Source, tokens_asked: int, seed: int = 0) -> HeldOut:
    found = held_out(Source(**{**vars(source), "seed": seed}), TOKEN_BYTES, tokens_asked)
    assert found is not None
    return found


def targets(found: HeldOut) -> list[int]:
    return sorted(found.windows.targets[found.windows.targets != IGNORED].tolist())


def test_every_part_of_the_split_gives_its_share_of_the_sample(source: Source) -> None:
    found = sample(source, 3000)
    assert found.tokens == len(targets(found)) == pytest.approx(3000, rel=0.1)
    row_groups = np.bincount((np.array(targets(found)) - 1) // (ROW_GROUP_ROWS * WINDOW))
    assert len(row_groups) == 8
    assert row_groups[:7] == pytest.approx(np.full(7, 0.3 * ROW_GROUP_ROWS * WINDOW), rel=0.3)


def test_the_sample_counts_the_bytes_of_its_own_tokens(source: Source) -> None:
    found = sample(source, 1000)
    assert found.text_bytes == sum(token % 7 for token in targets(found))


def test_all_is_taken_where_more_is_asked_than_there_is(source: Source) -> None:
    assert targets(sample(source, 2 * TOKENS)) == list(range(1, TOKENS + 1))


def test_a_smaller_sample_is_part_of_a_larger_one_and_depends_on_the_seed_alone(source: Source) -> None:
    assert set(targets(sample(source, 500))) < set(targets(sample(source, 2000)))
    assert targets(sample(source, 500)) == targets(sample(source, 500)) != targets(sample(source, 500, seed=1))


def cut_into(folder: Path, window: int, context: int) -> Source:
    """Documents of 1 to 30 different tokens, one after another in sequences of `window`."""
    pieces_of: list[list[dict[str, object]]] = [[]]
    room, at = window, 1
    for number in range(300):
        offset, left = 0, 1 + number * 7 % 30
        while left:
            count = min(left, room)
            text_bytes = int((np.arange(at, at + count) % 7).sum())
            one = {"kind": "file", "candidate": f"d{number}", "token_offset": offset, "token_count": count, "text_bytes": text_bytes}
            pieces_of[-1].append(one)
            offset, left, room, at = offset + count, left - count, room - count, at + count
            if not room:
                pieces_of.append([])
                room = window
    rows, at = [], 1
    for number, pieces in enumerate(found for found in pieces_of if found):
        count = sum(piece["token_count"] for piece in pieces)  # type: ignore[misc]
        text_bytes = sum(piece["text_bytes"] for piece in pieces)  # type: ignore[misc]
        tokens = list(range(at, at + count))
        rows.append({"sequence": f"m/held_out/0/{number}", "tokens": tokens, "pieces": pieces, "text_bytes": text_bytes})
        at += count
    table = pa.Table.from_pylist(rows, schema(PIECE))
    shard = write_shard(str(folder), "held_out-00000.parquet", table.to_batches(), schema(PIECE))
    split = Split((shard,), {"C": LanguageCounts(1, shard.tokens, shard.text_bytes)})
    return Source(str(folder), Manifest("demo", "p", window, TOKENS + 1, "<|endoftext|>", "t", {"held_out": split}), "held_out", context, 0)


def test_the_sample_is_the_same_text_whatever_the_window(tmp_path: Path) -> None:
    short, long = sample(cut_into(tmp_path / "short", 11, 11), 900), sample(cut_into(tmp_path / "long", 64, 32), 900)
    assert targets(short) == targets(long) and short.text_bytes == long.text_bytes
    assert short.tokens == pytest.approx(900, rel=0.3)
    assert (short.windows.targets != IGNORED).sum(1)[:-1].min() == 11  # padding is at the end alone


def test_one_document_at_least_is_drawn_with_all_its_pieces(tmp_path: Path) -> None:
    source = cut_into(tmp_path, 3, 3)  # so that documents lie in several row groups
    first = sample(source, 1)
    assert 1 <= first.tokens <= 30 and set(targets(first)) <= set(targets(sample(source, 400)))
    found = targets(first)
    assert found == list(range(found[0], found[0] + first.tokens))
    ends = np.cumsum([1 + number * 7 % 30 for number in range(300)])
    assert found[-1] in ends and (found[0] - 1 in ends or found[0] == 1)


def test_bits_by_kind_and_language_add_up_to_the_whole(tmp_path: Path) -> None:
    found = sample(source_of(tmp_path, LANGUAGE_PIECE), 2000)
    nats = np.where(found.windows.targets == IGNORED, 0.0, found.windows.targets % 11)
    bits = measured(found, nats, nats)
    assert set(bits.by_kind) == {"commit", "file"} and set(bits.by_language) == {"Python", "unknown"}
    for parts in (bits.by_kind, bits.by_language):
        assert sum(part.tokens for part in parts.values()) == bits.model.tokens == found.tokens
        assert sum(part.text_bytes for part in parts.values()) == bits.model.text_bytes == found.text_bytes
        total = sum(part.bits_per_byte * part.text_bytes for part in parts.values())
        assert (
            total / found.text_bytes == pytest.approx(bits.model.bits_per_byte) == pytest.approx(nats.sum() / np.log(2) / found.text_bytes)
        )
    commits = [token for token in targets(found) if (token - 1) // WINDOW % 2 == 0]
    assert bits.by_kind["commit"].text_bytes == bits.by_language["Python"].text_bytes == sum(token % 7 for token in commits)
    expected = sum(token % 11 for token in commits) / np.log(2) / sum(token % 7 for token in commits)
    assert bits.by_kind["commit"].bits_per_byte == pytest.approx(expected)


def test_a_kind_without_a_byte_of_text_has_no_bits_per_byte() -> None:
    one, kinds = np.ones((1, 2), np.int64), np.array([[0, 1]], np.int8)
    windows = Windows(one, one, np.zeros((1, 2), np.int32), kinds)
    bits = measured(HeldOut(windows, np.array([[3, 0]]), np.array([["C", "C"]], object)), np.ones((1, 2)), np.ones((1, 2)))
    assert set(bits.by_kind) == {KINDS[0]} and bits.model.tokens == 2
