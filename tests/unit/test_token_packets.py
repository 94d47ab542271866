from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs import token_packets
from udfs.token_packets import GROUP, ORDER, RUNS, in_place, packed
from udfs.token_values import flat_ids

KINDS = [np.dtype("<u2"), np.dtype("<i4")]
TOKENS = st.lists(st.integers(0, 65_535), max_size=12)
# group, place, epoch, tokens of a document; places may be the same.
DOCUMENTS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 1), TOKENS), max_size=25)


def runs_of(documents: list[tuple[int, int, int, list[int]]], run: int = 5) -> list[dict[str, Any]]:
    """Documents in runs of at most `run` tokens."""
    return [
        {"split": ("train", "held_out")[group % 2], "hash_group": group, "place": place / 4, "kind": "file", "candidate": f"d{number}"}
        | {"epoch": epoch, "token_offset": start, "text_hash": f"h{number}", "is_fim": number % 2 == 0, "language": f"l{number}"}
        | {"tokens": tokens[start : start + run]}
        for number, (group, place, epoch, tokens) in enumerate(documents)
        for start in range(0, max(1, len(tokens)), run)
    ]


def batches_of(rows: list[dict[str, Any]], cuts: list[int], kind: np.dtype) -> list[pa.RecordBatch]:
    schema = pa.schema([("split", pa.string()), ("hash_group", pa.int32()), *RUNS])
    binary = [row | {"tokens": np.array(row["tokens"], kind).tobytes()} for row in rows]
    bounds = sorted({0, len(rows), *(cut % (len(rows) + 1) for cut in cuts)})
    return [pa.RecordBatch.from_pylist(binary[start:end], schema=schema) for start, end in pairwise(bounds)]


def by_group(packets: list[pa.RecordBatch], kind: np.dtype) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    held: dict[tuple[Any, ...], list[pa.Buffer]] = {}
    for batch in packets:
        names, values = [batch.column(name).to_pylist() for name in GROUP], batch.column("packet")
        for *group, packet in zip(*names, values, strict=True):
            held.setdefault(tuple(group), []).append(packet.as_buffer())
    return {group: [listed(row, kind) for batch in in_place(found, kind) for row in batch.to_pylist()] for group, found in held.items()}


def listed(row: dict[str, Any], kind: np.dtype) -> dict[str, Any]:
    return row | {"tokens": np.frombuffer(row["tokens"], kind).tolist()}


@pytest.mark.parametrize("kind", KINDS)
@given(documents=DOCUMENTS, cuts=st.lists(st.integers(0, 100), max_size=5), limits=st.tuples(*[st.sampled_from([1, 64, 1 << 20])] * 3))
def test_all_runs_of_a_group_come_in_order_however_they_were_packed(
    kind: np.dtype, documents: list[tuple[int, int, int, list[int]]], cuts: list[int], limits: tuple[int, int, int]
) -> None:
    rows = runs_of(documents)
    with pytest.MonkeyPatch.context() as patch:
        for name, limit in zip(("PACK_BYTES", "GROUP_BYTES", "BATCH_BYTES"), limits, strict=True):
            patch.setattr(token_packets, name, limit)
        found = by_group(list(packed(batches_of(rows, cuts, kind))), kind)
    expected: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: tuple(row[name] for name in ORDER)):
        expected.setdefault(tuple(row[name] for name in GROUP), []).append({name: row[name] for name in RUNS.names})
    assert found == expected


def test_what_is_too_much_for_memory_goes_where_spark_spills_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(token_packets, "GROUP_BYTES", 1)
    monkeypatch.setenv("SPARK_LOCAL_DIRS", f"{tmp_path / 'full'},{tmp_path}")
    (packets,) = packed(batches_of(runs_of([(0, 1, 0, [7])]), [], KINDS[0]))
    with pytest.raises(FileNotFoundError, match="full"):
        list(in_place([packets.column("packet")[0].as_buffer()], KINDS[0]))


def test_memory_stays_bounded_by_a_file_where_a_group_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_packets, "GROUP_BYTES", 1 << 20)
    monkeypatch.setattr(token_packets, "BATCH_BYTES", 1 << 20)
    (batch,) = batches_of(runs_of([(0, 1, 0, [7] * 100_000)], 100_000), [], KINDS[0])
    baseline, most, tokens = pa.total_allocated_bytes(), 0, 0

    def packets() -> Any:
        for _ in range(200):  # 40 MB
            (found,) = packed([batch])
            sink = pa.BufferOutputStream()  # memory that Arrow counts
            sink.write(found.column("packet")[0].as_buffer())
            yield sink.getvalue()

    for runs in in_place(packets(), KINDS[0]):
        most, tokens = max(most, pa.total_allocated_bytes() - baseline), tokens + len(flat_ids(runs.column("tokens"), KINDS[0]))
    assert tokens == 200 * 100_000
    assert most < 8 << 20
