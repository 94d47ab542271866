"""`codemill decide`: run the phase, or with `--what-if` see what another policy would keep, without writing anything and without Spark."""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rich.table import Table as RichTable

from jobs.commands import run
from jobs.commands.options import add_lake, add_parser, console
from jobs.decide import quality
from jobs.decide.policy import Policy, with_changes
from jobs.decide.profiles import PolicyParams
from jobs.decide.rules import flat_occurrences, judge
from jobs.decide.survivors import GROUPS_OF, containers, ranks, reasons_of
from jobs.pipeline import JOBS
from jobs.runtime.errors import CodemillError, UsageError
from schemas.annotate import SCORES
from schemas.decide import CUTS, FEATURES
from schemas.lake import Lake
from schemas.mix import MANIFEST

KINDS = ("file", "repository", "commit", "page")
OTHERS = (("repository", "repositories"), ("commit", "commits"), ("page", "pages"))
PASSING = ["candidate", "language", "size"]


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
        columns |= {"group": features.column("duplicate_group"), "rank": rank, "container": containers(policy, features)}
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
        places = {n: pc.index_in(members.column(n), value_set=groups, skip_nulls=True) for n in ("group", "container")}
        ranks_of = {name: best.column("rank_min").take(place) for name, place in places.items()}
        reasons = reasons_of(members.column("rank"), ranks_of["group"], ranks_of["container"])
        self.passing.append(members.filter(pc.is_null(reasons)).select(PASSING))
        self.count(reasons)

    def judge_quality(self, policy: Policy, scored: "Scored | None") -> None:
        """Keeps what passes, less what is too poor. When all groups are settled; `scored` None where no scorer is asked."""
        passing = pa.concat_tables(self.passing) if self.passing else None
        self.passing = []
        if passing is None:
            return
        if scored is None or not quality.is_asked(policy):
            self.keep(passing)
            return
        found = passing.join(scored.scores, "candidate", join_type="left outer").combine_chunks()
        self.cuts = scored.cuts_of(policy, found)
        least = quality.limits(policy, self.cuts, found.column("language"))
        reasons = quality.reasons_of(found.column("score_percent").combine_chunks(), least)
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
    """What a scorer says: `scores` has candidate and score_percent, `frozen` the rows of decide/cuts."""

    scorer: str
    scores: pa.Table
    frozen: pa.Table
    oracle: str | None = None

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


def add(commands: Any) -> None:
    names = ", ".join(job.name for job in JOBS if job.phase == "decide")
    found = add_parser(commands, "decide", decide, f"run the jobs of the phase decide: {names}; or try another policy with --what-if")
    found.set_defaults(phase="decide")
    add_lake(found)
    help = "what the profile would keep with FIELD=VALUE changed (repeatable; without a value: show the profile); nothing is written"
    found.add_argument("--what-if", action="append", nargs="?", const="", metavar="FIELD=VALUE", help=help)
    run.add_common(found)


def decide(arguments: argparse.Namespace) -> int:
    if arguments.what_if is None:
        return run.run_phase(arguments)
    lake = Lake.at(arguments.lake)
    lake.check_format()
    now = PolicyParams(arguments.profile, tuple(arguments.policy)).resolved()
    then = with_changes(now, changes_of(arguments.what_if))
    scored = scored_by(lake, arguments.scorer) if quality.is_asked(now) or quality.is_asked(then) else None
    tallies = tally(lake, now, then, scored)
    rates = bytes_per_token(lake, arguments.profile)
    if arguments.json:
        found = as_json(now, then, *tallies["file"], rates)
        found["scorer"] = scored and scored.scorer
        others = {name: as_json(now, then, *tallies[kind], {}) for kind, name in OTHERS}
        print(json.dumps(found | others))
    else:
        show(now, then, tallies, rates, scored)
    return 0


def changes_of(texts: list[str]) -> dict[str, str]:
    given = [text for text in texts if text]
    for text in given:
        if "=" not in text:
            raise UsageError(f"--what-if {text}: expected FIELD=VALUE, such as max_error_share=0.05")
    return dict(text.split("=", 1) for text in given)  # type: ignore[misc]


def scored_by(lake: Lake, asked: str) -> Scored | None:
    scorer = quality.chosen_scorer(quality.scorers(lake), asked)
    if scorer is None:
        return None
    scores = lake.read(SCORES, ["content_sha256", "score_percent"], pc.field("version") == scorer)
    return Scored(scorer, scores.rename_columns(["candidate", "score_percent"]), lake.read(CUTS), quality.oracle_of(lake, scorer))


def tally(lake: Lake, now: Policy, then: Policy, scored: Scored | None = None) -> dict[str, tuple[Tally, Tally]]:
    """Judges every candidate by both policies, in one pass over the features, batch by batch; by kind."""
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
            one.judge_quality(policy, scored if kind == "file" else None)
    if not any(now_then[0].candidates for now_then in found.values()):
        raise CodemillError(f"{lake.path(FEATURES.name)} holds no candidate; `codemill decide --lake {lake.root}` fills it")
    return found


def bytes_per_token(lake: Lake, mixture: str) -> dict[str, float]:
    """Bytes per token by language, as mix counted them; '' holds that of all languages. Empty before mix has run."""
    rows = lake.read(MANIFEST, ["language", "token_count", "text_bytes"], (pc.field("mixture") == mixture) & (pc.field("kind") == "file"))
    if not rows.num_rows:
        return {}
    sums = rows.group_by("language").aggregate([("token_count", "sum"), ("text_bytes", "sum")]).to_pylist()
    rates = {row["language"]: row["text_bytes_sum"] / row["token_count_sum"] for row in sums if row["token_count_sum"]}
    return rates | {"": float(np.divide(sum(rows["text_bytes"].to_pylist()), sum(rows["token_count"].to_pylist())))}


def tokens(found: Tally, language: str, rates: dict[str, float]) -> int:
    from jobs.decide.features import BYTES_PER_TOKEN

    return round(found.size_bytes[language] / rates.get(language, rates.get("", BYTES_PER_TOKEN)))


def as_json(now: Policy, then: Policy, before: Tally, after: Tally, rates: dict[str, float]) -> dict[str, Any]:
    def one(policy: Policy, found: Tally) -> dict[str, Any]:
        by_language = {name: {"documents": n, "tokens": tokens(found, name, rates)} for name, n in sorted(found.documents.items())}
        dropped = found.candidates - found.kept
        return {
            "policy_hash": policy.hash,
            "kept": found.kept,
            "dropped": dropped,
            "reasons": dict(sorted(found.dropped.items())),
            "languages": by_language,
        }

    return {"profile": now.name, "candidates": before.candidates, "now": one(now, before), "what_if": one(then, after)}


def show(now: Policy, then: Policy, tallies: dict[str, tuple[Tally, Tally]], rates: dict[str, float], scored: Scored | None) -> None:
    out = console()
    before, after = tallies["file"]
    changed = [f"{key} {old} → {new}" for key, old, new in differences(now, then)]
    out.print(f"profile {now.name}: {'; '.join(changed) if changed else 'as it is'}", markup=False, highlight=False)
    languages = RichTable("language", "kept now", "what if", "tokens now", "what if", "change")
    for column in languages.columns[1:]:
        column.justify = "right"
    for name in sorted(set(before.documents) | set(after.documents), key=lambda n: (-after.size_bytes[n], n)):
        languages.add_row(
            name,
            *cells(before.documents[name], after.documents[name]),
            *cells(tokens(before, name, rates), tokens(after, name, rates), True),
        )
    total = [sum(tokens(found, name, rates) for name in found.documents) for found in (before, after)]
    languages.add_section()
    languages.add_row("all", *cells(before.kept, after.kept), *cells(total[0], total[1], True))
    out.print(languages)
    out.print(reasons_table("files", before, after))
    for kind, name in OTHERS:
        if tallies[kind][0].candidates:
            out.print(reasons_table(name, *tallies[kind]))
    out.print(quality_told(then, after, scored), highlight=False)
    origin = "as counted by mix" if rates else "3.5 bytes a token, until mix has counted"
    out.print(f"{before.candidates:,} distinct texts; one counts once for each of its reasons; tokens {origin}. Nothing was written.")


def quality_told(policy: Policy, found: Tally, scored: Scored | None) -> str:
    if scored is None:
        return "No scorer is asked: min_score_percent and drop_worst drop nothing."
    limit = quality.limits(policy, found.cuts, pa.array([None], pa.string()))[0]
    own = f", languages with a cut of their own: {len(found.cuts) - 1}" if len(found.cuts) > 1 else ""
    low = found.dropped[quality.LOW_SCORE]
    share = low / max(1, low + found.dropped[quality.NOT_SCORED] + found.kept)
    by = scored.scorer + quality.oracle_told(scored.oracle)
    return f"Scores by {by}: what if asks for {limit} %, of which {share:.1%} of the files that pass all else fall short{own}."


def reasons_table(what: str, before: Tally, after: Tally) -> RichTable:
    table = RichTable(f"{what} dropped because", "now", "what if", "change")
    for column in table.columns[1:]:
        column.justify = "right"
    for name in sorted(set(before.dropped) | set(after.dropped)):
        table.add_row(name, *cells(before.dropped[name], after.dropped[name], True))
    table.add_section()
    table.add_row(f"{what} kept", *cells(before.kept, after.kept, True))
    return table


def differences(now: Policy, then: Policy) -> list[tuple[str, Any, Any]]:
    """Fields that differ, limits by language one by one."""
    by_language = "max_error_share_by_language"
    names = [name for name in now.__dataclass_fields__ if name != by_language and getattr(now, name) != getattr(then, name)]
    found = [(name, getattr(now, name), getattr(then, name)) for name in names]
    old, new = dict(getattr(now, by_language)), dict(getattr(then, by_language))
    limits = [
        (f"max_error_share.{key}", old.get(key, now.max_error_share), new.get(key, then.max_error_share)) for key in sorted({*old, *new})
    ]
    return found + [limit for limit in limits if limit[1] != limit[2]]


def cells(now: int, then: int, has_change: bool = False) -> list[str]:
    return [f"{now:,}", f"{then:,}"] + ([f"{then - now:+,}" if then != now else ""] if has_change else [])
