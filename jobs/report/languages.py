"""Languages: what there is of each, and what the policy keeps."""

from dataclasses import dataclass

from jobs.report.tables import LakeTables, Missing
from jobs.report.verdicts import Policy, of_mixture, of_policy
from schemas.decide import DROPPED, KEPT
from schemas.ingest import FILES
from schemas.mix import MANIFEST

NO_LANGUAGE = "none"  # as mix/manifest writes it
SHOWN_LANGUAGES = 120  # more than the 89 there can be; a bound for lakes that are not as they should be


@dataclass(frozen=True)
class Language:
    """One language. `candidates`, `kept` and `tokens` are None where nobody has decided or mixed.

    `file_count` counts occurrences and `candidates` distinct texts, by the language of the occurrence that the policy picked.
    """

    name: str
    file_count: int
    size_bytes: int
    candidates: int | None
    kept: int | None
    tokens: int | None

    @property
    def kept_share(self) -> float | None:
        return self.kept / self.candidates if self.kept is not None and self.candidates else None


def collect_languages(tables: LakeTables, policy: Policy | None) -> tuple[Language, ...] | Missing:
    """The languages of `ingest/files`, largest first."""
    missing = tables.missing(FILES)
    if missing:
        return missing
    decided = policy is not None and not tables.missing(KEPT, DROPPED)
    kept = _counts(tables, "decide_kept", of_policy(policy)) if decided else {}
    dropped = _counts(tables, "decide_dropped", of_policy(policy)) if decided else {}
    tokens = _counts(tables, "mix_manifest", of_mixture(policy), "sum(token_count)") if tables.has(MANIFEST) else None
    rows = tables.rows(f"""
        select coalesce(language, '{NO_LANGUAGE}') as name, count(*) as file_count, sum(size_bytes) as size_bytes
        from ingest_files group by name order by size_bytes desc, name limit {SHOWN_LANGUAGES}""")
    return tuple(
        Language(
            **row,
            candidates=kept.get(row["name"], 0) + dropped.get(row["name"], 0) if decided else None,
            kept=kept.get(row["name"], 0) if decided else None,
            tokens=None if tokens is None else tokens.get(row["name"], 0),
        )
        for row in rows
    )


def _counts(tables: LakeTables, source: str, where: str, what: str = "count(*)") -> dict[str, int]:
    rows = tables.rows(f"select coalesce(language, '{NO_LANGUAGE}') as name, {what} as n from {source} where {where} group by name")
    return {row["name"]: row["n"] for row in rows}
