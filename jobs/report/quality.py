"""What a scorer said of the texts that pass the gates, by language; and texts at both ends and on both sides of the limit."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from jobs.decide.quality import oracle_of
from jobs.report.examples import Example, examples_of
from jobs.report.languages import NO_LANGUAGE, SHOWN_LANGUAGES
from jobs.report.tables import LakeTables, Missing, literal
from jobs.report.verdicts import Policy, of_policy
from schemas.decide import CUTS, DROPPED, KEPT
from schemas.ingest import CONTENTS

CLASS_PERCENT = 10
PARTS = ("below 20 %", "to 40 %", "to 60 %", "to 80 %", "from 80 %")
EXAMPLES = 3


@dataclass(frozen=True)
class Scored:
    """Scored texts of one kind, called `name`: `counts` of each whole percent."""

    name: str
    counts: tuple[int, ...]

    @property
    def scored(self) -> int:
        return sum(self.counts)

    @property
    def mean(self) -> float:
        return float(np.dot(self.counts, np.arange(101))) / max(1, self.scored)

    @property
    def by_part(self) -> tuple[int, ...]:
        """Texts in classes of twenty per cent, a full score in the last."""
        return tuple(sum(self.counts[start : start + 20 + (start == 80)]) for start in range(0, 100, 20))


@dataclass(frozen=True)
class LanguageQuality(Scored):
    """Of a language: the least that is asked, None where nothing is; how many are below."""

    least: int | None
    low: int


@dataclass(frozen=True)
class Cut:
    """A row of decide/cuts."""

    drop_worst: float
    language: str
    min_score_percent: int
    file_count: int
    below_count: int
    population: str


@dataclass(frozen=True)
class Quality:
    """`counts` and `kept` of all languages, by whole percent. `ends` are worst, below the limit, above it, best."""

    scorer: str
    oracle: str | None
    counts: tuple[int, ...]
    kept: tuple[int, ...]
    waiting: int
    languages: tuple[LanguageQuality, ...]
    cuts: tuple[Cut, ...]
    ends: tuple[tuple[str, tuple[Example, ...]], ...]

    @property
    def scored(self) -> int:
        return sum(self.counts)

    @property
    def low(self) -> int:
        return sum(self.counts) - sum(self.kept)


def collect_quality(tables: LakeTables, policy: Policy | None) -> Quality | Missing | None:
    """None where no scorer was asked."""
    missing = tables.missing(KEPT, DROPPED, CONTENTS)
    if missing:
        return missing
    rows = tables.rows(f"""
        select scorer, language, score_percent, least_score_percent, is_kept, count(*) as n from {_scored(policy)}
        group by scorer, language, score_percent, least_score_percent, is_kept order by language, score_percent, is_kept""")
    if not rows:
        return None
    names = {row["language"] for row in rows}
    languages = [_language(name, [row for row in rows if row["language"] == name]) for name in names]
    languages.sort(key=lambda one: (-one.scored, one.name))
    (waiting,) = tables.rows(f"select count(*) as n from decide_dropped where {of_policy(policy)} and array_has(reasons, 'not_scored')")
    return Quality(
        scorer=rows[0]["scorer"],
        oracle=oracle_of(tables.lake, rows[0]["scorer"]),
        counts=_counts(rows),
        kept=_counts([row for row in rows if row["is_kept"]]),
        waiting=waiting["n"],
        languages=tuple(languages[:SHOWN_LANGUAGES]),
        cuts=_cuts(tables, policy, rows),
        ends=_ends(tables, policy),
    )


def _scored(policy: Policy | None) -> str:
    def part(table: str, is_kept: str) -> str:
        columns = f"scorer, language, score_percent, least_score_percent, candidate, {is_kept} as is_kept"
        return f"select {columns} from {table} where {of_policy(policy)} and score_percent is not null"

    return f"({part('decide_kept', 'true')} union all {part('decide_dropped', 'false')})"


def _language(name: str | None, rows: list[dict[str, Any]]) -> LanguageQuality:
    limits = {row["least_score_percent"] for row in rows if row["least_score_percent"] is not None}
    low = sum(row["n"] for row in rows if not row["is_kept"])
    return LanguageQuality(name or NO_LANGUAGE, _counts(rows), max(limits, default=None), low)


def _counts(rows: list[dict[str, Any]]) -> tuple[int, ...]:
    counts = [0] * 101
    for row in rows:
        counts[row["score_percent"]] += row["n"]
    return tuple(counts)


def _cuts(tables: LakeTables, policy: Policy | None, rows: list[dict[str, Any]]) -> tuple[Cut, ...]:
    """Those whose limit was asked of a text."""
    if not tables.has(CUTS):
        return ()
    by_policy = f"policy = {literal(policy.name)}" if policy else "true"
    limits = sorted({str(row["least_score_percent"]) for row in rows if row["least_score_percent"] is not None})
    found = tables.rows(f"""
        select drop_worst, language, min_score_percent, file_count, below_count, population from decide_cuts
        where {by_policy} and scorer = {literal(rows[0]["scorer"])} and min_score_percent in ({", ".join(limits) or "null"})
        order by drop_worst, language""")
    return tuple(Cut(**row) for row in found)


def _ends(tables: LakeTables, policy: Policy | None) -> tuple[tuple[str, tuple[Example, ...]], ...]:
    """Texts chosen by score and then by key, so that the same lake always shows the same."""
    orders = {
        "worst": ("true", "score_percent"),
        "just below the limit": ("not is_kept", "score_percent - least_score_percent desc"),
        "just above the limit": ("is_kept and least_score_percent > 0", "score_percent - least_score_percent"),
        "best": ("true", "score_percent desc"),
    }
    found = []
    for name, (where, order) in orders.items():
        rows = tables.rows(f"select candidate, is_kept from {_scored(policy)} where {where} order by {order}, candidate limit {EXAMPLES}")
        kept, dropped = ([row["candidate"] for row in rows if row["is_kept"] is wanted] for wanted in (True, False))
        examples = examples_of(tables, "decide_kept", policy, kept) | examples_of(tables, "decide_dropped", policy, dropped)
        found.append((name, tuple(replace(examples[row["candidate"]], reasons=()) for row in rows)))
    return tuple(one for one in found if one[1])
