"""What two policies do to the same candidates, counted without Spark: what `codemill decide --what-if` shows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.decide import quality
from jobs.decide.page_quality import is_scored, no_page_scorer, page_limits, page_reasons_of
from jobs.decide.policy import Policy
from jobs.decide.rules import flat_occurrences, judge
from jobs.decide.survivors import GROUPS_OF, containers, lie_in_winners, ranks, reasons_of
from jobs.runtime.errors import CodemillError
from schemas.annotate import SCORES
from schemas.decide import CUTS, FEATURES
from schemas.lake import Lake

KINDS = ("file", "repository", "commit", "page")
NOBODY: Mapping[str, "Scored | None"] = {}
PASSING = ["candidate", "language", "size", "category"]


@dataclass
class Tally:
    """What a policy does to all candidates of a kind: documents and bytes kept by language, drops by reason."""

    candidates: int = 0
    documents: Counter[str] = field(default_factory=Counter)
    size_bytes: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    competing: list[pa.Table] = field(default_factory=list)
    passing: list[pa.Table] = field(default_factory=list)
    cuts: dict[str, int] = field(default_factory=dict)

    def add(self, policy: Policy, features: pa.RecordBatch) -> None:
        verdicts = judge(policy, features)
        picked = flat_occurrences(features).take(pa.array(verdicts.picked))
        rank = ranks(policy, features, picked, verdicts.is_kept)
        language = pc.fill_null(pc.struct_field(picked, "language"), "none")
        columns = {"candidate": features.column("candidate"), "language": language, "size": features.column("size_bytes")}
        columns |= {"category": features.column("page_category")}
        container, container_group = containers(policy, features)
        columns |= {"group": features.column("duplicate_group"), "rank": rank, "container": container, "container_group": container_group}
        rows = pa.table(columns).filter(pa.array(verdicts.is_kept))
        is_competing = pc.is_valid(rows.column("rank"))
        self.competing.append(rows.filter(is_competing))
        self.passing.append(rows.filter(pc.invert(is_competing)).select(PASSING))
        for item in pc.value_counts(verdicts.reasons.flatten()).to_pylist():
            self.dropped[item["values"]] += item["counts"]
        self.candidates += features.num_rows

    def keep(self, rows: pa.Table) -> None:
        for row in rows.group_by("language").aggregate([("size", "sum"), ("size", "count")]).to_pylist():
            self.documents[row["language"]] += row["size_count"]
            self.size_bytes[row["language"]] += row["size_sum"]

    def settle(self, best: pa.Table) -> None:
        """Of every group of near-duplicates the best passes, unless it is contained. `best` has `group` and `rank_min`."""
        if not self.competing:
            return
        members = pa.concat_tables(self.competing)
        groups = best.column("group").combine_chunks()
        places = {n: pc.index_in(members.column(n), value_set=groups, skip_nulls=True) for n in ("group", "container_group")}
        ranks_of = {name: best.column("rank_min").take(place) for name, place in places.items()}
        rank, container, container_best = members.column("rank"), members.column("container"), ranks_of["container_group"]
        lies = lie_in_winners(rank, container, container_best)
        lying = members.column("candidate").filter(pc.and_(lies, pc.equal(rank, ranks_of["group"])))
        reasons = reasons_of(rank, ranks_of["group"], container_best, pc.and_(lies, pc.invert(pc.is_in(container, value_set=lying))))
        self.passing.append(members.filter(pc.is_null(reasons)).select(PASSING))
        self.count(reasons)

    def judge_quality(self, policy: Policy, scored: "Scored | None") -> None:
        """Keeps what passes, less what is too poor. When all groups are settled; `scored` None where the policy asks no scorer."""
        passing = pa.concat_tables(self.passing) if self.passing else None
        self.passing = []
        if passing is None:
            return
        if scored is None:
            self.keep(passing)
            return
        found = passing.join(scored.scores, "candidate", join_type="left outer").combine_chunks()
        percent, is_seen = (found.column(name).combine_chunks() for name in ("score_percent", "is_seen"))
        is_seen = pc.fill_null(is_seen, False)
        if scored.kind == "page":
            reasons = page_reasons_of(percent, is_seen, page_limits(policy, found.column("category").combine_chunks()))
        else:
            self.cuts = scored.cuts_of(policy, found)
            reasons = quality.reasons_of(percent, is_seen, quality.limits(policy, self.cuts, found.column("language")))
        self.keep(found.filter(pc.is_null(reasons)))
        self.count(reasons)

    def count(self, reasons: pa.Array) -> None:
        for item in pc.value_counts(reasons.drop_null()).to_pylist():
            self.dropped[item["values"]] += item["counts"]

    @property
    def kept(self) -> int:
        return sum(self.documents.values())


def settle(tallies: Sequence[Tally]) -> None:
    """Settles the groups of kinds that share them. When all candidates have been added."""
    competing = [table for one in tallies for table in one.competing]
    if competing:
        best = pa.concat_tables(competing).group_by("group").aggregate([("rank", "min")])
        for one in tallies:
            one.settle(best)


@dataclass(frozen=True)
class Scored:
    """What a scorer says: `scores` has candidate, score_percent and is_seen, which is true; `frozen` the rows of decide/cuts."""

    scorer: str
    scores: pa.Table
    frozen: pa.Table
    oracle: str | None = None
    kind: str = "file"

    def cuts_of(self, policy: Policy, passing: pa.Table) -> dict[str, int]:
        """The frozen cut where there is one, else the one that would be computed of what passes and has a score."""
        cuts = self.frozen.filter(quality.is_cut_of(policy, self.scorer))
        if not cuts.num_rows:
            counts: dict[str, np.ndarray] = {}
            by_score = passing.filter(pc.is_valid(passing.column("score_percent"))).group_by(["language", "score_percent"])
            for row in by_score.aggregate([([], "count_all")]).to_pylist():
                counts.setdefault(row["language"], np.zeros(101, np.int64))[row["score_percent"]] += row["count_all"]
            cuts = quality.new_cuts(policy, self.scorer, counts)
        return quality.cut_by_language(cuts)


def scored_by(lake: Lake, asked: str, kind: str = "file") -> Scored | None:
    scorer = quality.chosen_scorer(quality.scorers(lake), asked, kind)
    if scorer is None:
        return None
    scores = lake.read(SCORES, ["content_sha256", "score_percent"], pc.field("version") == scorer)
    scores = scores.rename_columns(["candidate", "score_percent"]).append_column("is_seen", pa.repeat(True, scores.num_rows))
    return Scored(scorer, scores, lake.read(CUTS), quality.oracle_of(lake, scorer), kind)


def tally(lake: Lake, now: Policy, then: Policy, scored: Mapping[str, Scored | None] = NOBODY) -> dict[str, tuple[Tally, Tally]]:
    """Judges every candidate by both policies, in one pass over the features, batch by batch; by kind, as `scored` is too."""
    found = {kind: (Tally(), Tally()) for kind in KINDS}
    for batch in lake.scan(FEATURES):
        for kind, tallies in found.items():
            of_kind = batch.filter(pc.equal(batch.column("kind"), kind))
            for policy, one in zip((now, then), tallies, strict=True):
                if of_kind.num_rows:
                    one.add(policy, of_kind)
    for kinds in {GROUPS_OF[kind] for kind in KINDS}:
        for side in (0, 1):
            settle([found[kind][side] for kind in KINDS if GROUPS_OF[kind] == kinds])
    for kind, tallies in found.items():
        for policy, one in zip((now, then), tallies, strict=True):
            one.judge_quality(policy, asked_scorer(lake, policy, one, kind, scored.get(kind)))
    if not any(now_then[0].candidates for now_then in found.values()):
        raise CodemillError(f"{lake.path(FEATURES.name)} holds no candidate; `codemill decide --lake {lake.root}` fills it")
    return found


def asked_scorer(lake: Lake, policy: Policy, found: Tally, kind: str, scored: Scored | None) -> Scored | None:
    """The scorer that the policy asks of candidates of this kind. Raises `CodemillError` where `decide.verdicts` would."""
    if kind == "page" and is_scored(policy):
        if scored is None and any(rows.num_rows for rows in found.passing):
            raise no_page_scorer(lake)
        return scored
    return scored if kind == "file" and quality.is_asked(policy) else None
