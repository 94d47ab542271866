"""Applies the cheap rules of a policy: every candidate passes, or has every reason that applied; of near-duplicates that pass, one does.

Reads   decide/features
Writes  decide/gates; the rows of the policy's name are replaced

What passes is what expensive annotators look at. `decide.verdicts` adds what they say.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.decide.policy import Policy
from jobs.decide.profiles import PolicyParams
from jobs.decide.rules import flat_occurrences, judge
from jobs.decide.survivors import CONTAINED, GROUPS_OF, KEY_AFTER, NEAR_DUPLICATE, OF_HELD_OUT, containers, ranks
from jobs.runtime.job import Job, Replace, Write
from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from schemas.decide import FEATURES, GATES

# `duplicate_group` and `rank` are null where a candidate competes with nobody, container and its group where too little is in it.
JUDGED = pa.schema(
    [
        *(field for field in GATES.arrow_schema if field.name != "survivor"),
        pa.field("duplicate_group", pa.int64()),
        pa.field("container", pa.string()),
        pa.field("container_group", pa.int64()),
        pa.field("rank", pa.string()),
    ]
)


def transform(tables: Tables, params: PolicyParams) -> Iterator[Write]:
    policy = params.resolved()

    def decide(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield judged(policy, batch)

    features = tables[FEATURES]
    with Staging(tables.lake, tables.run) as staging:
        rows = staging.keep(tables.spark, features.mapInArrow(decide, from_arrow_schema(JUDGED)), "judged")
        sizes = features.agg(F.count("*"), F.coalesce(F.sum("size_bytes"), F.lit(0)))
        tables.account.read_rows, tables.account.read_bytes = sizes.first()  # type: ignore[misc]
        yield Replace(GATES, with_survivors(rows).select(*GATES.names), "policy", policy.name)


def with_survivors(rows: DataFrame) -> DataFrame:
    """Adds `survivor`, and reasons as `survivors.reasons_of` gives them to members that are not the best of their group, or contained.

    A container that lies in another one that wins its group holds nobody out.
    """
    groups_of = F.create_map(*(F.lit(word) for pair in GROUPS_OF.items() for word in pair))
    rows = rows.withColumn("groups", groups_of[F.col("kind")])
    best = rows.where("rank is not null").groupBy("groups", "duplicate_group").agg(F.min("rank").alias("best"))
    container = best.select("groups", F.col("duplicate_group").alias("container_group"), F.col("best").alias("container_best"))

    def competing(some: DataFrame) -> DataFrame:
        return some.join(best, ["groups", "duplicate_group"], "left").join(container, ["groups", "container_group"], "left")

    loses = F.col("rank").isNotNull() & (F.col("rank") != F.col("best"))
    split, container_split = (F.left(name, F.lit(1)) for name in ("rank", "container_best"))
    lies_in_winner = (named("container_best") == F.col("container")) & (container_split <= split)
    lying = competing(rows.where("container_group is not null and rank is not null")).where(lies_in_winner & ~loses)
    lying = lying.select("groups", F.col("candidate").alias("container"), F.lit(True).alias("container_lies"))
    rows = competing(rows).join(lying, ["groups", "container"], "left")
    is_contained = (container_split < split) | (lies_in_winner & F.col("container_lies").isNull())
    winner = F.when(loses, F.col("best")).when(is_contained, F.col("container_best"))
    leaks = winner.startswith("0") & F.col("rank").startswith("1")
    reason = F.array(F.when(leaks, OF_HELD_OUT).when(loses, NEAR_DUPLICATE).otherwise(CONTAINED))
    survivor = F.nullif(named(winner), F.lit(""))
    return rows.withColumns({"survivor": survivor, "reasons": F.when(winner.isNotNull(), reason).otherwise(F.col("reasons"))})


def named(rank: Column | str) -> Column:
    """The candidate of a rank; empty where the policy does not deduplicate."""
    rank = F.col(rank) if isinstance(rank, str) else rank
    return F.substring(rank, F.instr(rank, KEY_AFTER) + 1, F.length(rank))


def judged(policy: Policy, features: pa.RecordBatch) -> pa.RecordBatch:
    """Rows of JUDGED for a batch of `decide/features`; reasons empty where all rules are passed."""
    found = judge(policy, features)
    rows = features.num_rows
    picked = flat_occurrences(features).take(pa.array(found.picked))
    rank = ranks(policy, features, picked, found.is_kept)
    container, container_group = containers(policy, features)
    columns = {
        **{name: features.column(name) for name in ("kind", "candidate", "size_bytes", "token_estimate")},
        **{name: pc.struct_field(picked, name) for name in ("repository", "path", "language", "licence")},
        "policy": pa.array([policy.name] * rows, pa.string()),
        "gates_hash": pa.array([policy.gates_hash] * rows, pa.string()),
        "split": pa.array(np.where(np.asarray(features.column("is_held_out")), "held_out", "train"), pa.string()),
        "reasons": found.reasons,
        "rank": rank,
        "container": pc.if_else(pc.is_valid(rank), container, None),
        "container_group": pc.if_else(pc.is_valid(rank), container_group, None),
        "duplicate_group": pc.if_else(pc.is_valid(rank), features.column("duplicate_group"), None),
    }
    return pa.RecordBatch.from_arrays([columns[name].cast(JUDGED.field(name).type) for name in JUDGED.names], schema=JUDGED)


JOB = Job(
    "decide.gates",
    "applies the cheap rules",
    reads=(FEATURES,),
    writes=(GATES,),
    transform=transform,
    params=PolicyParams,
    version=2,
    check=PolicyParams.resolved,
    identity=lambda params: params.resolved().gates_hash,
)
