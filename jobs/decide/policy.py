"""The policy: the only place where something is dropped.

A policy is data. Its rules are in `jobs.decide.rules`; each names the fields that it reads here. Two policies over the same
`decide/features` can be compared without touching anything else (`codemill decide --what-if`).
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from jobs.runtime.errors import UsageError
from jobs.runtime.job import parameters_json, short_hash
from udfs.commits import FLAGS
from udfs.languages import LANGUAGES
from udfs.page_categories import CATEGORIES

# What `survivor_order` may name; each is a function in `jobs.decide.survivors`.
SURVIVOR_ORDERS = ("licence", "stars", "forks", "commits", "maintained_days", "path_length", "size")

# What `commit_query` may name: the whole message with a first line that weighs more, the whole message, or its first line.
COMMIT_QUERIES = ("weighted", "message", "subject")

# What `page_quality` may name: the models of annotate/page_models, or a scorer of pages (annotate/scores).
PAGE_JUDGES = ("models", "scorer")

MOST = {
    "min_score_percent": 100,
    "drop_worst": 1,
    "min_repository_score_percent": 100,
    "max_page_link_share": 1,
    "max_page_repeated_share": 1,
    "max_page_cut_line_share": 1,
    "min_page_relevance_percent": 100,
    "min_page_quality_percent": 100,
    "min_page_quality": 100,
    "page_rate": 1,
}
# What a change may name by a kind of site, and the field that holds it.
BY_CATEGORY = {"min_page_quality": "min_page_quality_by_category", "page_rate": "page_rate_by_category"}
TUPLES = {"max_error_share_by_language", *BY_CATEGORY.values()}


@dataclass(frozen=True)
class Policy:
    """What is kept. Numbers are limits that a candidate may reach; None switches a rule off."""

    name: str
    # The report's repository rule [2.2.2]. `keep_unknown_repository_facts`: whether an unknown fact passes.
    min_stars: int | None = 100
    min_forks: int | None = 10
    min_commits: int | None = 100
    min_maintained_days: int | None = 100
    keep_unknown_repository_facts: bool = False
    # Languages to keep; empty keeps all 89. A file whose language is unknown is never kept.
    languages: tuple[str, ...] = ()
    # Share of bytes in error nodes: the report drops any error [2.2.1]; by language where that is not usable (docs/decisions/0003).
    max_error_share: float | None = 0.0
    max_error_share_by_language: tuple[tuple[str, float], ...] = ()
    keep_without_grammar: bool = True
    min_size_bytes: int | None = 1
    max_size_bytes: int | None = 1 << 20
    # The report is silent on these; the values are those of the usual heuristics for code, chosen wide (docs/decisions/0004).
    max_longest_line_bytes: int | None = 100_000
    min_alphanumeric_share: float | None = 0.25
    keep_generated: bool = False
    # Of near-duplicates (files, repositories) one is kept: the first by these, of those that pass all else (SURVIVOR_ORDERS), then by key.
    deduplicate: bool = True
    survivor_order: tuple[str, ...] = ("licence", "stars", "maintained_days", "path_length", "size")
    # A repository of whose files more than this share is in a larger one that is kept is out. None, or no `deduplicate`, keeps it.
    max_containment: float | None = 0.9
    # What shares an n-gram with a benchmark is out of training; what is held out may stay (docs/decisions/0016).
    drop_contaminated: bool = True
    # What of `udfs.commits.FLAGS` drops a commit; the report says nothing of it (docs/decisions/0012).
    drop_commits: tuple[str, ...] = tuple(FLAGS)
    # In documents of commits: whether the files to be changed are always shown, or only where the message finds them; and what of the
    # message asks for files (COMMIT_QUERIES). The report has five files by BM25 and does not say what asks (docs/decisions/0013).
    commit_shows_changed_files: bool = True
    commit_query: str = "weighted"
    # Of pages: the report's least number of words [2.2.3]; of what is mostly links, pages that only lead elsewhere.
    min_page_words: int | None = 10
    max_page_link_share: float | None = 0.6
    # Gopher asks 0.2 and 0.3 of prose; documentation of interfaces says itself again (docs/decisions/0022).
    max_page_repeated_share: float | None = 0.6
    max_page_cut_line_share: float | None = 0.3
    # Without code tags a page must be about code by the models of pages: by this limit, or where there is none by their own threshold.
    drop_irrelevant_pages: bool = True
    min_page_relevance_percent: int | None = None
    # Who rates pages (PAGE_JUDGES): models that have seen every page, which are a stand-in, or a scorer, which sees what passes all else.
    page_quality: str = "models"
    # The report asks another quality of each kind of site and takes another share of it, and gives no values: these are ours
    # (docs/decisions/0022).
    min_page_quality_percent: int = 30
    min_page_quality_by_category: tuple[tuple[str, float], ...] = (
        ("commerce", 60),
        ("forum", 20),
        ("news", 40),
        ("question_and_answer", 20),
    )
    page_rate_by_category: tuple[tuple[str, float], ...] = (("commerce", 0.2), ("news", 0.5))
    # Of the files that pass all else, by a scorer's judgement: the least score, and the share of the worst that is out (the report: about a
    # tenth). Neither is asked where no scorer has scored.
    min_score_percent: int | None = None
    drop_worst: float | None = 0.1
    drop_worst_per_language: bool = False
    # The least mean score of a repository's files for a document of the whole: the report asks for high ones and names no number [2.2.5].
    min_repository_score_percent: int | None = None

    @property
    def hash(self) -> str:
        return short_hash("policy", parameters_json(self))

    @property
    def gates_hash(self) -> str:
        """Of what is asked before a scorer is: the same for policies that differ in that alone."""
        of_pages: dict[str, Any] = {"min_page_quality_percent": 0, "min_page_quality_by_category": ()}
        return dataclasses.replace(
            self,
            **(of_pages if self.page_quality == "scorer" else {}),
            min_score_percent=None,
            drop_worst=None,
            drop_worst_per_language=False,
            min_repository_score_percent=None,
            commit_shows_changed_files=True,
            commit_query=COMMIT_QUERIES[0],
        ).hash


def with_changes(policy: Policy, changes: dict[str, str]) -> Policy:
    """A policy with fields changed as a command line gives them. Raises `UsageError` naming the fields there are."""
    fields = {f.name: f.type for f in dataclasses.fields(Policy) if f.name != "name"}
    values: dict[str, Any] = {}
    for key, text in changes.items():
        name, _, language = key.partition(".")
        if name in BY_CATEGORY and language:
            if language not in CATEGORIES:
                raise UsageError(f"{key}: expected a kind of site, one of {', '.join(CATEGORIES)}, not {language!r}")
            value = _parsed(key, "float", text)
            if not 0 <= value <= MOST[name]:
                raise UsageError(f"{key}={text}: expected a number from 0 to {MOST[name]}")
            of_category = dict(values.get(BY_CATEGORY[name], getattr(policy, BY_CATEGORY[name]))) | {language: value}
            values[BY_CATEGORY[name]] = tuple(sorted(of_category.items()))
        elif name == "max_error_share" and language:
            if language not in LANGUAGES:
                raise UsageError(
                    f"{key}: expected one of the 89 languages, not {language!r}; docs/languages.md lists them, with their capitals"
                )
            known = dict(values.get("max_error_share_by_language", policy.max_error_share_by_language))
            known[language] = _parsed(key, "float", text)
            values["max_error_share_by_language"] = tuple(sorted(known.items()))
        elif key in fields and key not in TUPLES:
            values[key] = _parsed(key, str(fields[key]), text)
        else:
            found = ", ".join(sorted(fields.keys() - TUPLES))
            raise UsageError(
                f"the policy has no {key!r}. It has: {found}; and max_error_share.LANGUAGE, min_page_quality.SITE, page_rate.SITE"
            )
    unknown = sorted(set(values.get("survivor_order", ())) - set(SURVIVOR_ORDERS))
    if unknown:
        raise UsageError(f"survivor_order={','.join(unknown)}: expected some of {', '.join(SURVIVOR_ORDERS)}, separated by commas")
    unknown = sorted(set(values.get("drop_commits", ())) - set(FLAGS))
    if unknown:
        raise UsageError(f"drop_commits={','.join(unknown)}: expected some of {', '.join(FLAGS)}, separated by commas")
    if values.get("page_quality", PAGE_JUDGES[0]) not in PAGE_JUDGES:
        raise UsageError(f"page_quality={values['page_quality']}: expected {' or '.join(PAGE_JUDGES)}")
    if values.get("commit_query", COMMIT_QUERIES[0]) not in COMMIT_QUERIES:
        raise UsageError(f"commit_query={values['commit_query']}: expected one of {', '.join(COMMIT_QUERIES)}")
    for name, most in MOST.items():
        value = values.get(name)
        if value is not None and not 0 <= value <= most:
            raise UsageError(f"{name}={value}: expected a number from 0 to {most}, or none")
    return dataclasses.replace(policy, **values)


def _parsed(key: str, kind: str, text: str) -> Any:
    options = kind.replace("<class '", "").replace("'>", "").split(" | ")
    if "None" in options and text.lower() in ("none", "off"):
        return None
    try:
        if "bool" in options:
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[text.lower()]
        if "int" in options:
            return int(text.replace("_", ""))
        if "float" in options and not math.isnan(float(text)):
            return float(text)
        if options == ["str"]:
            return text
        if "tuple[str, ...]" in options:
            return tuple(part for part in text.split(",") if part)
    except (KeyError, ValueError):
        pass
    raise UsageError(f"{key}={text}: expected {' or '.join(options).replace('None', 'none')}")
