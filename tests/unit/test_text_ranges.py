"""Files cut into ranges: every row group is read once, by whichever task, however files are cut and tasks are filled."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.runtime import texts
from jobs.runtime.text_ranges import groups_within, ranges, texts_of_ranges
from schemas.delta_files import DataFile

sizes = st.lists(st.integers(0, 500), max_size=8)


@given(sizes, st.integers(1, 200))
def test_ranges_cover_every_byte_once_and_no_task_has_more_than_its_bytes(file_sizes: list[int], task_bytes: int) -> None:
    found = ranges("/lake", [DataFile(f"{place}", 1, size) for place, size in enumerate(file_sizes)], task_bytes).to_pylist()
    covered = [(row["file"], byte) for row in found for byte in range(row["start_byte"], row["end_byte"])]
    assert covered == [(f"/lake/{place}", byte) for place, size in enumerate(file_sizes) for byte in range(size)]
    tasks = [row["task"] for row in found]
    assert tasks == sorted(tasks) and set(tasks) == set(range(len(set(tasks))))
    for task in set(tasks):
        assert sum(row["end_byte"] - row["start_byte"] for row in found if row["task"] == task) <= task_bytes


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("contents")
    for file, (rows, group) in enumerate([(7, 2), (1, 1), (40, 3), (3, 100)]):
        found = {"content_sha256": [f"{file}-{row:02}" for row in range(rows)], "text": ["é" * (row * row) for row in range(rows)]}
        pq.write_table(pa.table(found | {"size_bytes": list(range(rows))}), folder / f"{file}.parquet", row_group_size=group)
    return folder


@given(st.integers(50, 9_000))
def test_every_row_group_lies_in_one_range(files: Path, task_bytes: int) -> None:
    path = files / "2.parquet"
    metadata = pq.ParquetFile(path).metadata
    found = ranges(str(files), [DataFile(path.name, 40, path.stat().st_size)], task_bytes).to_pylist()
    assert [g for row in found for g in groups_within(metadata, row["start_byte"], row["end_byte"])] == list(range(metadata.num_row_groups))


@pytest.mark.parametrize("task_bytes", [100, 700, 10_000, 1 << 20])
def test_all_texts_are_read_in_bounded_batches(files: Path, task_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "BATCH_BYTES", 1_000)
    paths = sorted(files.iterdir())
    found = ranges(str(files), [DataFile(path.name, 0, path.stat().st_size) for path in paths], task_bytes)
    batches = list(texts_of_ranges(found.to_batches()))
    rows = pa.Table.from_batches(batches)
    assert rows.equals(pa.concat_tables(pq.read_table(path, columns=["content_sha256", "text"]) for path in paths).combine_chunks())
    assert all(batch.num_rows == 1 or sum(len(t.encode()) for t in batch.column("text").to_pylist()) <= 1_000 for batch in batches)


@pytest.mark.parametrize("task_bytes", [100, 700, 1 << 20])
@pytest.mark.parametrize("keys", [[], ["1-00"], ["0-06", "2-00", "2-01", "2-39", "not there"]])
def test_of_wanted_texts_alone_their_row_groups_are_read(files: Path, task_bytes: int, keys: list[str]) -> None:
    paths = sorted(files.iterdir())
    found = ranges(str(files), [DataFile(path.name, 0, path.stat().st_size) for path in paths], task_bytes)
    rows = pa.concat_tables(pq.read_table(path, columns=["content_sha256", "text"]) for path in paths).to_pylist()
    batches = list(texts_of_ranges(found.to_batches(), pa.array(keys, pa.string())))
    assert [row for batch in batches for row in batch.to_pylist()] == [row for row in rows if row["content_sha256"] in keys]
    assert len(batches) <= len(keys)
