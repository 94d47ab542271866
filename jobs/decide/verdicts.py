"""Applies a policy: every candidate is kept, or dropped with every reason that applied.

Reads   decide/features
Writes  decide/kept, decide/dropped; the rows of the policy's name are replaced
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.decide.policy import Policy, with_changes
from jobs.decide.profiles import profile
from jobs.decide.rules import flat_occurrences, judge
from jobs.runtime.errors import CountsError
from jobs.runtime.job import Job, Replace, Write, parameter
from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from schemas.decide import DROPPED, FEATURES, KEPT

VERDICTS = pa.schema([*KEPT.arrow_schema, DROPPED.arrow_schema.field("reasons")])


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
        rows = staging.keep(tables.spark, features.mapInArrow(decide, from_arrow_schema(VERDICTS)), "verdicts")
        is_kept = F.size("reasons") == 0
        kept, dropped = rows.where(is_kept).select(*KEPT.names), rows.where(~is_kept).select(*DROPPED.names)
        check_counts(tables, features.count(), rows.groupBy(is_kept).count().collect())
        tables.account.read_bytes = features.agg(F.coalesce(F.sum("size_bytes"), F.lit(0))).first()[0]  # type: ignore[index]
        reasons = dropped.select(F.explode("reasons").alias("reason")).groupBy("reason").count().collect()
        tables.account.dropped |= {row.reason: row["count"] for row in reasons}
        yield Replace(KEPT, kept, "policy", policy.name)
        yield Replace(DROPPED, dropped, "policy", policy.name)


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
    columns = {
        **{name: features.column(name) for name in ("kind", "candidate", "size_bytes", "token_estimate")},
        **{name: pc.struct_field(picked, name) for name in ("repository", "path", "language", "licence")},
        "policy": pa.array([policy.name] * rows, pa.string()),
        "policy_hash": pa.array([policy.hash] * rows, pa.string()),
        "split": pa.array(np.where(np.asarray(features.column("is_held_out")), "held_out", "train"), pa.string()),
        "reasons": found.reasons,
    }
    return pa.RecordBatch.from_arrays([columns[name].cast(VERDICTS.field(name).type) for name in VERDICTS.names], schema=VERDICTS)


JOB = Job("decide.verdicts", "applies the policy", (FEATURES,), (KEPT, DROPPED), transform, VerdictsParams, check=VerdictsParams.resolved)
