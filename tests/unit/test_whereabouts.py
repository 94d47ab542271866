"""Where a document went: its tokens are gathered again from the places that are told, in every export."""

import dataclasses
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.export_cases import batches, export, packed, sequences_of
from udfs import export_mds
from udfs.whereabouts import Place, exported_place, places


def told(rows: list[dict[str, Any]], batch_rows: int, *documents: int) -> list[Place]:
    return list(places(batches(rows, batch_rows), {("file", f"c{document}") for document in documents}))


@given(packed(), st.data())
def test_the_tokens_at_the_places_of_a_document_are_the_document(
    tmp_path_factory: pytest.TempPathFactory, case: Any, data: st.DataObject
) -> None:
    vocabulary, documents, rows, batch_rows = case
    wanted = data.draw(st.integers(0, len(documents) - 1))
    found = told(rows, batch_rows, wanted)
    in_rows = [rows[p.row]["tokens"][p.sequence_token : p.sequence_token + p.token_count] for p in found]
    assert [token for part in in_rows for token in part] == documents[wanted]
    assert [rows[place.row]["sequence"] for place in found] == [place.sequence for place in found]
    assert {place.document for place in found} == {wanted}
    folder = tmp_path_factory.mktemp("flat")
    shard = export("flat", folder, vocabulary, [rows]).splits["train"].shards[0]
    header = json.loads((folder / "train" / "header.json").read_text())
    gathered = []
    for place in found:
        at = exported_place("flat", shard, place)
        gathered += np.memmap(folder / at["file"], header["dtype"], "r")[at["token"] :][: place.token_count].tolist()
    assert gathered == documents[wanted]


def test_a_place_in_streaming_is_a_file_and_a_sample_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_mds, "MAX_FILE_BYTES", 1_200)
    rows = sequences_of([[*range(1, 200), 0], [*range(5, 180), 0]], 40)
    shard = export("mds", tmp_path, 70_000, [rows]).splits["train"].shards[0]
    assert len(shard.files) > 1
    for place in told(rows, 3, 0, 1):
        at = exported_place("mds", shard, place)
        assert place.sequence.encode() in sample(tmp_path / str(at["file"]), int(at["sample"]))


def sample(path: Path, number: int) -> bytes:
    data = path.read_bytes()
    start, end = struct.unpack_from("<II", data, 4 + 4 * number)
    return data[start:end]


def test_a_row_that_a_shard_does_not_have_is_an_error(tmp_path: Path) -> None:
    rows = sequences_of([[1, 2, 0]], 2)
    shard = export("mds", tmp_path, 300, [rows]).splits["train"].shards[0]
    beyond = dataclasses.replace(told(rows, 1, 0)[0], row=2)
    with pytest.raises(ValueError, match=r"row 2 is not in the 2 rows of train-00000\.parquet"):
        exported_place("mds", shard, beyond)


def test_another_kind_of_the_same_key_is_not_found() -> None:
    rows = sequences_of([[1, 0]], 2)
    assert not list(places(batches(rows), {("page", "c0")}))
