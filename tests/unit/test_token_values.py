import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.token_rows import values
from udfs.token_values import WIDTHS, as_binary, counts_of, flat_ids, ids_of, token_type, with_lists

ROWS = st.lists(st.lists(st.integers(0, 65_535), max_size=5), max_size=6)


def batch(rows: list[list[int]], width: int) -> pa.RecordBatch:
    widths = pa.repeat(pa.scalar(width, pa.int32()), len(rows))
    return pa.RecordBatch.from_pydict(
        {"sequence": [str(n) for n in range(len(rows))], "tokens": values(rows, width), "token_width_bytes": widths}
    )


@pytest.mark.parametrize("width", WIDTHS)
@given(rows=ROWS, cut=st.tuples(st.integers(0, 6), st.integers(0, 6)))
def test_ids_are_what_was_put_in_also_of_a_part_of_the_rows(width: int, rows: list[list[int]], cut: tuple[int, int]) -> None:
    kind, part = WIDTHS[width], rows[min(cut) : max(cut)]
    sliced = batch(rows, width).slice(min(cut), max(cut) - min(cut))
    flat = [token for row in part for token in row]
    assert ids_of(sliced).tolist() == flat and (ids_of(sliced).dtype == kind or not part)
    assert counts_of(sliced.column("tokens"), kind).tolist() == [len(row) for row in part]
    lists = with_lists(sliced)
    assert lists.column("tokens").to_pylist() == part and lists.column("tokens").type == pa.list_(pa.int32())
    assert lists.schema.names == sliced.schema.names
    bounds = np.concatenate([[0], np.cumsum([len(row) for row in part])]).astype(np.int64)
    assert as_binary(np.array(flat, kind), bounds).equals(values(part, width))


def test_two_bytes_hold_65536_ids_and_no_more() -> None:
    assert token_type(1 << 16).itemsize == 2 and token_type((1 << 16) + 1).itemsize == 4
    assert as_binary(np.array([65_535], "<u2"), np.array([0, 1])).to_pylist() == [b"\xff\xff"]
    assert as_binary(np.array([65_536], "<i4"), np.array([0, 1])).to_pylist() == [b"\0\0\1\0"]


def test_a_null_and_rows_of_two_widths_are_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 rows have null tokens"):
        flat_ids(pa.array([b"", None], pa.binary()), WIDTHS[2])
    two = pa.RecordBatch.from_pydict({"tokens": [b"1234", b"1234"], "token_width_bytes": pa.array([2, 4], pa.int32())})
    with pytest.raises(ValueError, match=r"are \[2, 4\]"):
        ids_of(two)
