"""Which kept files belong to the high-quality sets: a classifier per set, trained in rounds on seeds that a rule chooses.

Reads   decide/kept, decide/features, ingest/contents
Writes  decide/high_quality_models, where a set has none for its rule yet; decide/high_quality: rows of the policy's name are replaced

Of the sets that have their models only texts are read of which these have said nothing yet.
Scores are those of the verdicts. Where no scorer was asked, the rubric stands in and rates a sample drawn by key: enough to run the whole
way, and no judgement. Held-out repositories teach nothing; besides them a share of the others is kept to measure each round with.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.decide import high_quality_rounds
from jobs.decide.held_out_draws import check_unseen
from jobs.decide.high_quality_known import known_and_unread
from jobs.decide.high_quality_population import population
from jobs.decide.high_quality_rounds import Round, Rounds, card_json, predicted, train_rounds
from jobs.decide.high_quality_seeds import members
from jobs.decide.high_quality_sets import SETS, HighQualitySet, chosen
from jobs.runtime.job import Job, Replace, ReplaceRows, Write, parameter, parameters_json, short_hash
from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from schemas.decide import FEATURES, HIGH_QUALITY, HIGH_QUALITY_MODELS, KEPT
from schemas.ingest import CONTENTS
from schemas.spark import spark_schema
from udfs import docstrings, imported_packages, notebooks, quality_classifier, rubric

RUBRIC = "rubric"
SEEN = "Train its classifiers anew (--set decide.high_quality.retrain=true)"


@dataclass(frozen=True)
class HighQualityParams:
    profile: str = parameter("demo", "whose kept files are looked at")
    sets: tuple[str, ...] = parameter(tuple(SETS), f"sets to make, of {', '.join(SETS)}; empty for none")
    rule: tuple[str, ...] = parameter((), "changes to the rules of sets, SET.FIELD=SHARE, such as general.best_share=0.1 (repeatable)")
    rounds: int = parameter(3, "rounds of training; each adds what the one before found", least=1, most=9)
    seeds: int = parameter(100_000, "at most so many seeds of a set, drawn by key", least=20)
    least_percent: int = parameter(50, "what the classifier must give a member", least=1, most=100)
    added_percent: int = parameter(80, "what it must give a file to be a positive of the next round", least=1, most=100)
    validation_rate: float = parameter(0.2, "share of repositories that teach nothing, to measure with, drawn by name", least=0, most=1)
    rated_files: int = parameter(20_000, "files that the rubric rates where no scorer was asked", least=0)
    retrain: bool = parameter(False, "train anew what has a model for its rule already")

    def checked(self) -> list[HighQualitySet]:
        return chosen(self.sets, self.rule)

    @property
    def training(self) -> Rounds:
        return Rounds(self.rounds, self.seeds, self.least_percent, self.added_percent)


def transform(tables: Tables, params: HighQualityParams) -> Iterator[Write]:
    sets = params.checked()
    scorer = scorer_of(tables, params.profile)
    if not sets or scorer is None:
        tables.account.remark = "no set is asked for" if not sets else "nothing is kept, so no set is made"
        if tables.exists(HIGH_QUALITY):
            yield Replace(HIGH_QUALITY, tables.spark.createDataFrame([], spark_schema(HIGH_QUALITY)), "policy", params.profile)
        return
    there = models_there(tables, params.profile)
    held = {one: frozen(one, params, scorer, there) for one in sets}
    if any(held.values()):
        check_unseen(tables.lake, JOB.name, HIGH_QUALITY_MODELS.name, SEEN, profile=params.profile)
    reused = {one: None if tables.is_forced else models_hash(rows) for one, rows in held.items()}
    known, unread = known_and_unread(tables, params.profile, reused)
    with Staging(tables.lake, tables.run) as staging:
        keep = partial(staging.keep, tables.spark)
        unread = keep(unread, "unread")
        is_teaching = not all(held.values())
        rows = keep(population(tables, params.profile, unread, params.rated_files, params.validation_rate, is_teaching), "population")
        made = {one.name: make(rows, one, params, scorer, there, keep) for one in sets}
        changed = {name: models for name, (models, _) in made.items() if models != there.get(name)}
        if changed:
            held_models = [row for models in (there | changed).values() for row in models]
            table = pa.Table.from_pylist(held_models, schema=HIGH_QUALITY_MODELS.arrow_schema)
            yield ReplaceRows(HIGH_QUALITY_MODELS, table, pc.field("policy") == params.profile)
        tables.account.dropped = {f"{name}: {models[0]['reason']}": 1 for name, (models, said) in made.items() if said is None}
        found = known
        for name, (models, said) in made.items():
            if said is not None:
                new = said_rows(said, name, models, params)
                found = found.unionByName(new.join(known, list(HIGH_QUALITY.key), "left_anti"))
        yield Replace(HIGH_QUALITY, found, "policy", params.profile)


def scorer_of(tables: Tables, profile: str) -> str | None:
    """Whose scores the kept files carry; RUBRIC where no scorer was asked; None where no file is kept."""
    kept = tables[KEPT].where((F.col("policy") == profile) & (F.col("kind") == "file"))
    found = kept.agg(F.count("*"), F.max("scorer")).first()
    return None if not found or not found[0] else found[1] or f"{RUBRIC} {rubric.VERSION}"


def models_there(tables: Tables, profile: str) -> dict[str, list[dict[str, Any]]]:
    """Rows of decide/high_quality_models by set, in the order of the rounds."""
    found: dict[str, list[dict[str, Any]]] = {}
    if tables.exists(HIGH_QUALITY_MODELS):
        rows = tables.lake.read(HIGH_QUALITY_MODELS, None, pc.field("policy") == profile).to_pylist()
        for row in sorted(rows, key=lambda row: (row["set"], row["round"])):
            found.setdefault(row["set"], []).append(row)
    return found


def make(
    rows: DataFrame, one: HighQualitySet, params: HighQualityParams, scorer: str, there: dict[str, list[dict[str, Any]]], keep: Any
) -> tuple[list[dict[str, Any]], DataFrame | None]:
    """A set's models, those that are there or new ones; and what the last says of its members, None where there is no model."""
    of_set, known = members(rows, one), frozen(one, params, scorer, there)
    if known:
        return known, predicted(of_set, [row["model"] for row in known], params.least_percent)
    rule_hash = rule_hash_of(one, params, scorer)
    made, said = train_rounds(of_set, one, params.training, keep)
    facts = {"policy": params.profile, "rule": dataclasses.asdict(one), "scorer": scorer, "least_percent": params.least_percent,
             "training": dataclasses.asdict(params.training), "fasttext": version("fasttext-community")}  # fmt: skip
    return [model_row(params, one.name, rule_hash, round, facts) for round in made], said


def frozen(one: HighQualitySet, params: HighQualityParams, scorer: str, there: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """A set's models for its present rule, as `models_there` gives them; none where they are to be trained."""
    if params.retrain:
        return []
    rule_hash = rule_hash_of(one, params, scorer)
    return [row for row in there.get(one.name, []) if row["rule_hash"] == rule_hash and row["reason"] is None]


def rule_hash_of(one: HighQualitySet, params: HighQualityParams, scorer: str) -> str:
    modules = (high_quality_rounds, notebooks, imported_packages, docstrings, quality_classifier)
    versions = [str(module.VERSION) for module in modules] + [version("fasttext-community")]
    return short_hash(one.hash, parameters_json(params.training), str(params.validation_rate), scorer, *versions)


def model_row(params: HighQualityParams, name: str, rule_hash: str, round: Round, facts: dict[str, Any]) -> dict[str, Any]:
    assert (round.reason is None) == (round.model is not None), round.reason
    return {
        "policy": params.profile,
        "set": name,
        "round": round.number,
        "rule_hash": rule_hash,
        "reason": round.reason,
        "model": round.model,
        "model_hash": round.hash,
        "least_percent": params.least_percent,
        "card": card_json(round, facts),
    }


def models_hash(models: list[dict[str, Any]]) -> str | None:
    """None where there is no model."""
    return short_hash(models[-1]["rule_hash"], *(row["model_hash"] for row in models)) if models else None


def said_rows(said: DataFrame, name: str, models: list[dict[str, Any]], params: HighQualityParams) -> DataFrame:
    """Rows of decide/high_quality."""
    return said.select(
        F.lit("file").alias("kind"),
        "candidate",
        F.lit(params.profile).alias("policy"),
        F.lit(name).alias("set"),
        "percent",
        (F.col("percent") >= params.least_percent).alias("is_member"),
        "round",
        F.lit(models_hash(models)).alias("models"),
    )


JOB = Job(
    "decide.high_quality",
    "finds the high-quality sets among what is kept",
    reads=(FEATURES, KEPT, CONTENTS),
    writes=(HIGH_QUALITY_MODELS, HIGH_QUALITY),
    transform=transform,
    params=HighQualityParams,
    check=HighQualityParams.checked,
)
