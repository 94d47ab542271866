"""Runs of tokens, as tasks hand them on: those of a document, or of a part of it, with what is known of the document."""

from collections.abc import Iterable, Iterator
from typing import Protocol

import pyarrow as pa

# A run of one document's tokens.
RUNS = pa.schema(
    [
        ("kind", pa.string()),
        ("candidate", pa.string()),
        ("text_hash", pa.string()),
        ("is_fim", pa.bool_()),
        ("split", pa.string()),
        ("lot", pa.int32()),  # the part of the recipe that its document belongs to
        ("language", pa.string()),
        ("token_offset", pa.int64()),  # of the run inside its document
        ("tokens", pa.binary()),  # numbers of `udfs.token_values.token_type`
    ]
)
# What tells whether tokens of an earlier run are those that are wanted now.
KEY = ["kind", "candidate", "text_hash", "is_fim"]
PLACED = ("split", "lot", "language")


class Then(Protocol):
    """What is done with rows of RUNS in the task that has them; rows of `schema` come of it."""

    schema: pa.Schema

    def __call__(self, batches: Iterable[pa.RecordBatch], /) -> Iterator[pa.RecordBatch]: ...
