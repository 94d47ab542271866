"""To which lot of a phase each document belongs, and whether it is filled in the middle: known before anything is tokenized."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.mix.places import uniform
from udfs.fim import RATE_SEED
from udfs.mixture import Phase, lot_number


def with_lots(documents: DataFrame, phase: Phase) -> DataFrame:
    """The documents that the phase takes, with `lot`, a number of its lots."""
    return documents.withColumn("lot", F.expr(lot_number(phase)).cast("int")).where("lot is not null")


def with_fim(documents: DataFrame, phase: Phase) -> DataFrame:
    """Held-out documents stay as they are: their bits per byte are compared across phases."""
    return documents.withColumn("is_fim", (F.col("split") == "train") & (uniform(F.col("candidate"), RATE_SEED) < phase.fim_rate))
