"""Draws in Spark SQL, and by draws the place of every document: functions of its key, so that new data moves no old document."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from udfs import draws
from udfs.digests import DRAWS, digest_sum, digest_told


def uniform(ids: Column, seed: str) -> Column:
    """`udfs.draws.uniform` of a column."""
    digits = F.substring(F.sha2(F.concat(F.lit(f"{seed}:"), ids), 256), 1, 13)
    return F.conv(digits, 16, 10).cast("double") / F.lit(float(DRAWS))


def is_below(ids: Column, seed: str, digits: Column) -> Column:
    """`uniform(ids, seed) < rate`, told by `rate_digits` of the rate: to make numbers of digits takes Spark several times as long."""
    return F.sha2(F.concat(F.lit(f"{seed}:"), ids), 256) < digits


def rate_digits(rate: float) -> str:
    """What the digits of a draw are compared with: those of the least draw that is not below the rate."""
    least = math.ceil(rate * DRAWS)
    return f"{least:013x}" if least < DRAWS else "g"


def digest_of(ids: DataFrame) -> str:
    """`udfs.digests.digest` of all rows of one column. Tasks add up with Arrow: Spark's own functions take ten times as long a row."""
    sums = ids.mapInArrow(_sums, "total string").collect()
    return digest_told(sum(int(row.total) for row in sums))


def _sums(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield pa.RecordBatch.from_pydict({"total": [str(digest_sum(batch.column(0) for batch in batches))]})


@dataclass(frozen=True)
class Order:
    """A document has a group, and a place in it. Each epoch has its own, so that repeats do not stand together."""

    hash_groups: int
    seed: str

    def placed(self, runs: pa.RecordBatch) -> pa.RecordBatch:
        """The rows with `hash_group` and `place`; they have `candidate` and `epoch`."""
        key = runs.column("candidate")
        if pc.any(pc.greater(runs.column("epoch"), 0)).as_py():
            later = pc.binary_join_element_wise(key, runs.column("epoch").cast(pa.string()), " ")
            key = pc.if_else(pc.equal(runs.column("epoch"), 0), key, later)
        group = draws.hash_group(key, self.hash_groups, f"{self.seed} group")
        return runs.append_column("hash_group", pa.array(group)).append_column("place", pa.array(draws.uniform(key, self.seed)))
