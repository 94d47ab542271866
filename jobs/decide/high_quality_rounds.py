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

from jobs.decide.high_quality_gains import gains
from jobs.decide.high_quality_population import POPULATION
from jobs.decide.high_quality_seeds import Cuts, cuts_of, is_seed, is_taught
from jobs.decide.high_quality_sets import HighQualitySet
from udfs.quality_classifier import TrainingParams, model_hash, percents, train

VERSION = 1
FEWEST = 20  # positives, and negatives: with less no model is trained
TRAINED = pa.schema([("model", pa.binary())])
PREDICTED = pa.schema(
    [
        *(POPULATION.field(name) for name in POPULATION.names if name != "words"),
        *(pa.field(name, pa.int64()) for name in ("percent", "most_percent", "round")),
    ]
)
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
class Round:
    """`number` from 1; 0 with a `reason` where no model could be trained."""

    number: int
    model: bytes | None
    card: dict[str, Any]
    reason: str | None = None

    @property
    def hash(self) -> str | None:
        return model_hash(self.model) if self.model else None


def roles(one: HighQualitySet, cuts: Cuts, rounds: Rounds) -> dict[str, Column]:
    """What a row could teach, by ROLES; the first that applies counts.

    `most_percent` is the most that any round before gave, null in the first: what was found once stays found, so that rounds add up.
    """
    score, percent = F.col("score"), F.col("most_percent")
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
    narrow = rows.drop("words").withColumn("most_percent", F.lit(None).cast("long"))
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
    """Rows of PREDICTED: `percent` by the last model, `round` the first whose model gives `least_percent` (null for none)."""

    def predict(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            lines = batch.column("words").to_pylist()
            found = np.array([percents(model, lines) for model in models])
            is_found = found >= least_percent
            first = pa.array(is_found.argmax(axis=0) + 1, pa.int64(), mask=~is_found.any(axis=0))
            columns = [batch.column(name) for name in PREDICTED.names[:-3]]
            yield pa.RecordBatch.from_arrays([*columns, pa.array(found[-1]), pa.array(found.max(axis=0)), first], schema=PREDICTED)

    return rows.mapInArrow(predict, from_arrow_schema(PREDICTED))


def card_json(round: Round, facts: dict[str, Any]) -> str:
    return json.dumps(facts | round.card, sort_keys=True)
