"""What `codemill explain` says of a commit: what it changed, what is known of it, whether it is kept."""

import re
from typing import Any

import pyarrow.compute as pc

from jobs.commands.document_lines import checks_of, checks_told
from jobs.commands.verdict_lines import verdicts_told
from schemas.annotate import COMMIT_FACTS
from schemas.assemble import COMMIT_CONTEXTS, DOCUMENTS
from schemas.decide import DROPPED, KEPT
from schemas.ingest import COMMITS
from schemas.lake import Lake

MOST_CHANGES = 20


def commit_stories(lake: Lake, what: str) -> list[dict[str, Any]]:
    """Every row of every table about the commits of an id, or of its first 7 digits or more; `REPOSITORY@ID` names the repository too."""
    repository, _, commit = what.rpartition("@")
    if not re.fullmatch(r"[0-9a-fA-F]{7,64}", commit):
        return []
    where = pc.starts_with(pc.field("commit"), commit.lower())
    if repository:
        where = where & (pc.field("repository") == repository)
    found = lake.read(COMMITS, None, where).sort_by([("repository", "ascending"), ("commit", "ascending")]).to_pylist()
    return [row | _verdicts(lake, row) for row in found]


def _verdicts(lake: Lake, row: dict[str, Any]) -> dict[str, Any]:
    is_it = (pc.field("repository") == row["repository"]) & (pc.field("commit") == row["commit"])
    is_candidate = (pc.field("kind") == "commit") & (pc.field("candidate") == f"{row['repository']}@{row['commit']}")
    return {
        "facts": lake.read(COMMIT_FACTS, None, is_it).to_pylist(),
        "contexts": lake.read(COMMIT_CONTEXTS, None, is_it).to_pylist(),
        "documents": lake.read(DOCUMENTS, None, is_candidate).to_pylist(),
        "checks": checks_of(lake, "commit", f"{row['repository']}@{row['commit']}"),
        "kept": lake.read(KEPT, None, is_candidate).to_pylist(),
        "dropped": lake.read(DROPPED, None, is_candidate).to_pylist(),
    }


def commit_told(found: dict[str, Any]) -> list[str]:
    """The story as lines."""
    lines = [f"commit {found['commit']} of {found['repository']}", f"  {found['message'].partition(chr(10))[0]}"]
    parents = ", ".join(parent[:12] for parent in found["parents"]) or "none"
    lines.append(f"  {found['change_count']:,} paths changed; parents: {parents}" + (f"; {found['flaw']}" if found["flaw"] else ""))
    for change in found["changes"][:MOST_CHANGES]:
        lines_told = "binary" if change["added_lines"] is None else f"+{change['added_lines']:,} -{change['deleted_lines']:,}"
        origin = f" from {change['old_path']}" if change["old_path"] else ""
        lines.append(f"    {change['status']} {change['path']}{origin}  {lines_told}")
    if found["change_count"] > MOST_CHANGES:
        lines.append(f"    ... and {found['change_count'] - MOST_CHANGES:,} more")
    for row in found["facts"]:
        lines.append(
            f"  facts (version {row['version']}): {', '.join(row['flags']) or 'no flag'}; changes {row['patch_hash'] or 'no line'}"
        )
    lines += verdicts_told(found["kept"], found["dropped"])
    for row in found["contexts"]:
        lines.append(f"  document {row['layout']}: {context_told(row)}")
    return lines + checks_told(found["checks"])


def context_told(row: dict[str, Any]) -> str:
    if row["reason"]:
        return f"none, {row['reason']}"
    parts = ("message", "readme", "tree", "files", "predicted")
    sizes = ", ".join(f"{name} {row[f'{name}_bytes']:,}" for name in parts)
    cuts = f"; cut: {', '.join(row['cuts'])}" if row["cuts"] else ""
    rank = f"a changed file is number {row['best_rank']}" if row["best_rank"] else "no changed file is"
    return f"bytes: {sizes}{cuts}; {rank} of what the message finds among {row['snapshot_files']:,}"
