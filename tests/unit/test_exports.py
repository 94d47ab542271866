"""Exports are read back by the readers of their own packages; what they must hold is told by documents, not by the code that writes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.export_cases import END, contents, export, packed, piece, sequences_of
from tests.export_readers import Reader, reader
from udfs import export_mds
from udfs.export_formats import FORMATS
from udfs.exports import ShardExport, verify_export
from udfs.manifest import ShardError

patient = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def megatron(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with reader("megatron", tmp_path_factory.mktemp("reader")) as found:
        yield found


@pytest.fixture(scope="module")
def streaming(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with reader("mds", tmp_path_factory.mktemp("reader")) as found:
        yield found


@patient
@given(packed())
def test_megatron_reads_each_document_whole(megatron: Reader, tmp_path_factory: pytest.TempPathFactory, case: Any) -> None:
    vocabulary, documents, rows, batch_rows = case
    folder = tmp_path_factory.mktemp("megatron")
    manifest = export("megatron", folder, vocabulary, [rows], batch_rows)
    found = megatron.read(folder / "train" / "00000")
    assert found["documents"] == documents
    assert found["items"] == len(documents)
    assert found["dtype"] == ("uint16" if vocabulary < 65_500 else "int32")
    assert counts(manifest.splits["train"].shards[0]) == (len(rows), sum(map(len, documents)), len(documents), 0)


@patient
@given(packed())
def test_streaming_reads_each_sequence(streaming: Reader, tmp_path_factory: pytest.TempPathFactory, case: Any) -> None:
    vocabulary, _, rows, batch_rows = case
    folder = tmp_path_factory.mktemp("mds")
    export("mds", folder, vocabulary, [rows[:3], rows[3:]], batch_rows)
    found = streaming.read(folder / "train")
    lengths = [[piece["token_count"] for piece in row["pieces"]] for row in rows]
    expected = [{name: row[name] for name in ("sequence", "tokens", "text_bytes")} for row in rows]
    assert found["samples"] == [row | {"lengths": own} for row, own in zip(expected, lengths, strict=True)]
    assert found["dtypes"] == ["uint16" if vocabulary <= 65_536 else "int32"]


@patient
@given(packed())
def test_a_memory_map_reads_the_stream_of_tokens(tmp_path_factory: pytest.TempPathFactory, case: Any) -> None:
    vocabulary, documents, rows, batch_rows = case
    folder = tmp_path_factory.mktemp("flat")
    export("flat", folder, vocabulary, [rows[:3], rows[3:]], batch_rows)
    header = json.loads((folder / "train" / "header.json").read_text())
    found = [np.memmap(folder / "train" / file["file"], dtype=header["dtype"], mode="r") for file in header["files"]]
    assert np.concatenate(found).tolist() == [token for document in documents for token in document]
    assert header["token_count"] == sum(map(len, documents)) == sum(file["token_count"] for file in header["files"])
    assert header["end_id"] == END and header["dtype"] == ("uint16" if vocabulary <= 65_536 else "uint32")


@pytest.mark.parametrize("format", FORMATS)
@patient
@given(packed())
def test_the_same_rows_give_the_same_bytes_however_they_are_batched(
    tmp_path_factory: pytest.TempPathFactory, format: str, case: Any
) -> None:
    vocabulary, _, rows, batch_rows = case
    whole, cut = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("cut")
    assert export(format, whole, vocabulary, [rows]) == export(format, cut, vocabulary, [rows], batch_rows)
    assert contents(whole) == contents(cut)


def counts(shard: ShardExport) -> tuple[int, int, int, int]:
    return shard.rows, shard.tokens, shard.documents, shard.cut_documents


def test_parts_of_a_document_that_do_not_follow_each_other_are_documents_that_are_cut(tmp_path: Path, megatron: Reader) -> None:
    tokens = [[1, 2, 3], [7, END, 5], [4, 5, END], [6, END]]
    pieces = [[piece(0, 0, 3)], [piece(1, 0, 2), piece(2, 0, 1)], [piece(0, 3, 3)], [piece(2, 1, 2)]]
    rows = [
        {"sequence": f"m/train/0/{n}", "tokens": own, "pieces": where, "text_bytes": 1}
        for n, (own, where) in enumerate(zip(tokens, pieces, strict=True))
    ]
    shard = export("megatron", tmp_path, 300, [rows]).splits["train"].shards[0]
    assert megatron.read(tmp_path / "train" / "00000")["documents"] == [[1, 2, 3], [7, END], [5], [4, 5, END], [6, END]]
    assert counts(shard) == (4, 11, 5, 4)


@pytest.mark.parametrize("rows", [1, 2, 3, 4])
def test_a_document_that_ends_without_its_end_token_is_cut(tmp_path: Path, rows: int) -> None:
    found = sequences_of([[1, 2, END], [3, 4, 5]], 2)
    assert export("flat", tmp_path, 300, [found], rows).splits["train"].shards[0].cut_documents == 1


def test_a_document_longer_than_ten_windows_is_one_document(tmp_path: Path, megatron: Reader) -> None:
    document = [*range(1, 2_000), END]
    export("megatron", tmp_path, 300_000, [sequences_of([document, [5, END]], 16)], 3)
    assert megatron.read(tmp_path / "train" / "00000")["documents"] == [document, [5, END]]


def test_streaming_files_have_a_bounded_size_and_are_read_in_order(
    tmp_path: Path, streaming: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_mds, "MAX_FILE_BYTES", 1_200)
    rows = sequences_of([[*range(1, 400), END]], 40)
    found = export("mds", tmp_path, 70_000, [rows])
    files = found.splits["train"].shards[0].files
    assert len(files) > 2 and max(file.size_bytes for file in files) <= 1_200
    assert [sample["tokens"] for sample in streaming.read(tmp_path / "train")["samples"]] == [row["tokens"] for row in rows]


@pytest.mark.parametrize("format", FORMATS)
def test_an_id_that_the_tokenizer_does_not_have_is_an_error(tmp_path: Path, format: str) -> None:
    with pytest.raises(ShardError, match="hold ids from 0 to 300; the tokenizer has 300"):
        export(format, tmp_path, 300, [sequences_of([[1, 300, END]], 8)])
    assert not (tmp_path / "manifest.json").exists()


@pytest.mark.parametrize("format", FORMATS)
def test_pieces_that_do_not_add_up_are_an_error_that_names_the_sequence(tmp_path: Path, format: str) -> None:
    rows = sequences_of([[1, 2, END], [3, END]], 2)
    rows[1]["pieces"][0]["token_count"] += 1
    with pytest.raises(ShardError, match="sequence m/train/0/1 has 2 tokens; its pieces have 3"):
        export(format, tmp_path, 300, [rows])


@pytest.mark.parametrize("format", FORMATS)
def test_a_shard_without_rows_and_an_empty_split_have_no_files(tmp_path: Path, format: str) -> None:
    found = export(format, tmp_path, 300, [sequences_of([[1, END]], 8), []])
    assert not (tmp_path / "held_out").exists()
    assert found.splits["train"].shards[1].files == ()
    assert verify_export(str(tmp_path)) == found


@pytest.mark.parametrize("format", FORMATS)
def test_every_file_that_is_altered_missing_or_not_listed_is_named(tmp_path: Path, format: str) -> None:
    found = export(format, tmp_path, 300, [sequences_of([[1, 2, 3, END]], 2), sequences_of([[4, END]], 2)])
    assert verify_export(str(tmp_path)) == found
    for file in [*found.splits["train"].all_files()]:
        path = tmp_path / file.file
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(ShardError, match=f"{file.file} is altered"):
            verify_export(str(tmp_path))
        path.unlink()
        with pytest.raises(ShardError, match=f"{file.file} is missing"):
            verify_export(str(tmp_path))
        path.write_bytes(data)
    (tmp_path / "train" / "00009.bin").write_bytes(b"12")
    with pytest.raises(ShardError, match=r"train/00009\.bin is not listed"):
        verify_export(str(tmp_path))
