"""To which lot of a phase each document belongs, and whether it is filled in the middle: known before anything is tokenized."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.mix.places import is_below, rate_digits
from jobs.runtime.tables import Tables
from schemas.decide import HIGH_QUALITY
from udfs.fim import RATE_SEED
from udfs.mixture import Phase, lot_number


def with_lots(documents: DataFrame, phase: Phase) -> DataFrame:
    """The documents that the phase takes, with `lot`, a number of its lots."""
    return documents.withColumn("lot", F.expr(lot_number(phase)).cast("int")).where("lot is not null")


def with_sets(tables: Tables, documents: DataFrame, phase: Phase, profile: str) -> DataFrame:
    """Adds `sets`, as conditions of lots read it: the high-quality sets of each document; nothing where the phase asks for none."""
    if not phase.sets:
        return documents
    rows = tables[HIGH_QUALITY].where((F.col("policy") == profile) & F.col("is_member"))
    named = F.concat(F.lit(","), F.array_join(F.array_sort(F.collect_set("set")), ","), F.lit(",")).alias("sets")
    return documents.join(rows.groupBy("kind", "candidate").agg(named), ["kind", "candidate"], "left")


def with_fim(documents: DataFrame, phase: Phase) -> DataFrame:
    """Held-out documents stay as they are: their bits per byte are compared across phases."""
    return documents.withColumn(
        "is_fim", (F.col("split") == "train") & is_below(F.col("candidate"), RATE_SEED, F.lit(rate_digits(phase.fim_rate)))
    )
