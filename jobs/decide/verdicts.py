"""Applies a policy: every candidate is kept, or dropped with every reason that applied; of near-duplicates that pass, one is kept.

Reads   decide/features
Writes  decide/kept, decide/dropped; the rows of the policy's name are replaced
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.decide.policy import Policy, with_changes
from jobs.decide.profiles import profile
from jobs.decide.rules import flat_occurrences, judge
from jobs.decide.survivors import CONTAINED, KEY_AFTER, NEAR_DUPLICATE, OF_HELD_OUT, containers, ranks
from jobs.runtime.errors import CountsError
from jobs.runtime.job import Job, Replace, Write, parameter
from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from schemas.decide import DROPPED, FEATURES, KEPT

# `duplicate_group` and `rank` are null where a candidate competes with no near-duplicate, `container_group` where too little contains it.
VERDICTS = pa.schema(
    [
        *KEPT.arrow_schema,
        DROPPED.arrow_schema.field("reasons"),
        pa.field("duplicate_group", pa.int64()),
        pa.field("container_group", pa.int64()),
        pa.field("rank", pa.string()),
    ]
)


@dataclass(frozen=True)
class VerdictsParams:
    profile: str = parameter("demo", "name of the policy: paper or demo")
    policy: tuple[str, ...] = parameter((), "changes to the profile, FIELD=VALUE (repeatable); the verdicts still carry the profile's name")
    policy_hash: str = parameter("", "refuses to run unless the policy has this hash")

    def resolved(self) -> Policy:
        return with_changes(profile(self.profile), dict(change.split("=", 1) for change in self.policy))


def transform(tables: Tables, params: VerdictsParams) -> Iterator[Write]:
    policy = params.resolved()

    def decide(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield verdicts(policy, batch)

    features = tables[FEATURES]
    with Staging(tables.lake, tables.run) as staging:
        judged = staging.keep(tables.spark, features.mapInArrow(decide, from_arrow_schema(VERDICTS)), "verdicts")
        rows = with_survivors(judged)
        is_kept = F.size("reasons") == 0
        kept, dropped = rows.where(is_kept).select(*KEPT.names), rows.where(~is_kept).select(*DROPPED.names)
        check_counts(tables, features.count(), rows.groupBy(is_kept).count().collect())
        tables.account.read_bytes = features.agg(F.coalesce(F.sum("size_bytes"), F.lit(0))).first()[0]  # type: ignore[index]
        reasons = dropped.select("kind", F.explode("reasons").alias("reason")).groupBy("kind", "reason").count().collect()
        for row in reasons:
            tables.account.dropped[row.reason if row.kind == "file" else f"{row.kind} {row.reason}"] = row["count"]
        yield Replace(KEPT, kept, "policy", policy.name)
        yield Replace(DROPPED, dropped, "policy", policy.name)


def with_survivors(judged: DataFrame) -> DataFrame:
    """Adds `survivor`, and reasons as `survivors.reasons_of` gives them to members that are not the best of their group, or contained."""
    competing = judged.where("rank is not null")
    best = competing.groupBy("kind", "duplicate_group").agg(F.min("rank").alias("best"))
    container = best.select("kind", F.col("duplicate_group").alias("container_group"), F.col("best").alias("container_best"))
    rows = judged.join(best, ["kind", "duplicate_group"], "left").join(container, ["kind", "container_group"], "left")
    loses = F.col("rank").isNotNull() & (F.col("rank") != F.col("best"))
    is_contained = (
        F.col("rank").isNotNull() & F.col("container_best").isNotNull() & (F.left("container_best", F.lit(1)) <= F.left("rank", F.lit(1)))
    )
    winner = F.when(loses, F.col("best")).when(is_contained, F.col("container_best"))
    leaks = winner.startswith("0") & F.col("rank").startswith("1")
    reason = F.array(F.when(leaks, OF_HELD_OUT).when(loses, NEAR_DUPLICATE).otherwise(CONTAINED))
    survivor = F.substring(winner, F.instr(winner, KEY_AFTER) + 1, F.length(winner))
    return rows.withColumns({"survivor": survivor, "reasons": F.when(winner.isNotNull(), reason).otherwise(F.col("reasons"))})


def check_counts(tables: Tables, candidates: int, groups: list) -> None:  # type: ignore[type-arg]
    """Raises `CountsError` unless every candidate has exactly one verdict."""
    judged = sum(group["count"] for group in groups)
    tables.account.read_rows = candidates
    if judged != candidates:
        raise CountsError(f"{candidates} candidates, but {judged} verdicts: kept + dropped must be all of them")


def verdicts(policy: Policy, features: pa.RecordBatch) -> pa.RecordBatch:
    """Rows of VERDICTS for a batch of `decide/features`; reasons empty where kept."""
    found = judge(policy, features)
    rows = features.num_rows
    picked = flat_occurrences(features).take(pa.array(found.picked))
    rank = ranks(policy, features, picked, found.is_kept)
    columns = {
        **{name: features.column(name) for name in ("kind", "candidate", "size_bytes", "token_estimate")},
        **{name: pc.struct_field(picked, name) for name in ("repository", "path", "language", "licence")},
        "policy": pa.array([policy.name] * rows, pa.string()),
        "policy_hash": pa.array([policy.hash] * rows, pa.string()),
        "split": pa.array(np.where(np.asarray(features.column("is_held_out")), "held_out", "train"), pa.string()),
        "reasons": found.reasons,
        "rank": rank,
        "container_group": pc.if_else(pc.is_valid(rank), containers(policy, features), None),
        "duplicate_group": pc.if_else(pc.is_valid(rank), features.column("duplicate_group"), None),
    }
    return pa.RecordBatch.from_arrays([columns[name].cast(VERDICTS.field(name).type) for name in VERDICTS.names], schema=VERDICTS)


JOB = Job("decide.verdicts", "applies the policy", (FEATURES,), (KEPT, DROPPED), transform, VerdictsParams, check=VerdictsParams.resolved)
