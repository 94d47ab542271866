"""How well tree-sitter could read the texts, by language."""

from dataclasses import dataclass
from typing import Any

from jobs.report.languages import SHOWN_LANGUAGES
from jobs.report.tables import LakeTables, Missing, literal
from schemas.annotate import SYNTAX

# Classes of error_bytes_share: no error or missing node at all, then shares up to these bounds.
SHARE_BOUNDS = (0.001, 0.01, 0.05, 0.2, 1.0)
CLASSES = ("no error", "up to 0.1 %", "to 1 %", "to 5 %", "to 20 %", "over 20 %")


@dataclass(frozen=True)
class LanguageSyntax:
    """Texts of one language: how many were parsed, by class of the share of error bytes, and how many were not, by status."""

    language: str
    by_class: tuple[int, ...]
    unparsed: tuple[tuple[str, int], ...]

    @property
    def parsed(self) -> int:
        return sum(self.by_class)

    @property
    def with_errors(self) -> int:
        return sum(self.by_class[1:])


@dataclass(frozen=True)
class Syntax:
    """`version` is the annotator version shown: the one with most rows (an older one stays in the table beside it)."""

    version: str
    other_versions: int
    statuses: tuple[tuple[str, int], ...]
    languages: tuple[LanguageSyntax, ...]


def collect_syntax(tables: LakeTables) -> Syntax | Missing:
    missing = tables.missing(SYNTAX)
    if missing:
        return missing
    versions = tables.rows("select version, count(*) as n from annotate_syntax group by version order by n desc, version")
    if not versions:
        return Syntax("", 0, (), ())
    version = versions[0]["version"]
    rows = tables.rows(_counts_sql(version))
    statuses = {status: sum(r["n"] for r in rows if r["status"] == status) for status in sorted({r["status"] for r in rows})}
    languages = [_language(name, [r for r in rows if r["language"] == name]) for name in {r["language"] for r in rows}]
    languages.sort(key=lambda one: (-one.parsed, one.language))
    return Syntax(version, len(versions) - 1, tuple(statuses.items()), tuple(languages[:SHOWN_LANGUAGES]))


def _counts_sql(version: str) -> str:
    bounds = " ".join(f"when error_bytes_share <= {bound} then {index}" for index, bound in enumerate(SHARE_BOUNDS, start=1))
    return f"""
        select language, status, count(*) as n,
               case when status <> 'parsed' then -1 when error_node_count + missing_node_count = 0 then 0 {bounds} end as class
        from annotate_syntax where version = {literal(version)} group by language, status, class order by language, status, class"""


def _language(name: str, rows: list[dict[str, Any]]) -> LanguageSyntax:
    by_class = [0] * len(CLASSES)
    for row in rows:
        if row["status"] == "parsed":
            by_class[row["class"]] += row["n"]
    return LanguageSyntax(name, tuple(by_class), tuple((r["status"], r["n"]) for r in rows if r["status"] != "parsed"))
