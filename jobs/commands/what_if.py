"""`codemill decide`: run the phase, or with `--what-if` see what another policy would keep, without writing anything and without Spark."""

import argparse
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rich.table import Table as RichTable

from jobs.commands import run
from jobs.commands.options import add_lake, add_parser, console
from jobs.commands.tallies import Scored, Tally, scored_by, tally
from jobs.decide import quality
from jobs.decide.page_quality import is_scored, judge_told
from jobs.decide.policy import Policy, with_changes
from jobs.decide.profiles import PolicyParams
from jobs.pipeline import JOBS
from jobs.runtime.errors import UsageError
from schemas.lake import Lake
from schemas.mix import MANIFEST

OTHERS = (("repository", "repositories"), ("commit", "commits"), ("page", "pages"))


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
    now = PolicyParams(arguments.profile, run.policy_changes(arguments)).resolved()
    then = with_changes(now, changes_of(arguments.what_if))
    scored = {
        "file": scored_by(lake, arguments.scorer) if quality.is_asked(now) or quality.is_asked(then) else None,
        "page": scored_by(lake, arguments.page_scorer, "page") if is_scored(now) or is_scored(then) else None,
    }
    tallies = tally(lake, now, then, scored)
    rates = bytes_per_token(lake, arguments.profile)
    if arguments.json:
        found = as_json(now, then, *tallies["file"], rates)
        found |= named(scored["file"])
        others = {name: as_json(now, then, *tallies[kind], {}) for kind, name in OTHERS}
        others["pages"] |= named(scored["page"])
        print(json.dumps(found | others))
    else:
        show(now, then, tallies, rates, scored)
    return 0


def named(scored: Scored | None) -> dict[str, str | None]:
    return {"scorer": scored.scorer, "oracle": scored.oracle} if scored else {"scorer": None, "oracle": None}


def changes_of(texts: list[str]) -> dict[str, str]:
    given = [text for text in texts if text]
    for text in given:
        if "=" not in text:
            raise UsageError(f"--what-if {text}: expected FIELD=VALUE, such as max_error_share=0.05")
    return dict(text.split("=", 1) for text in given)  # type: ignore[misc]


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


def show(
    now: Policy, then: Policy, tallies: dict[str, tuple[Tally, Tally]], rates: dict[str, float], scored: Mapping[str, Scored | None]
) -> None:
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
    out.print(quality_told(then, after, scored["file"]), highlight=False)
    if tallies["page"][0].candidates:
        of_pages = scored["page"] if is_scored(then) else None
        by = judge_told(of_pages.scorer, of_pages.oracle) if of_pages else judge_told(None)
        out.print(f"What if has pages rated by {by}.", highlight=False)
    origin = "as counted by mix" if rates else "3.5 bytes a token, until mix has counted"
    out.print(f"{before.candidates:,} distinct texts; one counts once for each of its reasons; tokens {origin}. Nothing was written.")


def quality_told(policy: Policy, found: Tally, scored: Scored | None) -> str:
    if scored is None:
        return "No scorer is asked: min_score_percent and drop_worst drop nothing."
    limit = quality.limits(policy, found.cuts, pa.array([None], pa.string()))[0]
    own = f", languages with a cut of their own: {len(found.cuts) - 1}" if len(found.cuts) > 1 else ""
    low = found.dropped[quality.LOW_SCORE]
    share = low / max(1, low + found.dropped[quality.NOT_SCORED] + found.dropped[quality.NOT_FINITE] + found.kept)
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
