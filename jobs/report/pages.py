"""What became of the web pages: records, hosts, kinds of sites with their scores, and what one limit for all of them would have done."""

import json
from dataclasses import dataclass

import numpy as np

from jobs.decide.page_quality import LOW_PAGE_QUALITY, judge_told
from jobs.decide.quality import NOT_SCORED, oracle_of
from jobs.report.quality import Scored
from jobs.report.tables import LakeTables, Missing, literal
from jobs.report.verdicts import Policy
from schemas.annotate import PAGE_MODELS
from schemas.decide import DROPPED, FEATURES, KEPT
from schemas.ingest import PAGES, REJECTS

NO_CATEGORY = "not judged"
EXAMPLES, EXAMPLE_CHARACTERS = 3, 4_000


@dataclass(frozen=True)
class SiteKind(Scored):
    """Texts of a kind of site, scored or not; `low` are below what the policy asks of the kind."""

    texts: int
    with_code: int
    kept: int
    low: int
    below_global: int


@dataclass(frozen=True)
class Relevance:
    """How the models were measured: (name of the pages, recall, its interval, precision, its interval), and the threshold in per cent."""

    labels: str
    threshold_percent: int
    measured: tuple[tuple[str, float, tuple[float, float], float, tuple[float, float]], ...]


@dataclass(frozen=True)
class PageExample:
    url: str
    size_bytes: int
    text: str


@dataclass(frozen=True)
class Pages:
    """`global_percent` is the limit for all kinds that would be below for as many texts as their own limits are; None without scores.

    judge: who rated the pages. waiting: texts that pass all else and have no score by it yet.
    """

    archives: int
    records: int
    pages: int
    hosts: int
    texts: int
    kept: int | None
    rejected: tuple[tuple[str, int], ...]
    dropped: tuple[tuple[str, int], ...]
    kinds: tuple[SiteKind, ...]
    global_percent: int | None
    judge: str
    waiting: int
    relevance: Relevance | None
    examples: tuple[PageExample, ...]


def collect_pages(tables: LakeTables, policy: Policy | None) -> Pages | Missing | None:
    """None where no archive was read."""
    missing = tables.missing(PAGES, REJECTS)
    if missing:
        return missing
    (whole,) = tables.rows("""
        select count(*) as n, count(distinct archive) as archives, count(distinct host) as hosts,
               count(distinct content_sha256) as texts from ingest_pages""")
    rejected = tables.rows("""
        select reason, count(*) as n from ingest_rejects where starts_with(source, 'warc:') group by reason order by n desc, reason""")
    if not whole["n"] and not rejected:
        return None
    is_decided = policy is not None and not tables.missing(KEPT, DROPPED, FEATURES)
    kept = dropped = None
    judge, waiting = judge_told(None), 0
    kinds: tuple[SiteKind, ...] = ()
    global_percent = None
    if policy is not None and is_decided:
        where = f"kind = 'page' and policy = {literal(policy.name)}"
        kept = tables.rows(f"select count(*) as n from decide_kept where {where}")[0]["n"]
        dropped = tables.rows(f"""
            select reason, count(*) as n from (select unnest(reasons) as reason from decide_dropped where {where})
            group by reason order by n desc, reason""")
        scorer = _scorer(tables, where)
        judge = judge_told(scorer, oracle_of(tables.lake, scorer))
        waiting = sum(row["n"] for row in dropped if row["reason"] == NOT_SCORED)
        kinds, global_percent = _kinds(tables, where, scorer is not None)
    return Pages(
        whole["archives"],
        whole["n"] + sum(row["n"] for row in rejected),
        whole["n"],
        whole["hosts"],
        whole["texts"],
        kept,
        tuple((row["reason"], row["n"]) for row in rejected),
        tuple((row["reason"], row["n"]) for row in dropped or ()),
        kinds,
        global_percent,
        judge,
        waiting,
        _relevance(tables),
        _examples(tables, policy) if is_decided else (),
    )


def _scorer(tables: LakeTables, where: str) -> str | None:
    """Whose scores of pages counted; None where the models of pages rated them."""
    parts = [f"select scorer from {table} where {where} and scorer is not null" for table in ("decide_kept", "decide_dropped")]
    rows = tables.rows(f"select min(scorer) as scorer from ({' union all '.join(parts)})")
    return rows[0]["scorer"] if rows else None


def _kinds(tables: LakeTables, where: str, is_scored: bool) -> tuple[tuple[SiteKind, ...], int | None]:
    percent = "coalesce(k.score_percent, d.score_percent)" if is_scored else "f.page_quality_percent"
    rows = tables.rows(f"""
        select coalesce(f.page_category, '{NO_CATEGORY}') as name, {percent} as percent, count(*) as n,
               sum(case when f.has_code_tags then 1 else 0 end) as with_code,
               sum(case when k.candidate is not null then 1 else 0 end) as kept,
               sum(case when array_has(d.reasons, '{LOW_PAGE_QUALITY}') then 1 else 0 end) as low
        from decide_features f
        left join (select candidate, score_percent from decide_kept where {where}) k on f.candidate = k.candidate
        left join (select candidate, score_percent, reasons from decide_dropped where {where}) d on f.candidate = d.candidate
        where f.kind = 'page' group by 1, 2""")
    counts: dict[str, np.ndarray] = {}
    for row in rows:
        found = counts.setdefault(row["name"], np.zeros(101, np.int64))
        if row["percent"] is not None:
            found[row["percent"]] += row["n"]
    whole = sum(counts.values(), np.zeros(101, np.int64))
    low = sum(row["low"] for row in rows)
    below = np.concatenate([[0], np.cumsum(whole)[:-1]])
    limit = int(np.argmin(np.abs(below - low))) if whole.sum() else None
    totals = {
        name: [sum(row[field] for row in rows if row["name"] == name) for field in ("n", "with_code", "kept", "low")] for name in counts
    }
    kinds = [
        SiteKind(name, tuple(counts[name].tolist()), texts, code, kept, lost, int(counts[name][: limit or 0].sum()))
        for name, (texts, code, kept, lost) in totals.items()
    ]
    return tuple(sorted(kinds, key=lambda kind: (-kind.texts, kind.name))), limit


def _relevance(tables: LakeTables) -> Relevance | None:
    if not tables.has(PAGE_MODELS):
        return None
    rows = tables.rows("select threshold_percent, card_json from annotate_page_models where name = 'default'")
    card = json.loads(rows[0]["card_json"]) if rows else {}
    measured = []
    for part in ("validation", "held_out"):
        recall, precision = (card.get(part, {}).get("relevance", {}).get(name, {}) for name in ("recall", "precision"))
        if recall.get("value") is not None and precision.get("value") is not None:
            intervals = [(found["low"], found["high"]) for found in (recall, precision)]
            measured.append((part.replace("_", " "), recall["value"], intervals[0], precision["value"], intervals[1]))
    return Relevance(card.get("labels", ""), rows[0]["threshold_percent"], tuple(measured)) if rows else None


def _examples(tables: LakeTables, policy: Policy | None) -> tuple[PageExample, ...]:
    """The first kept by key, so that the same lake always shows the same."""
    assert policy is not None
    rows = tables.rows(f"""
        select k.path as url, c.size_bytes, substr(c.text, 1, {EXAMPLE_CHARACTERS}) as text
        from (select candidate, path from decide_kept where kind = 'page' and policy = {literal(policy.name)}
              order by candidate limit {EXAMPLES}) k
        join ingest_contents c on k.candidate = c.content_sha256 order by k.candidate""")
    return tuple(PageExample(row["url"], row["size_bytes"], row["text"]) for row in rows)
