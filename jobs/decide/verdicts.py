"""Says what is kept: what passes the gates, less what a scorer finds too poor.

Reads   decide/features (their number), decide/gates, annotate/scores
Writes  decide/cuts, when a cut is asked for the first time; decide/kept, decide/dropped; the rows of the policy's name are replaced
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.decide.policy import Policy
from jobs.decide.profiles import PolicyParams
from jobs.decide.quality import Counts, chosen_scorer, cut_by_language, is_asked, is_cut_of, limits, new_cuts, reasons_of
from jobs.runtime.errors import CodemillError, CountsError, UsageError
from jobs.runtime.job import Job, Replace, Write, parameter
from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from schemas.annotate import SCORES
from schemas.decide import CUTS, DROPPED, FEATURES, GATES, KEPT
from schemas.spark import spark_schema

PASSES = "kind = 'file' and size(reasons) = 0"


@dataclass(frozen=True)
class VerdictsParams(PolicyParams):
    policy_hash: str = parameter("", "refuses to run unless the policy has this hash")
    scorer: str = parameter(
        "", "version in annotate/scores whose scores count; `none`: quality is not judged (default: the one there is, if any)"
    )
    new_cut: bool = parameter(False, "compute the cut of drop_worst anew, from the files of now")

    def checked(self) -> Policy:
        policy = self.resolved()
        if self.policy_hash and self.policy_hash != policy.hash:
            raise UsageError(f"the policy {policy.name} has the hash {policy.hash}, and not {self.policy_hash}")
        return policy


def transform(tables: Tables, params: VerdictsParams) -> Iterator[Write]:
    policy = params.checked()
    gates = tables[GATES].where(F.col("policy") == policy.name)
    check_gates(tables, gates, policy)
    versions = (row.version for row in tables[SCORES].select("version").distinct().collect())
    scorer = chosen_scorer(versions, params.scorer) if is_asked(policy) else None
    with Staging(tables.lake, tables.run) as staging:
        rows = staging.keep(tables.spark, scored(tables, gates, scorer), "scored")
        cuts = pa.Table.from_pylist([], schema=CUTS.arrow_schema)
        if scorer and policy.drop_worst is not None:
            cuts, written = frozen(tables, rows, policy, scorer, params.new_cut)
            if written is not None:
                yield Replace(CUTS, tables.spark.createDataFrame(written.to_pylist(), spark_schema(CUTS)), "policy", policy.name)
        judged = with_quality(rows, policy, cut_by_language(cuts)) if scorer else rows
        judged = judged.withColumn("policy_hash", F.lit(policy.hash))
        is_kept = F.size("reasons") == 0
        dropped = judged.where(~is_kept).select(*DROPPED.names)
        reasons = dropped.select("kind", F.explode("reasons").alias("reason")).groupBy("kind", "reason").count().collect()
        for row in reasons:
            tables.account.dropped[row.reason if row.kind == "file" else f"{row.kind} {row.reason}"] = row["count"]
        yield Replace(KEPT, judged.where(is_kept).select(*KEPT.names), "policy", policy.name)
        yield Replace(DROPPED, dropped, "policy", policy.name)


def check_gates(tables: Tables, gates: DataFrame, policy: Policy) -> None:
    """Raises where the gates are not those of this policy over the features of now: counts would not close."""
    found = gates.agg(F.count("*"), F.coalesce(F.sum("size_bytes"), F.lit(0)), F.collect_set("gates_hash")).first()
    count, size_bytes, hashes = found  # type: ignore[misc]
    tables.account.read_rows, tables.account.read_bytes = count, size_bytes
    if hashes and hashes != [policy.gates_hash]:
        raise CodemillError(
            f"decide/gates of {policy.name} were decided by other values ({', '.join(hashes)}) than this policy's ({policy.gates_hash}). "
            "Run decide.gates with the same --policy, or `codemill decide`, which runs both."
        )
    candidates = tables[FEATURES].count()
    if count != candidates:
        raise CountsError(f"{candidates} candidates, but {count} went through the gates of {policy.name}; run decide.gates again")


def scored(tables: Tables, gates: DataFrame, scorer: str | None) -> DataFrame:
    """The gates' rows with what verdicts say of scores: `score_percent` null where they do not pass or have none; `is_seen` where there is
    a row of the scorer's."""
    gates = gates.withColumn("least_score_percent", F.lit(None).cast("long"))
    if scorer is None:
        none = {"scorer": F.lit(None).cast("string"), "score_percent": F.lit(None).cast("long"), "is_seen": F.lit(False)}
        return gates.withColumns(none)
    scores = tables[SCORES].where(F.col("version") == scorer)
    scores = scores.select(
        F.col("content_sha256").alias("candidate"), F.col("score_percent").cast("long").alias("score"), F.lit(True).alias("is_seen")
    )
    said = {
        "scorer": F.lit(scorer),
        "score_percent": F.when(F.expr(PASSES), F.col("score")),
        "is_seen": F.coalesce("is_seen", F.lit(False)),
    }
    return gates.join(scores, "candidate", "left").withColumns(said).drop("score")


def frozen(tables: Tables, rows: DataFrame, policy: Policy, scorer: str, is_new: bool) -> tuple[pa.Table, pa.Table | None]:
    """The cuts of this policy and scorer; and where they were computed now, all rows that decide/cuts shall have of this policy.

    Raises `CodemillError` where files wait for their scores: a cut over some of them would depend on which came first.
    """
    there = tables.lake.read(CUTS, None, pc.field("policy") == policy.name)
    mine = is_cut_of(policy, scorer)
    if there.filter(mine).num_rows and not is_new:
        return there.filter(mine), None
    by_score = rows.where(PASSES).groupBy("language", "score_percent", "is_seen").count().collect()
    waiting = sum(row["count"] for row in by_score if not row.is_seen)
    if waiting:
        raise CodemillError(
            f"{waiting:,} of {sum(row['count'] for row in by_score):,} files that pass the gates have no score by {scorer}: the cut of the "
            f"worst {policy.drop_worst:.0%} waits for them. Finish `codemill score`, or run without: --scorer none."
        )
    cuts = new_cuts(policy, scorer, counted(by_score))
    return cuts, pa.concat_tables([there.filter(~mine).cast(CUTS.arrow_schema), cuts])


def counted(by_score: list) -> Counts:  # type: ignore[type-arg]
    found: dict[str, np.ndarray] = {}
    for row in (row for row in by_score if row.score_percent is not None):
        found.setdefault(row.language or "", np.zeros(101, np.int64))[row.score_percent] += row["count"]
    return found


def with_quality(rows: DataFrame, policy: Policy, cuts: dict[str, int]) -> DataFrame:
    """Fills `least_score_percent` of files that pass the gates, and adds the reason of `quality.reasons_of`."""

    def judge(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            reasons, names = batch.column("reasons"), batch.schema.names
            passes = pc.and_(pc.equal(batch.column("kind"), "file"), pc.equal(pc.list_value_length(reasons), 0))
            least = pc.if_else(passes, limits(policy, cuts, batch.column("language")), None)
            found = pc.if_else(passes, reasons_of(batch.column("score_percent"), batch.column("is_seen"), least), None)
            columns = dict(zip(names, batch.columns, strict=True)) | {"least_score_percent": least, "reasons": or_one(reasons, found)}
            yield pa.RecordBatch.from_arrays([columns[name] for name in names], schema=batch.schema)

    return rows.mapInArrow(judge, rows.schema)


def or_one(lists: pa.ListArray, found: pa.StringArray) -> pa.ListArray:
    """Lists, but one of a single string where there is a string."""
    is_found = np.asarray(pc.is_valid(found))
    offsets = np.concatenate([[0], np.cumsum(is_found)]).astype(np.int32)
    single = pa.ListArray.from_arrays(pa.array(offsets), found.drop_null()).cast(lists.type)
    place = np.arange(len(found))
    return pa.concat_arrays([lists, single]).take(pa.array(place + is_found * len(found)))


JOB = Job(
    "decide.verdicts",
    "says what is kept and what not",
    reads=(FEATURES, GATES, SCORES),
    writes=(CUTS, KEPT, DROPPED),
    transform=transform,
    params=VerdictsParams,
    check=VerdictsParams.checked,
    identity=lambda params: params.resolved().hash,
)
