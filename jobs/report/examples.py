"""A few kept, dropped and rejected things to look at.

They are chosen by key: the smallest SHA-256 in each of 16 classes by its first digit, so that they are spread like a random draw, the
same on every run, and found in one pass that keeps 16 rows a group.
"""

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from jobs.report.languages import NO_LANGUAGE
from jobs.report.tables import LakeTables, Missing, literals
from jobs.report.verdicts import Policy, dropped_losses, of_policy, reject_losses
from schemas.decide import DROPPED, FEATURES, KEPT
from schemas.ingest import CONTENTS, REJECTS

SHOWN_REASONS = 24
EXAMPLES_PER_REASON = 3
KEPT_EXAMPLES = 8
TEXT_CHARACTERS = 2_500


@dataclass(frozen=True)
class Example:
    """A candidate. `text` is its beginning, None where `ingest/contents` has no such key; `reasons` are all that applied."""

    candidate: str
    repository: str
    path: str
    language: str
    size_bytes: int
    reasons: tuple[str, ...]
    line_count: int | None
    error_bytes_share: float | None
    score_percent: int | None
    text: str | None


@dataclass(frozen=True)
class ReasonExamples:
    """Dropped candidates with this reason. `alone` counts those with no other reason."""

    reason: str
    count: int
    alone: int
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Reject:
    source: str
    locator: str
    detail: str
    size_bytes: int | None


@dataclass(frozen=True)
class ReasonRejects:
    reason: str
    count: int
    size_bytes: int
    examples: tuple[Reject, ...]


def collect_kept(tables: LakeTables, policy: Policy | None) -> tuple[Example, ...] | Missing:
    """A few kept files, of different languages where there are any."""
    missing = tables.missing(KEPT, CONTENTS)
    if missing:
        return missing
    rows = tables.rows(f"""
        select language, min(candidate) as candidate, count(*) as n from decide_kept where {of_policy(policy)}
        group by language, substr(candidate, 1, 1) order by language, candidate""")
    keys = _spread(rows, KEPT_EXAMPLES)
    examples = examples_of(tables, "decide_kept", policy, keys)
    return tuple(examples[key] for key in keys)


def collect_dropped(tables: LakeTables, policy: Policy | None) -> tuple[ReasonExamples, ...] | Missing:
    """For each reason, most frequent first, a few dropped files, of different languages where there are any."""
    missing = tables.missing(DROPPED, CONTENTS)
    if missing:
        return missing
    losses = dropped_losses(tables, policy)[:SHOWN_REASONS]
    rows = tables.rows(f"""
        select reason, language, min(candidate) as candidate, count(*) as n
        from (select unnest(reasons) as reason, language, candidate from decide_dropped where {of_policy(policy)})
        where reason in {literals(loss.reason for loss in losses)}
        group by reason, language, substr(candidate, 1, 1) order by reason, language, candidate""")
    chosen = {reason: _spread(list(group), EXAMPLES_PER_REASON) for reason, group in groupby(rows, lambda row: row["reason"])}
    examples = examples_of(tables, "decide_dropped", policy, sorted({key for keys in chosen.values() for key in keys}))
    shown = {reason: tuple(examples[key] for key in keys) for reason, keys in chosen.items()}
    return tuple(ReasonExamples(loss.reason, loss.count, loss.alone or 0, shown.get(loss.reason, ())) for loss in losses)


def collect_rejects(tables: LakeTables) -> tuple[ReasonRejects, ...] | Missing:
    missing = tables.missing(REJECTS)
    if missing:
        return missing
    losses = reject_losses(tables)[:SHOWN_REASONS]
    draw = "encode(sha256(concat(source, chr(10), locator)), 'hex')"
    reasons = literals(loss.reason for loss in losses)
    least = tables.rows(f"""
        select reason, min({draw}) as draw from ingest_rejects where reason in {reasons}
        group by reason, substr({draw}, 1, 1) order by reason, draw""")
    draws = [row["draw"] for _, group in groupby(least, lambda row: row["reason"]) for row in list(group)[:EXAMPLES_PER_REASON]]
    rows = tables.rows(f"""
        select reason, source, locator, left(detail, 500) as detail, size_bytes from ingest_rejects
        where reason in {reasons} and {draw} in {literals(draws)} order by reason, {draw}, source, locator""")
    examples = {loss.reason: [Reject(**_without(row, "reason")) for row in rows if row["reason"] == loss.reason] for loss in losses}
    return tuple(ReasonRejects(loss.reason, loss.count, loss.size_bytes, tuple(examples[loss.reason])) for loss in losses)


def _spread(rows: list[dict[str, Any]], examples: int) -> list[str]:
    """Keys of so many examples: one of each language, languages with most candidates first, before a second of any."""
    languages = [list(group) for _, group in groupby(rows, lambda row: row["language"])]
    languages.sort(key=lambda group: (-sum(row["n"] for row in group), group[0]["language"] or ""))
    ranked = sorted((rank, place, row["candidate"]) for place, group in enumerate(languages) for rank, row in enumerate(group))
    return [candidate for _, _, candidate in ranked[:examples]]


def examples_of(tables: LakeTables, verdicts: str, policy: Policy | None, keys: list[str]) -> dict[str, Example]:
    """By key, of a table of verdicts. Keys that it does not hold are left out."""
    wanted = f"kind = 'file' and candidate in {literals(keys)}"
    reasons = "reasons" if verdicts == "decide_dropped" else "null as reasons"
    texts = tables.rows(f"""
        select content_sha256, left(text, {TEXT_CHARACTERS}) as text from ingest_contents where content_sha256 in {literals(keys)}""")
    text_of = {row["content_sha256"]: row["text"] for row in texts}
    features = tables.rows(f"select * from decide_features where {wanted}") if tables.has(FEATURES) else []
    features_of = {row["candidate"]: row for row in features}
    columns = f"candidate, repository, path, language, size_bytes, score_percent, {reasons}"
    verdict_rows = tables.rows(f"select {columns} from {verdicts} where {of_policy(policy)} and {wanted}")
    return {row["candidate"]: _example(row, features_of.get(row["candidate"], {}), text_of.get(row["candidate"])) for row in verdict_rows}


def _example(verdict: dict[str, Any], features: dict[str, Any], text: str | None) -> Example:
    shares = (one["error_bytes_share"] for one in features.get("occurrences") or () if one["language"] == verdict["language"])
    return Example(
        candidate=verdict["candidate"],
        repository=verdict["repository"],
        path=verdict["path"],
        language=verdict["language"] or NO_LANGUAGE,
        size_bytes=verdict["size_bytes"],
        reasons=tuple(verdict["reasons"] or ()),
        line_count=features.get("line_count"),
        error_bytes_share=next(shares, None),
        score_percent=verdict["score_percent"],
        text=text,
    )


def _without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}
