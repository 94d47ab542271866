"""`codemill decide`: run the phase, or with `--what-if` see what another policy would keep, without writing anything and without Spark."""

import argparse
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rich.table import Table as RichTable

from jobs.commands import run
from jobs.commands.options import add_lake, add_parser, console
from jobs.decide.policy import Policy, with_changes
from jobs.decide.profiles import profile
from jobs.decide.rules import flat_occurrences, judge
from jobs.decide.survivors import containers, ranks, reasons_of
from jobs.pipeline import JOBS
from jobs.runtime.errors import CodemillError, UsageError
from schemas.decide import FEATURES
from schemas.lake import Lake
from schemas.mix import MANIFEST

KINDS = ("file", "repository")


@dataclass
class Tally:
    """What a policy does to all candidates of a kind: documents and bytes kept by language, drops by reason."""

    candidates: int = 0
    documents: Counter[str] = field(default_factory=Counter)
    size_bytes: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    competing: list[pa.Table] = field(default_factory=list)

    def add(self, policy: Policy, features: pa.RecordBatch) -> None:
        verdicts = judge(policy, features)
        picked = flat_occurrences(features).take(pa.array(verdicts.picked))
        rank = ranks(policy, features, picked, verdicts.is_kept)
        language = pc.fill_null(pc.struct_field(picked, "language"), "none")
        columns = {"language": language, "size": features.column("size_bytes"), "group": features.column("duplicate_group"), "rank": rank}
        rows = pa.table(columns | {"container": containers(policy, features)})
        self.competing.append(rows.filter(pc.is_valid(rank)))
        self.keep(rows.filter(pc.and_(pa.array(verdicts.is_kept), pc.is_null(rank))))
        for item in pc.value_counts(verdicts.reasons.flatten()).to_pylist():
            self.dropped[item["values"]] += item["counts"]
        self.candidates += features.num_rows

    def keep(self, rows: pa.Table) -> None:
        for row in rows.group_by("language").aggregate([("size", "sum"), ("size", "count")]).to_pylist():
            self.documents[row["language"]] += row["size_count"]
            self.size_bytes[row["language"]] += row["size_sum"]

    def settle(self) -> None:
        """Keeps the best of every group of near-duplicates, unless it is contained, when all candidates have been added."""
        if not self.competing:
            return
        members = pa.concat_tables(self.competing)
        best = members.group_by("group").aggregate([("rank", "min")])
        groups = best.column("group").combine_chunks()
        ranks_of = {
            name: best.column("rank_min").take(pc.index_in(members.column(name), value_set=groups)) for name in ("group", "container")
        }
        reasons = reasons_of(members.column("rank"), ranks_of["group"], ranks_of["container"])
        self.keep(members.filter(pc.is_null(reasons)))
        for item in pc.value_counts(reasons.drop_null()).to_pylist():
            self.dropped[item["values"]] += item["counts"]

    @property
    def kept(self) -> int:
        return sum(self.documents.values())


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
    now = profile(arguments.profile)
    then = with_changes(now, changes_of(arguments.what_if))
    tallies = tally(lake, now, then)
    rates = bytes_per_token(lake, arguments.profile)
    if arguments.json:
        found = as_json(now, then, *tallies["file"], rates)
        print(json.dumps(found | {"repositories": as_json(now, then, *tallies["repository"], {})}))
    else:
        show(now, then, tallies, rates)
    return 0


def changes_of(texts: list[str]) -> dict[str, str]:
    given = [text for text in texts if text]
    for text in given:
        if "=" not in text:
            raise UsageError(f"--what-if {text}: expected FIELD=VALUE, such as max_error_share=0.05")
    return dict(text.split("=", 1) for text in given)  # type: ignore[misc]


def tally(lake: Lake, now: Policy, then: Policy) -> dict[str, tuple[Tally, Tally]]:
    """Judges every candidate by both policies, in one pass over the features, batch by batch; by kind."""
    found = {kind: (Tally(), Tally()) for kind in KINDS}
    for batch in lake.scan(FEATURES):
        for kind, tallies in found.items():
            of_kind = batch.filter(pc.equal(batch.column("kind"), kind))
            for policy, one in zip((now, then), tallies, strict=True):
                if of_kind.num_rows:
                    one.add(policy, of_kind)
    for tallies in found.values():
        for one in tallies:
            one.settle()
    if not found["file"][0].candidates:
        raise CodemillError(f"{lake.path(FEATURES.name)} holds no candidate; `codemill decide --lake {lake.root}` fills it")
    return found


def bytes_per_token(lake: Lake, mixture: str) -> dict[str, float]:
    """Bytes per token by language, as mix counted them; '' holds that of all languages. Empty before mix has run."""
    rows = lake.read(MANIFEST, ["language", "token_count", "text_bytes"], pc.field("mixture") == mixture)
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


def show(now: Policy, then: Policy, tallies: dict[str, tuple[Tally, Tally]], rates: dict[str, float]) -> None:
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
    if tallies["repository"][0].candidates:
        out.print(reasons_table("repositories", *tallies["repository"]))
    origin = "as counted by mix" if rates else "3.5 bytes a token, until mix has counted"
    out.print(f"{before.candidates:,} distinct texts; one counts once for each of its reasons; tokens {origin}. Nothing was written.")


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
