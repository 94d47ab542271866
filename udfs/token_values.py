"""Tokens of a row as one binary value: its ids one behind the other, little-endian, two bytes each where all ids of the tokenizer fit, else
four. A list of numbers takes three times the time to write as Parquet, and more room (docs/decisions/0018).

Rows say in `token_width_bytes` how many bytes an id has; those of one batch are of one tokenizer.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

WIDTHS: dict[int, np.dtype] = {2: np.dtype("<u2"), 4: np.dtype("<i4")}


def token_type(vocabulary_size: int) -> np.dtype:
    """Of the ids of a tokenizer: all are below `vocabulary_size`."""
    return WIDTHS[2 if vocabulary_size <= 1 << 16 else 4]


def as_binary(tokens: np.ndarray, bounds: np.ndarray) -> pa.Array:
    """One value for each run `tokens[bounds[i]:bounds[i + 1]]`, without a copy. `tokens` are of a type of WIDTHS."""
    ends = pa.py_buffer((bounds * tokens.itemsize).astype(np.int32))
    return pa.Array.from_buffers(pa.binary(), len(bounds) - 1, [None, ends, pa.py_buffer(np.ascontiguousarray(tokens))])


def flat_ids(values: pa.Array, kind: np.dtype) -> np.ndarray:
    """The ids of all values, without a copy. Raises ValueError at a null."""
    if values.null_count:
        raise ValueError(f"{values.null_count} of {len(values)} rows have null tokens")
    _, ends, data = values.buffers()
    if data is None:
        return np.empty(0, kind)
    bounds = np.frombuffer(ends, np.int32, len(values) + 1, 4 * values.offset)
    return np.frombuffer(data, kind, (bounds[-1] - bounds[0]) // kind.itemsize, bounds[0])


def counts_of(values: pa.Array, kind: np.dtype) -> np.ndarray:
    """How many ids each value holds, as int64."""
    return np.asarray(pc.binary_length(values)).astype(np.int64) // kind.itemsize


def ids_of(rows: pa.RecordBatch) -> np.ndarray:
    """The ids of all rows, which have `tokens` and `token_width_bytes`."""
    return flat_ids(rows.column("tokens"), _type_of(rows))


def with_lists(rows: pa.RecordBatch) -> pa.RecordBatch:
    """The rows, which have `tokens` and `token_width_bytes`, with `tokens` as lists of int32, as a trainer reads them."""
    bounds = np.concatenate([[0], np.cumsum(counts_of(rows.column("tokens"), _type_of(rows)))])
    lists = pa.ListArray.from_arrays(pa.array(bounds, pa.int32()), pa.array(ids_of(rows).astype(np.int32)))
    return rows.set_column(rows.schema.get_field_index("tokens"), "tokens", lists)


def _type_of(rows: pa.RecordBatch) -> np.dtype:
    widths = pc.unique(rows.column("token_width_bytes")).to_pylist()
    if len(widths) > 1 or not WIDTHS.keys() >= set(widths):
        raise ValueError(f"token_width_bytes of one batch are {widths}; expected one of {list(WIDTHS)}")
    return WIDTHS[widths[0] if widths else 2]
