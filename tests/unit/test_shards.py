import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import fs

from udfs.manifest import LanguageCounts, Manifest, ShardError, Split
from udfs.packing import PIECE
from udfs.shards import read_manifest, verify, write_manifest, write_shard

SCHEMA = pa.schema(
    [
        pa.field("sequence", pa.string(), False),
        pa.field("tokens", pa.list_(pa.int32()), False),
        pa.field("pieces", pa.list_(PIECE), False),
        pa.field("text_bytes", pa.int64(), False),
    ]
)
TOKENIZER_JSON = '{"a tokenizer": true}'
TOKENIZER_SHA256 = hashlib.sha256(TOKENIZER_JSON.encode()).hexdigest()


def sequences(count: int) -> pa.Table:
    piece = {"kind": "file", "candidate": "c", "token_offset": 0, "token_count": 3, "text_bytes": 7, "is_fim": True}
    piece |= {"epoch": 0, "text_hash": "0123456789abcdef", "language": "C"}
    rows = [{"sequence": f"m/train/0/{n}", "tokens": [n, n + 1, 0], "pieces": [piece], "text_bytes": 7} for n in range(count)]
    return pa.Table.from_pylist(rows, SCHEMA)


def batches(table: pa.Table, rows: int) -> Iterator[pa.RecordBatch]:
    yield from table.to_batches(max_chunksize=rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole folder of two shards."""
    written = [write_shard(str(tmp_path), f"train-0000{n}.parquet", batches(sequences(5 + n), 2), SCHEMA) for n in range(2)]
    split = Split(tuple(written), {"Python": LanguageCounts(9, 33, 77)})
    write_manifest(str(tmp_path), Manifest("demo", "p" * 64, 3, 300, "<|endoftext|>", TOKENIZER_SHA256, {"train": split}), TOKENIZER_JSON)
    return tmp_path


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 400), st.integers(1, 400))
def test_the_same_rows_give_the_same_bytes_however_they_are_batched(
    tmp_path_factory: pytest.TempPathFactory, count: int, rows: int
) -> None:
    folder = tmp_path_factory.mktemp("shards")
    whole = write_shard(str(folder), "a.parquet", batches(sequences(count), 1000), SCHEMA)
    cut = write_shard(str(folder), "b.parquet", batches(sequences(count), rows), SCHEMA)
    assert replace(cut, file="a.parquet") == whole
    assert (folder / "a.parquet").read_bytes() == (folder / "b.parquet").read_bytes()
    read = pq.read_table(folder / "b.parquet")
    assert read.cast(SCHEMA) == sequences(count)
    assert not read.schema.field("tokens").type.value_field.nullable  # or it takes a fifth more time to write


def test_sequences_of_many_pages_give_the_same_bytes_too(tmp_path: Path) -> None:
    tokens = pa.array(np.random.default_rng(1).integers(0, 30_000, 200 * 5_000), pa.int32())
    lists = pa.ListArray.from_arrays(pa.array(range(0, len(tokens) + 1, 5_000), pa.int32()), tokens)
    table = sequences(200).set_column(1, SCHEMA.field("tokens"), lists)
    whole = write_shard(str(tmp_path), "a.parquet", batches(table, 1000), SCHEMA)
    assert replace(write_shard(str(tmp_path), "b.parquet", batches(table, 1), SCHEMA), file="a.parquet") == whole


def test_a_shard_knows_its_rows_tokens_and_bytes(folder: Path) -> None:
    first, second = read_manifest(str(folder)).splits["train"].shards
    assert (first.rows, first.tokens, first.text_bytes) == (5, 15, 35)
    assert (second.rows, second.tokens, second.text_bytes) == (6, 18, 42)


def test_a_shard_has_row_groups_of_a_fixed_number_of_rows(tmp_path: Path) -> None:
    write_shard(str(tmp_path), "a.parquet", batches(sequences(300), 7), SCHEMA)
    metadata = pq.read_metadata(tmp_path / "a.parquet")
    assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == [128, 128, 44]


def test_a_shard_can_be_written_through_a_given_filesystem(tmp_path: Path) -> None:
    filesystem = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())
    shard = write_shard("shards", "a.parquet", batches(sequences(3), 2), SCHEMA, filesystem)
    assert shard == write_shard(f"file://{tmp_path}/other", "a.parquet", batches(sequences(3), 2), SCHEMA)
    assert (tmp_path / "shards" / "a.parquet").exists()


def test_a_shard_whose_writing_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield from batches(sequences(300), 100)
        raise RuntimeError("the input broke")

    with pytest.raises(RuntimeError, match="the input broke"):
        write_shard(str(tmp_path), "a.parquet", broken(), SCHEMA)
    assert list(tmp_path.iterdir()) == []


def test_a_manifest_comes_back_as_it_was_written(folder: Path) -> None:
    manifest = verify(str(folder))
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert manifest.splits["train"].totals == {"documents": 9, "rows": 11, "tokens": 33, "text_bytes": 77}


def test_the_same_manifest_gives_the_same_text_in_whatever_order_it_was_made(folder: Path) -> None:
    manifest = read_manifest(str(folder))
    assert manifest.to_json() == (folder / "manifest.json").read_text()
    one, other = Split((), {}), Split((), {"Ruby": LanguageCounts(1, 2, 3), "C": LanguageCounts(4, 5, 6)})
    turned = Split((), dict(reversed(other.languages.items())))
    first = replace(manifest, splits={"train": one, "held_out": other})
    assert first.to_json() == replace(manifest, splits={"held_out": turned, "train": one}).to_json()


def test_every_missing_altered_and_unlisted_file_is_named_at_once(folder: Path) -> None:
    (folder / "train-00000.parquet").unlink()
    with (folder / "train-00001.parquet").open("r+b") as altered:
        altered.seek(100)
        altered.write(b"!")
    (folder / "tokenizer.json").write_text("{}")
    (folder / "held_out-00000.parquet").write_bytes(b"stray")
    with pytest.raises(ShardError) as error:
        verify(str(folder))
    for line in (
        "train-00000.parquet is missing",
        "train-00001.parquet is altered",
        "tokenizer.json is altered",
        "held_out-00000.parquet is not listed",
    ):
        assert line in str(error.value)


def test_a_new_export_removes_the_shards_of_an_earlier_one_and_nothing_else(folder: Path) -> None:
    manifest = read_manifest(str(folder))
    leftover = f"train-00002.parquet.{'0' * 32}.tmp"
    for name in ("train-00002.parquet", leftover, "notes.parquet", "train.csv"):
        (folder / name).write_bytes(b"")
    write_manifest(str(folder), manifest, TOKENIZER_JSON)
    assert {path.name for path in folder.iterdir()} == {
        *("manifest.json", "tokenizer.json", "train-00000.parquet", "train-00001.parquet", "notes.parquet", "train.csv")
    }


def test_a_folder_without_a_manifest_is_no_folder_of_shards(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match=r"has no manifest\.json"):
        verify(str(tmp_path))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format_version": 1}', '{"format_version": 1, "splits": {}, "more": 1}', "null"])
def test_what_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(ShardError, match="not a manifest"):
        Manifest.from_json(text)


def test_a_manifest_of_another_format_is_refused_by_its_number(folder: Path) -> None:
    text = (folder / "manifest.json").read_text().replace('"format_version": 1', '"format_version": 7')
    with pytest.raises(ShardError, match="has format 7; this version of codemill reads 1"):
        Manifest.from_json(text)
