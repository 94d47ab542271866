"""The rounds of a high-quality set: who teaches the classifier, what it then finds, and what that gained.

All choices are conditions on one row and a draw by key against a rate, so that no rows are sorted or brought to the driver to choose among
them. Rates come from counts: a sample of at most N of what there is takes those whose draw is below N / there is.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.decide.high_quality_population import POPULATION
from jobs.decide.high_quality_sets import HighQualitySet
from udfs.quality_classifier import TrainingParams, model_hash, percents, train

FEWEST = 20  # positives, and negatives: with less no model is trained
TRAINED = pa.schema([("model", pa.binary())])
PREDICTED = pa.schema([*(POPULATION.field(name) for name in POPULATION.names if name != "words"),
                       pa.field("percent", pa.int64()), pa.field("round", pa.int64())])  # fmt: skip
CURVE = (10, 20, 30, 40, 50, 60, 70, 80, 90)
ROLES = ("seed", "added", "random", "uncommented", "found_poor")


@dataclass(frozen=True)
class Rounds:
    """How a set's classifier is trained. Negatives are drawn per positive: so many at random, and at most as many of each hard kind."""

    rounds: int = 3
    seeds: int = 100_000
    least_percent: int = 50  # what a member must reach
    added_percent: int = 80  # what a file must reach to be a positive of the next round
    random_per_positive: float = 2.0
    hard_per_positive: float = 0.5
    training: TrainingParams = field(default_factory=TrainingParams)


@dataclass(frozen=True)
class Cuts:
    """Least scores of what is among the best, and of what is not poor; None where nothing has a score."""

    best: int | None
    poor: int | None
    scored: int


@dataclass(frozen=True)
class Round:
    """`number` from 1; 0 with a `reason` where no model could be trained."""

    number: int
    model: bytes | None
    card: dict[str, Any]
    reason: str | None = None

    @property
    def hash(self) -> str | None:
        return model_hash(self.model) if self.model else None


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


def roles(one: HighQualitySet, cuts: Cuts, rounds: Rounds) -> dict[str, Column]:
    """What a row could teach, by ROLES; the first that applies counts. `percent` is what the round before gave, null in the first."""
    score, percent = F.col("score"), F.col("percent")
    is_found = F.coalesce(percent >= rounds.least_percent, F.lit(False))
    is_poor = F.coalesce(score < (cuts.poor or 0), F.lit(False))
    conditions = {
        "seed": is_seed(one, cuts),
        "added": F.coalesce(percent >= rounds.added_percent, F.lit(False)) & ~is_poor & (F.coalesce("comment_share", F.lit(1.0)) > 0),
        "uncommented": F.coalesce((score >= (cuts.best or 0)) & (F.col("comment_share") == 0), F.lit(False)),
        "found_poor": is_found & is_poor,
        "random": F.lit(True),
    }
    found, earlier = {}, F.lit(False)
    for name, condition in conditions.items():
        found[name] = is_taught() & condition & ~earlier
        earlier = earlier | condition
    return found


def shares(counts: dict[str, int], rounds: Rounds) -> dict[str, float]:
    """The rate at which each role is drawn. Added positives are at most as many as the seeds."""

    def rate(name: str, most: float) -> float:
        return min(1.0, most / max(counts[name], 1))

    seeds = min(counts["seed"], rounds.seeds)
    positives = seeds + min(counts["added"], seeds)
    hard = rounds.hard_per_positive * positives
    return {
        "seed": rate("seed", rounds.seeds),
        "added": rate("added", seeds),
        "random": rate("random", rounds.random_per_positive * positives),
        "uncommented": rate("uncommented", hard),
        "found_poor": rate("found_poor", hard),
    }


def train_rounds(rows: DataFrame, one: HighQualitySet, rounds: Rounds, keep: Any) -> tuple[list[Round], DataFrame | None]:
    """The rounds, and what the last one's model says of every row (PREDICTED; None where there is none).

    rows: members of the set, with their words. `keep(rows, name)` computes rows once and reads them back.
    """
    cuts = cuts_of(rows, one)
    made: list[Round] = []
    said: DataFrame | None = None
    narrow = rows.drop("words").withColumns({"percent": F.lit(None).cast("long"), "round": F.lit(None).cast("long")})
    for number in range(1, rounds.rounds + 1):
        seen = narrow if said is None else said
        conditions = roles(one, cuts, rounds)
        counts = seen.agg(*(F.count(F.when(conditions[name], 1)).alias(name) for name in ROLES)).first().asDict()  # type: ignore[union-attr]
        reason = "few_seeds" if counts["seed"] < FEWEST else "few_negatives" if counts["random"] < FEWEST else None
        if reason:
            return [Round(0, None, {"roles": counts, "cuts": vars(cuts), "fewest": FEWEST}, reason)], None
        model, taught = train_one(rows, seen, conditions, shares(counts, rounds), rounds.training)
        made.append(Round(number, model, {"round": number, "roles": counts, "taught": taught, "cuts": vars(cuts)}))
        models = [found.model for found in made if found.model]
        said = keep(predicted(rows, models, rounds.least_percent), f"{one.name}-{number}")
        made[-1].card.update(gains(said, one, cuts, rounds.least_percent))
    return made, said


def train_one(
    rows: DataFrame, seen: DataFrame, conditions: dict[str, Column], rates: dict[str, float], params: TrainingParams
) -> tuple[bytes, dict[str, int]]:
    """A model, and how many of each role taught it: made by one task, in the order of the draw."""
    role = F.coalesce(*(F.when(conditions[name] & (F.col("draw") < rates[name]), F.lit(name)) for name in ROLES))
    teachers = seen.select("candidate", role.alias("role")).where("role is not null").persist()
    counted = {row.role: row["count"] for row in teachers.groupBy("role").count().collect()}
    examples = rows.select("candidate", "draw", "words").join(F.broadcast(teachers), "candidate")
    ordered = examples.select("role", "words", "draw", "candidate").coalesce(1).sortWithinPartitions("draw", "candidate")

    def teach(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        columns = (zip(batch.column("role").to_pylist(), batch.column("words").to_pylist(), strict=True) for batch in batches)
        model = train(((role in ("seed", "added"), line) for column in columns for role, line in column), params)
        yield pa.RecordBatch.from_arrays([pa.array([model], pa.binary())], schema=TRAINED)

    model = bytes(ordered.mapInArrow(teach, from_arrow_schema(TRAINED)).collect()[0].model)
    return model, {name: counted.get(name, 0) for name in ROLES}


def predicted(rows: DataFrame, models: list[bytes], least_percent: int) -> DataFrame:
    """Rows of PREDICTED: `percent` by the last model, `round` the first whose model gives `least_percent`, null for none."""

    def predict(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            lines = batch.column("words").to_pylist()
            found = np.array([percents(model, lines) for model in models])
            is_found = found >= least_percent
            first = pa.array(is_found.argmax(axis=0) + 1, pa.int64(), mask=~is_found.any(axis=0))
            columns = [batch.column(name) for name in PREDICTED.names[:-2]]
            yield pa.RecordBatch.from_arrays([*columns, pa.array(found[-1]), first], schema=PREDICTED)

    return rows.mapInArrow(predict, from_arrow_schema(PREDICTED))


def gains(said: DataFrame, one: HighQualitySet, cuts: Cuts, least_percent: int) -> dict[str, Any]:
    """What the model finds: in the repositories that taught nothing, and in all that may be trained on."""
    is_train, is_found, scored = F.col("split") == "train", F.col("percent") >= least_percent, F.col("score").isNotNull()
    is_shown = is_train & F.col("is_validation")
    seed = is_shown & is_seed(one, cuts)

    def count(condition: Column) -> Column:
        return F.count(F.when(condition, 1))

    def total(name: str, condition: Column) -> Column:
        return F.coalesce(F.sum(F.when(condition, F.col(name))), F.lit(0))

    sums = {
        "files": count(is_train), "tokens": total("token_estimate", is_train),
        "set_files": count(is_train & is_found), "set_tokens": total("token_estimate", is_train & is_found),
        "held_out_seeds": count(seed), "held_out_scored": count(is_shown & scored), "held_out_score": total("score", is_shown),
        "held_out_best": count(is_shown & (F.col("score") >= (cuts.best or 0))),
        "found_scored": count(is_shown & is_found & scored), "found_score": total("score", is_shown & is_found),
        "found_best": count(is_shown & is_found & (F.col("score") >= (cuts.best or 0))),
        "found_poor": count(is_shown & is_found & (F.col("score") < (cuts.poor or 0))),
        **{f"seeds_{percent}": count(seed & (F.col("percent") >= percent)) for percent in (*CURVE, least_percent)},
        **{f"files_{percent}": count(is_train & (F.col("percent") >= percent)) for percent in CURVE},
    }  # fmt: skip
    found = said.agg(*(column.alias(name) for name, column in sums.items())).first().asDict()  # type: ignore[union-attr]
    return told(found, least_percent)


def told(found: dict[str, int], least_percent: int) -> dict[str, Any]:
    def share(part: str, whole: str) -> float | None:
        return round(found[part] / found[whole], 4) if found[whole] else None

    return {
        "set": {name: found[name] for name in ("files", "tokens", "set_files", "set_tokens")},
        "held_out": {
            "seeds": found["held_out_seeds"],
            "seed_recall": share(f"seeds_{least_percent}", "held_out_seeds"),
            "scored": found["held_out_scored"],
            "best_share": share("held_out_best", "held_out_scored"),
            "mean_score": share("held_out_score", "held_out_scored"),
            "found_scored": found["found_scored"],
            "found_best_share": share("found_best", "found_scored"),
            "found_poor_share": share("found_poor", "found_scored"),
            "found_mean_score": share("found_score", "found_scored"),
        },
        "curve": [
            {"percent": percent, "seed_recall": share(f"seeds_{percent}", "held_out_seeds"), "files": found[f"files_{percent}"]}
            for percent in CURVE
        ],
    }


def card_json(round: Round, facts: dict[str, Any]) -> str:
    return json.dumps(facts | round.card, sort_keys=True)
