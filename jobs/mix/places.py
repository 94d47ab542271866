"""Draws in Spark SQL, and by them the place of every document: functions of its key, so that new data moves no old document."""

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from udfs.digests import DRAWS, SEED


def uniform(ids: Column, seed: str) -> Column:
    """`udfs.draws.uniform` of a column."""
    return _draw(ids, seed).cast("double") / F.lit(float(DRAWS))


def digest_sum(ids: Column) -> Column:
    """An aggregate for `udfs.digests.digest_told`, null where there is no row; exact in whatever order rows come."""
    return F.sum(_draw(ids, SEED).cast("decimal(20,0)"))


def _draw(ids: Column, seed: str) -> Column:
    digits = F.substring(F.sha2(F.concat(F.lit(f"{seed}:"), ids), 256), 1, 13)
    return F.conv(digits, 16, 10)


@dataclass(frozen=True)
class Order:
    """A document has a group, and a place in it. Each epoch has its own, so that repeats do not stand together."""

    hash_groups: int
    seed: str

    def placed(self, runs: DataFrame) -> DataFrame:
        """The rows with `hash_group` and `place`; they have `candidate` and `epoch`."""
        key = F.when(F.col("epoch") == 0, F.col("candidate")).otherwise(F.concat("candidate", F.lit(" "), F.col("epoch").cast("string")))
        group = F.floor(uniform(key, f"{self.seed} group") * self.hash_groups).cast("int")
        return runs.withColumn("hash_group", group).withColumn("place", uniform(key, self.seed))
