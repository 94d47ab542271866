"""To which part of a phase each document belongs, and whether it is filled in the middle: known before anything is tokenized."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.mix.places import uniform
from udfs.fim import RATE_SEED
from udfs.mixture import Phase, Share


def with_lots(documents: DataFrame, phase: Phase) -> DataFrame:
    """The documents that the phase takes, with `lot`: the number of the first share that they fit.

    Held-out documents are taken by the kinds of the phase alone: they measure, and nothing is weighed.
    """
    lot = F.lit(None).cast("int")
    for number, share in reversed(list(enumerate(phase.shares))):
        lot = F.when(fits(share), F.lit(number)).otherwise(lot)
    return documents.withColumn("lot", lot).where("lot is not null")


def fits(share: Share) -> Column:
    is_kind = F.col("kind") == share.kind
    is_good = F.coalesce("score_percent", F.lit(-1)) >= share.least_score_percent if share.least_score_percent else F.lit(True)
    return is_kind & ((F.col("split") == "held_out") | ((F.col("size_bytes") >= share.least_bytes) & is_good))


def with_fim(documents: DataFrame, phase: Phase) -> DataFrame:
    """Held-out documents stay as they are: their bits per byte are compared across phases."""
    return documents.withColumn("is_fim", (F.col("split") == "train") & (uniform(F.col("candidate"), RATE_SEED) < phase.fim_rate))
