"""Says what is kept: what passes the gates, less what a scorer finds too poor.

Reads   decide/features (their number, kinds of sites), decide/gates, annotate/scores
Writes  decide/cuts, when a cut is asked for the first time; decide/kept, decide/dropped; the rows of the policy's name are replaced
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.decide.page_quality import is_scored, no_page_scorer, page_limits, page_reasons_of
from jobs.decide.policy import Policy
from jobs.decide.profiles import PolicyParams
from jobs.decide.quality import Counts, chosen_scorer, cut_by_language, is_asked, is_cut_of, kind_of, limits, new_cuts, reasons_of
from jobs.runtime.errors import CodemillError, CountsError, UsageError
from jobs.runtime.job import Job, Replace, Write, parameter
from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from schemas.annotate import SCORES
from schemas.decide import CUTS, DROPPED, FEATURES, GATES, KEPT
from schemas.spark import spark_schema

PASSES = "kind = 'file' and size(reasons) = 0"
PAGE_PASSES = "kind = 'page' and size(reasons) = 0"


@dataclass(frozen=True)
class VerdictsParams(PolicyParams):
    policy_hash: str = parameter("", "refuses to run unless the policy has this hash")
    scorer: str = parameter(
        "", "version in annotate/scores whose scores count; `none`: quality is not judged (default: the one there is, if any)"
    )
    page_scorer: str = parameter(
        "", "version in annotate/scores whose scores of pages count where the policy says page_quality=scorer (default: the one there is)"
    )
    new_cut: bool = parameter(False, "compute the cut of drop_worst anew, from the files of now")

    def checked(self) -> Policy:
        policy = self.resolved()
        if self.policy_hash and self.policy_hash != policy.hash:
            raise UsageError(f"the policy {policy.name} has the hash {policy.hash}, and not {self.policy_hash}")
        if self.page_scorer and not is_scored(policy):
            raise UsageError(
                f"page_scorer {self.page_scorer}: the policy has pages rated by {policy.page_quality}. Add page_quality=scorer to it"
            )
        return policy


def transform(tables: Tables, params: VerdictsParams) -> Iterator[Write]:
    policy = params.checked()
    gates = tables[GATES].where(F.col("policy") == policy.name)
    check_gates(tables, gates, policy)
    kinds = {row.version: kind_of(tables.lake, row.version) for row in tables[SCORES].select("version").distinct().collect()}
    scorer = chosen_scorer(kinds, params.scorer) if is_asked(policy) else None
    page_scorer = chosen_scorer(kinds, params.page_scorer, "page") if is_scored(policy) else None
    if is_scored(policy) and page_scorer is None and not gates.where(PAGE_PASSES).isEmpty():
        raise no_page_scorer(tables.lake)
    with Staging(tables.lake, tables.run) as staging:
        rows = staging.keep(tables.spark, scored(tables, gates, {"file": scorer, "page": page_scorer}), "scored")
        cuts = pa.Table.from_pylist([], schema=CUTS.arrow_schema)
        if scorer and policy.drop_worst is not None:
            cuts, written = frozen(tables, rows, policy, scorer, params.new_cut)
            if written is not None:
                yield Replace(CUTS, tables.spark.createDataFrame(written.to_pylist(), spark_schema(CUTS)), "policy", policy.name)
        judged = with_quality(rows, policy, cut_by_language(cuts)) if scorer or page_scorer else rows
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


def scored(tables: Tables, gates: DataFrame, scorers: dict[str, str | None]) -> DataFrame:
    """The gates' rows with what verdicts say of scores, and `page_category`; `score_percent` is null where they do not pass or have none,
    `is_seen` says where there is a row of the scorer's.

    scorers: by kind of candidates whose scores count, None where they are not asked for.
    """
    scorer = F.lit(None).cast("string")
    for kind, version in scorers.items():
        scorer = F.when(F.col("kind") == kind, F.lit(version).cast("string")).otherwise(scorer)
    nothing = {"score_percent": F.lit(None).cast("long"), "page_category": F.lit(None).cast("string"), "is_seen": F.lit(False)}
    gates = gates.withColumns({"least_score_percent": F.lit(None).cast("long"), "scorer": scorer})
    asked = [version for version in scorers.values() if version]
    if not asked:
        return gates.withColumns(nothing)
    scores = tables[SCORES].where(F.col("version").isin(asked))
    scores = scores.select(
        F.col("content_sha256").alias("candidate"), F.col("version").alias("scorer"), "score_percent", F.lit(True).alias("is_seen")
    )
    percent = F.when(F.size("reasons") == 0, F.col("score_percent").cast("long"))
    rows = gates.join(scores, ["candidate", "scorer"], "left")
    rows = rows.withColumns({"score_percent": percent, "is_seen": F.coalesce("is_seen", F.lit(False))})
    if scorers["page"] is None:
        return rows.withColumn("page_category", nothing["page_category"])
    categories = tables[FEATURES].where("kind = 'page'").select("kind", "candidate", "page_category")
    return rows.join(categories, ["kind", "candidate"], "left")


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
    """Fills `least_score_percent` of what passes the gates and is judged by scores, and adds the reason why it falls short."""

    def judge(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            reasons, names = batch.column("reasons"), batch.schema.names
            passes = pc.and_(pc.is_valid(batch.column("scorer")), pc.equal(pc.list_value_length(reasons), 0))
            is_page, percent, is_seen = pc.equal(batch.column("kind"), "page"), batch.column("score_percent"), batch.column("is_seen")
            of_page, of_file = page_limits(policy, batch.column("page_category")), limits(policy, cuts, batch.column("language"))
            least = pc.if_else(passes, pc.if_else(is_page, of_page, of_file), None)
            found = pc.if_else(is_page, page_reasons_of(percent, is_seen, least), reasons_of(percent, is_seen, least))
            found = pc.if_else(passes, found, None)
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
