"""What `codemill explain` says of a web page: what was fetched, what its text is made of, whether it is kept."""

import re
from typing import Any

import pyarrow.compute as pc

from jobs.commands.near_duplicates import group_of, group_told
from jobs.commands.verdict_lines import verdicts_told
from schemas.assemble import DOCUMENTS
from schemas.decide import DROPPED, KEPT
from schemas.ingest import PAGES
from schemas.lake import Lake


def page_stories(lake: Lake, what: str) -> list[dict[str, Any]]:
    """Every row of every table about the pages of an address, of a record's id, or of a text by 8 digits or more of its key."""
    where = (pc.field("url") == what) | (pc.field("record") == what) | (pc.field("canonical_url") == what)
    if re.fullmatch(r"[0-9a-fA-F]{8,64}", what):
        where = where | pc.starts_with(pc.field("content_sha256"), what.lower())
    found = lake.read(PAGES, None, where).sort_by([("url", "ascending"), ("record", "ascending")]).to_pylist()
    return [row | _verdicts(lake, row["content_sha256"]) for row in found]


def _verdicts(lake: Lake, key: str) -> dict[str, Any]:
    is_candidate = (pc.field("kind") == "page") & (pc.field("candidate") == key)
    return {
        "near_duplicates": group_of(lake, key),
        "documents": lake.read(DOCUMENTS, None, is_candidate).to_pylist(),
        "kept": lake.read(KEPT, None, is_candidate).to_pylist(),
        "dropped": lake.read(DROPPED, None, is_candidate).to_pylist(),
    }


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
    return lines + verdicts_told(found["kept"], found["dropped"])
