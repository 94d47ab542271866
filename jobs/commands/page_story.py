"""What `codemill explain` says of a web page: what was fetched, what its text is made of, whether it is kept."""

import re
from typing import Any

import pyarrow.compute as pc

from jobs.commands.near_duplicates import group_of, group_told
from jobs.commands.verdict_lines import verdicts_told
from jobs.decide.page_quality import judge_told
from jobs.decide.quality import oracle_of
from schemas.assemble import DOCUMENTS
from schemas.decide import DROPPED, FEATURES, KEPT
from schemas.ingest import PAGES
from schemas.lake import Lake

JUDGED = ("page_category", "relevance_percent", "relevance_least_percent", "page_quality_percent")


def page_stories(lake: Lake, what: str) -> list[dict[str, Any]]:
    """Every row of every table about the pages of an address, of a record's id, or of a text by 8 digits or more of its key."""
    where = (pc.field("url") == what) | (pc.field("record") == what) | (pc.field("canonical_url") == what)
    if re.fullmatch(r"[0-9a-fA-F]{8,64}", what):
        where = where | pc.starts_with(pc.field("content_sha256"), what.lower())
    found = lake.read(PAGES, None, where).sort_by([("url", "ascending"), ("record", "ascending")]).to_pylist()
    return [row | _verdicts(lake, row["content_sha256"]) for row in found]


def _verdicts(lake: Lake, key: str) -> dict[str, Any]:
    is_candidate = (pc.field("kind") == "page") & (pc.field("candidate") == key)
    features = lake.read(FEATURES, list(JUDGED), is_candidate).to_pylist()
    return {
        "judged": features[0] if features else None,
        "near_duplicates": group_of(lake, key),
        "documents": lake.read(DOCUMENTS, None, is_candidate).to_pylist(),
        "kept": [_with_oracle(lake, row) for row in lake.read(KEPT, None, is_candidate).to_pylist()],
        "dropped": [_with_oracle(lake, row) for row in lake.read(DROPPED, None, is_candidate).to_pylist()],
    }


def _with_oracle(lake: Lake, verdict: dict[str, Any]) -> dict[str, Any]:
    return verdict | {"oracle": oracle_of(lake, verdict["scorer"])}


def page_told(found: dict[str, Any]) -> list[str]:
    """The story as lines."""
    lines = [f"page {found['url']}", f"  {found['title'] or 'no title'}"]
    lines.append(f"  record {found['record']} of {found['archive']} at byte {found['offset_bytes']:,}; text {found['content_sha256']}")
    cut = ", cut off" if found["is_truncated"] else ""
    lines.append(f"  {found['html_bytes']:,} bytes of {found['media_type']} in {found['charset']}{cut}; text by {found['extractor']}")
    names = f" ({', '.join(found['code_languages'])})" if found["code_languages"] else ""
    code = f"{found['code_block_count']:,} blocks of code{names}, {found['code_bytes']:,} bytes of code"
    lines.append(f"  {found['word_count']:,} words, {found['link_word_count']:,} of them inside links; {code}")
    lines.append(group_told(found["near_duplicates"]))
    lines += judged_told(found["judged"]) if found["judged"] else []
    lines += verdicts_told(found["kept"], found["dropped"])
    return lines + [line for row in (*found["kept"], *found["dropped"]) for line in rated_told(row, found["judged"])]


def judged_told(found: dict[str, Any]) -> list[str]:
    """What the models of pages say, which have seen every page."""
    if found["relevance_percent"] is None:
        return ["  no models of pages have judged it"]
    least = f" (at least {found['relevance_least_percent']} % without code tags)"
    kind = f"kind of site: {found['page_category'] or 'unknown'}"
    return [f"  by the models of pages: {kind}; about code {found['relevance_percent']} %{least}; rated {found['page_quality_percent']} %"]


def rated_told(verdict: dict[str, Any], judged: dict[str, Any] | None) -> list[str]:
    """Whose rating counted for a verdict. What does not pass all else has no score."""
    by = f"  policy {verdict['policy']} has pages rated by {judge_told(verdict['scorer'], verdict['oracle'])}"
    if verdict["score_percent"] is None:
        return [by]
    of = f" of {judged['page_category']}" if judged and judged["page_category"] else ""
    return [f"{by}: {verdict['score_percent']} %; at least {verdict['least_score_percent']} % was asked{of}"]
