"""Rows with tokens as lists, as tests tell them, to rows with tokens as mix/sequences has them; and back."""

from typing import Any

import numpy as np
import pyarrow as pa

from udfs.token_values import WIDTHS

Row = dict[str, Any]


def with_values(row: Row, width: int = 2) -> Row:
    return row | {"tokens": np.array(row["tokens"], WIDTHS[width]).tobytes(), "token_width_bytes": width}


def ids_of(row: Row) -> list[int]:
    """Of a row of mix/sequences."""
    return [int(token) for token in np.frombuffer(row["tokens"], WIDTHS[row["token_width_bytes"]])]


def listed(rows: pa.Table) -> list[Row]:
    """Rows of packed sequences, with their tokens as lists and without the width."""
    return [
        {name: ids_of(row) if name == "tokens" else row[name] for name in row if name != "token_width_bytes"} for row in rows.to_pylist()
    ]


def values(documents: list[list[int]], width: int = 2) -> pa.Array:
    return pa.array([np.array(document, WIDTHS[width]).tobytes() for document in documents], pa.binary())
