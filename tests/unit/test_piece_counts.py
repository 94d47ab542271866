"""Counts of pieces beside a count by hand, and digests that depend on the set alone."""

from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.mix.counts import Expected, check_counts
from jobs.runtime.errors import CountsError
from schemas.mix import SEQUENCES
from tests.export_cases import END, batches, packed
from tests.token_rows import values
from udfs.digests import digest
from udfs.piece_counts import COUNTS, counted, summed

LANGUAGES = ("C", "none", "Python")


def labelled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every document with a language, an epoch and a mark of its own."""
    for piece in (piece for row in rows for piece in row["pieces"]):
        number = int(piece["candidate"][1:])
        piece |= {"language": LANGUAGES[number % 3], "epoch": number % 2, "is_fim": number % 5 == 0, "text_hash": ""}
    return rows


def with_values(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Rows of shards as rows of mix/sequences."""
    tokens = values(batch.column("tokens").to_pylist(), width=4)
    width = pa.array([4] * batch.num_rows, SEQUENCES.arrow_schema.field("token_width_bytes").type)
    return batch.set_column(batch.schema.get_field_index("tokens"), "tokens", tokens).append_column("token_width_bytes", width)


@given(packed(), st.integers(1, 4))
def test_documents_tokens_and_bytes_are_those_of_a_count_by_hand(case: Any, times: int) -> None:
    _, documents, rows, batch_rows = case
    wanted: Counter[tuple[str, str]] = Counter()
    places: dict[int, set[int]] = {}
    for position, row in enumerate(labelled(rows)):
        for piece in row["pieces"]:
            places.setdefault(int(piece["candidate"][1:]), set()).add(position)
    for number, tokens in enumerate(documents):
        language = LANGUAGES[number % 3]
        counts = (1, number % 2 == 0, number % 5 == 0, len(places[number]) > 1, len(tokens), len(tokens))
        wanted.update({(language, name): int(value) for name, value in zip(COUNTS, counts, strict=True)})
    parts = [counted(with_values(batch), "train", END) for batch in batches(rows, batch_rows)]
    found = summed(parts * times).to_pylist()
    assert {(row["language"], name): row[name] for row in found for name in COUNTS if row[name]} == {
        key: times * value for key, value in wanted.items() if value
    }
    assert {(row["split"], row["kind"]) for row in found} == {("train", "file")}


def test_what_is_lost_or_doubled_is_named_before_anything_is_written() -> None:
    wanted = {("train", "file", "C"): Expected(4, 3, 100), ("train", "file", "Python"): Expected(1, 0, 0)}
    row = {"split": "train", "kind": "file", "language": "C", "document_count": 3, "text_bytes": 100}
    check_counts(wanted, [row])
    for change in ({"document_count": 2}, {"text_bytes": 101}):
        with pytest.raises(CountsError, match=r"train file C: 3 documents of 100 bytes went into the sequences; . documents of 10. bytes"):
            check_counts(wanted, [row | change])
    with pytest.raises(CountsError, match="train page none: 0 documents of 0 bytes went"):
        check_counts(wanted, [row, row | {"kind": "page", "language": "none"}])
    with pytest.raises(CountsError, match="0 documents of 0 bytes came out"):
        check_counts(wanted, [])


@given(st.lists(st.text()), st.data())
def test_a_digest_depends_on_neither_order_nor_batches_and_tells_sets_apart(ids: list[str], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(ids)))
    turned = data.draw(st.permutations(ids))
    whole = digest([pa.array(ids, pa.string())])
    assert whole == digest([pa.array(turned[:cut], pa.string()), pa.array(turned[cut:], pa.string())])
    assert whole != digest([pa.array([*ids, "one more"], pa.string())])
