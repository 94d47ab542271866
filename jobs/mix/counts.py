"""Whether the sequences hold what they should: what the tasks counted in the pieces that they wrote, beside what the documents are.

The counts are compared before anything is committed, so a token that is lost or doubled never comes into a table.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from jobs.runtime.errors import CountsError
from udfs.piece_counts import LABELS, SCHEMA, summed

MOST_TOLD = 5
Labels = tuple[str, ...]


@dataclass(frozen=True)
class Expected:
    """Of a split, kind and language: documents that there are, how many go into the sequences, and their bytes, as often as they do."""

    there: int
    documents: int
    size_bytes: int


def expected(documents: DataFrame, copies: Column) -> dict[Labels, Expected]:
    """By split, kind and language. `copies` is how often a document is taken."""
    sums = [F.sum(one.cast("long")) for one in (copies, copies * F.col("size_bytes"))]
    found = documents.groupBy(*LABELS).agg(F.count("*"), *sums).collect()
    return {tuple(row[: len(LABELS)]): Expected(*row[len(LABELS) :]) for row in found}


def totals(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """What the tasks counted, summed by label, in order."""
    parts = [pa.Table.from_pylist([count.asDict() for count in row.counts], SCHEMA) for row in rows if row.counts]
    return [dict(row) for row in summed(parts).to_pylist()]


def check_counts(wanted: dict[Labels, Expected], counted: list[dict[str, Any]]) -> None:
    """Raises `CountsError` unless every document and every byte of each label is there as often as it should be."""
    found = {tuple(row[name] for name in LABELS): (row["document_count"], row["text_bytes"]) for row in counted}
    faults = list(_faults({labels: (one.documents, one.size_bytes) for labels, one in wanted.items()}, found))
    if faults:
        raise CountsError("what was packed is not what was taken, so nothing was written:\n  " + "\n  ".join(islice(faults, MOST_TOLD)))


def _faults(wanted: dict[Labels, tuple[int, int]], found: dict[Labels, tuple[int, int]]) -> Iterator[str]:
    for labels in sorted({*wanted, *found}):
        asked, there = wanted.get(labels, (0, 0)), found.get(labels, (0, 0))
        if asked != there:
            yield (
                f"{' '.join(labels)}: {asked[0]} documents of {asked[1]} bytes went into the sequences; "
                f"{there[0]} documents of {there[1]} bytes came out"
            )
