"""Texts between sources and ingest/contents: none is lost, none comes twice, none is changed."""

import hashlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.ingest import content_file, staged_texts
from jobs.ingest.content_file import ContentFile
from jobs.ingest.staged_texts import StagedTexts, texts_of
from jobs.ingest.texts import PLACED, StagedFile, shared_out, write_new
from schemas.ingest import CONTENTS


def key_of(text):
    return hashlib.sha256(text).hexdigest()


def staged(folder, texts):
    file = StagedTexts(str(folder))
    for text in texts:
        file.add(key_of(text), text)
    file.close()
    return file


@given(texts=st.lists(st.text().map(str.encode), max_size=30), is_new=st.lists(st.booleans(), min_size=30, max_size=30))
def test_the_new_texts_of_staged_files_come_out_once_and_as_they_were(tmp_path_factory, texts, is_new):
    folder = tmp_path_factory.mktemp("lake")
    halves = [texts[::2], texts[1::2]]
    files = {task: str(folder / staged(folder, half).name) for task, half in enumerate(halves)}
    place = {key_of(text): task for task, half in enumerate(halves) for text in half}
    wanted = {key_of(text): text for text, new in zip(texts, is_new, strict=False) if new}
    rows = sorted((place[key], key) for key in wanted)
    batches = [pa.RecordBatch.from_arrays([pa.array(column) for column in zip(*rows, strict=True)], schema=PLACED)] if rows else []
    written = [row for batch in write_new(batches, files, str(folder)) for row in batch.to_pylist()]
    found = [row for file in written for row in pq.read_table(folder / file["name"]).to_pylist()]
    assert {row["content_sha256"]: row["text"].encode() for row in found} == wanted
    assert len(found) == len(wanted) == sum(file["row_count"] for file in written)
    assert all(row["size_bytes"] == len(row["text"].encode()) for row in found)
    assert all((folder / file["name"]).stat().st_size == file["size_bytes"] for file in written)


def test_a_file_is_cut_into_batches_and_row_groups_of_bounded_size(tmp_path, monkeypatch):
    monkeypatch.setattr(staged_texts, "BATCH_BYTES", 100)
    monkeypatch.setattr(content_file, "ROW_GROUP_BYTES", 250)
    texts = [b"%03d" % number * 10 for number in range(40)]
    file = staged(tmp_path, texts)
    batches = list(texts_of(str(tmp_path / file.name), pa.array(map(key_of, texts))))
    assert [batch.num_rows for batch in batches] == [4] * 10
    target = ContentFile(str(tmp_path))
    for batch in batches:
        target.add(batch)
    found = pq.ParquetFile(tmp_path / target.close().name)
    assert [found.metadata.row_group(group).num_rows for group in range(found.num_row_groups)] == [12, 12, 12, 4]
    assert found.schema_arrow.equals(CONTENTS.arrow_schema)


def test_a_text_that_is_not_in_its_file_is_an_error(tmp_path):
    file = staged(tmp_path, [b"here"])
    with pytest.raises(KeyError, match="1 of 2 texts are not in"):
        list(texts_of(str(tmp_path / file.name), pa.array([key_of(b"here"), key_of(b"elsewhere")])))


@given(sizes=st.lists(st.integers(0, 1000), min_size=1, max_size=20), tasks=st.integers(1, 8))
def test_every_file_goes_to_one_task_and_no_task_has_more_than_a_fair_share_and_one_file(sizes, tasks):
    placed = shared_out([StagedFile(number, "", size) for number, size in enumerate(sizes)], tasks)
    assert sorted(file for file, _ in placed) == list(range(len(sizes)))
    held = [sum(sizes[file] for file, task in placed if task == number) for number in range(tasks)]
    assert max(held) <= sum(sizes) / tasks + max(sizes)
