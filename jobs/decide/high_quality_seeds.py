"""Who may be in a high-quality set, who teaches, and who is a seed: conditions on rows of the population."""

from dataclasses import dataclass

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.decide.high_quality_sets import HighQualitySet


@dataclass(frozen=True)
class Cuts:
    """Least scores of what is among the best, and of what is not poor; None where nothing has a score."""

    best: int | None
    poor: int | None
    scored: int


def members(population: DataFrame, one: HighQualitySet) -> DataFrame:
    rows = population.where(F.col("is_notebook") == one.population_is_notebooks)
    return rows.where(F.col("language").isin(*one.population_languages)) if one.population_languages else rows


def is_taught() -> Column:
    return (F.col("split") == "train") & ~F.col("is_validation")


def cuts_of(rows: DataFrame, one: HighQualitySet) -> Cuts:
    """Over the scored members that may teach: the best are at most their share, the poor at least theirs less who ties with the cut."""
    counted = {row.score: row["count"] for row in rows.where(is_taught() & F.col("score").isNotNull()).groupBy("score").count().collect()}
    counts = np.array([counted.get(score, 0) for score in range(101)])
    if not counts.sum():
        return Cuts(None, None, 0)
    at_least = np.cumsum(counts[::-1])[::-1] / counts.sum()
    reached = np.flatnonzero(at_least <= one.best_share)
    best = int(reached[0]) if len(reached) else 101
    poor = int(np.flatnonzero(1 - np.append(at_least[1:], 0) >= one.poor_share)[0])
    return Cuts(max(best, 1), min(poor, best), int(counts.sum()))


def is_seed(one: HighQualitySet, cuts: Cuts) -> Column:
    if cuts.best is None:
        return F.lit(False)
    found = (F.col("score") >= cuts.best) & F.col("comment_share").between(one.min_comment_share, one.max_comment_share)
    if one.seed_packages:
        found = found & F.arrays_overlap("packages", F.array(*map(F.lit, one.seed_packages)))
    return F.coalesce(found, F.lit(False))
