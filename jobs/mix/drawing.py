"""How often each document is taken: solved on the tokens that there are, exactly, before anything is written.

Held-out documents are taken once. Tokens are summed by lot and by 4,096ths of the draw; the one in which a lot's rate must lie is then
looked at document by document, so that no list of all documents is ever in one place.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.mix.places import is_below, rate_digits, uniform
from jobs.runtime.errors import CodemillError
from udfs import draws
from udfs.mixture import MixtureError, Phase, Stock, Wish, note, rate_for, solve, whole_and_rest

SEED = "mixture"
BUCKETS = 4096


@dataclass(frozen=True)
class Drawn:
    """By lot: how often every document is taken, and the rate below which a draw is taken once more. Rows are those of mix/lots."""

    whole: list[int]
    rates: list[float]
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_once(self) -> bool:
        return not any(self.rates) and all(whole == 1 for whole in self.whole)

    def copies(self) -> Column:
        """How often a document is taken; of columns split, lot and candidate."""
        if self.is_once:
            return F.lit(1)
        by_lot: tuple[list[Any], ...] = (self.whole, [rate_digits(rate) for rate in self.rates])
        whole, digits = (F.element_at(F.array(*map(F.lit, values)), F.col("lot") + 1) for values in by_lot)
        more = is_below(F.col("candidate"), SEED, digits).cast("int")
        return F.when(F.col("split") == "train", whole + more).otherwise(1)

    def repeated(self, runs: pa.RecordBatch) -> pa.RecordBatch:
        """Runs with `epoch`: as many times as their document is taken, which is what `copies` says in Spark."""
        is_train = pc.equal(runs.column("split"), "train").to_numpy(zero_copy_only=False)
        copies = np.ones(runs.num_rows, np.int64)
        if not self.is_once:
            lot = np.asarray(runs.column("lot"))
            more = draws.uniform(runs.column("candidate"), SEED) < np.array(self.rates)[lot]
            copies = np.where(is_train, np.array(self.whole)[lot] + more, 1)
        epoch = np.arange(copies.sum()) - np.repeat(np.cumsum(copies) - copies, copies)
        if (copies != 1).any():
            runs = runs.take(pa.array(np.repeat(np.arange(runs.num_rows), copies)))
        return runs.append_column("epoch", pa.array(epoch, pa.int32()))


def once(phase: Phase) -> Drawn:
    """Every document, once."""
    return Drawn([1] * len(phase.lots), [0.0] * len(phase.lots))


def drawn(runs: DataFrame, phase: Phase, leave_out_empty: bool) -> Drawn:
    """The solution for rows of ASIDE, which are read twice. Raises `CodemillError` where there is not enough."""
    draw = uniform(F.col("candidate"), SEED)
    train = runs.where("split = 'train'").select(
        "lot", "kind", "candidate", "token_offset", draw.alias("draw"), F.col("token_count").alias("n")
    )
    train = train.withColumn("bucket", F.floor(F.col("draw") * BUCKETS).cast("int"))
    is_first = F.col("token_offset") == 0
    by_bucket = train.groupBy("lot", "bucket").agg(F.sum("n").alias("tokens"), F.count(F.when(is_first, 1)).alias("documents"))
    counts = np.zeros((2, len(phase.lots), BUCKETS), dtype=np.int64)
    for row in by_bucket.collect():
        counts[:, row.lot, row.bucket] = row.tokens, row.documents
    stocks = [Stock(int(documents), int(tokens)) for tokens, documents in zip(*counts.sum(axis=2), strict=True)]
    try:
        wishes = solve(phase, stocks, leave_out_empty)
    except MixtureError as error:
        raise CodemillError(str(error)) from error
    rests = [whole_and_rest(wish) for wish in wishes]
    chosen = [int(np.searchsorted(np.cumsum(counts[0, lot]), rest, side="left")) for lot, (_, rest) in enumerate(rests)]
    chosen = [min(bucket, BUCKETS - 1) for bucket in chosen]
    rates, extra = rates_in(train, chosen, counts[0], [rest for _, rest in rests])
    taken = [whole * wish.stock.tokens + more for (whole, _), wish, more in zip(rests, wishes, extra, strict=True)]
    whole = [whole for whole, _ in rests]
    rows = [lot_row(phase, *one) for one in zip(wishes, taken, whole, rates, strict=True)]
    return Drawn(whole, rates, rows)


def rates_in(train: DataFrame, chosen: list[int], tokens: np.ndarray, rests: list[float]) -> tuple[list[float], list[int]]:
    """The rate of each lot, which lies in its chosen bucket, and the tokens below it."""
    bucket_of = F.element_at(F.array(*map(F.lit, chosen)), F.col("lot") + 1)
    inside = train.where(F.col("bucket") == bucket_of).groupBy("lot", "kind", "candidate", "draw").agg(F.sum("n").alias("n"))
    found = inside.select("lot", "draw", "n").toArrow().to_pydict()
    lots, draws, sizes = (np.array(found[name]) for name in ("lot", "draw", "n"))
    rates, extra = [], []
    for lot, (bucket, rest) in enumerate(zip(chosen, rests, strict=True)):
        below = int(tokens[lot, :bucket].sum())
        rate, more = rate_for(draws[lots == lot], sizes[lots == lot], rest - below)
        # A rate of 1 takes all of this bucket, and nothing of the next.
        rates.append(min(rate, (bucket + 1) / BUCKETS))
        extra.append(below + more)
    return rates, extra


def lot_row(phase: Phase, wish: Wish, taken: int, whole: int, rate: float) -> dict[str, Any]:
    """A row of mix/lots but for the mixture."""
    return {
        "lot": wish.lot.label,
        "recipe": phase.name,
        "kind": wish.lot.kind,
        "share": wish.share,
        "max_epochs": float(wish.lot.max_epochs),
        "document_count": wish.stock.documents,
        "token_count": wish.stock.tokens,
        "epochs": wish.epochs,
        "wanted_token_count": round(wish.tokens),
        "taken_token_count": taken,
        "whole_epochs": whole,
        "rate": rate,
        "is_limit": wish.is_limit,
        "note": note(wish, taken),
    }
