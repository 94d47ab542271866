"""What `codemill explain` says of a repository: whose copy it is, what contains it, and whether it is kept."""

from typing import Any

import pyarrow.compute as pc

from jobs.commands.sequence_places import sequences_told, sequences_with
from jobs.commands.verdict_lines import verdicts_told
from schemas.annotate import REPOSITORY_DUPLICATES, REPOSITORY_PAIRS
from schemas.assemble import REPOSITORY_CONTEXTS
from schemas.decide import DROPPED, KEPT
from schemas.ingest import REPOSITORIES
from schemas.lake import Lake
from udfs.whereabouts import whole_candidate

MOST_PAIRS = 10


def repository_story(lake: Lake, name: str) -> dict[str, Any] | None:
    """Every row of every table about one repository, or that of one of its documents; None where there is none of that name."""
    found = lake.read(REPOSITORIES, None, pc.field("repository").isin([name, whole_candidate("repository", name)])).to_pylist()
    if not found:
        return None
    name = max((row["repository"] for row in found), key=len)
    is_candidate = (pc.field("kind") == "repository") & (pc.field("candidate") == name)
    duplicates = lake.read(REPOSITORY_DUPLICATES, None, pc.field("repository") == name).to_pylist()
    return next(row for row in found if row["repository"] == name) | {
        "duplicates": duplicates[0] if duplicates else None,
        "pairs": lake.read(REPOSITORY_PAIRS, None, (pc.field("smaller") == name) | (pc.field("larger") == name)).to_pylist(),
        "kept": lake.read(KEPT, None, is_candidate).to_pylist(),
        "dropped": lake.read(DROPPED, None, is_candidate).to_pylist(),
        "contexts": lake.read(REPOSITORY_CONTEXTS, None, pc.field("repository") == name).to_pylist(),
        "sequences": sequences_with(lake, "repository", name),
    }


def repository_told(found: dict[str, Any]) -> list[str]:
    """The story as lines."""
    lines = [f"repository {found['repository']}", f"  {found['file_count']:,} files, {found['size_bytes']:,} bytes"]
    lines += _duplicates_told(found["duplicates"])
    for pair in sorted(found["pairs"], key=lambda pair: (-pair["similarity"], pair["smaller"], pair["larger"]))[:MOST_PAIRS]:
        other = pair["larger"] if pair["smaller"] == found["repository"] else pair["smaller"]
        lines.append(f"    {other}: {pair['shared_count']:,} groups of files in common, similarity {pair['similarity']:.2f}")
    lines += verdicts_told(found["kept"], found["dropped"])
    for row in sorted(found["contexts"], key=lambda row: str(row["layout"])):
        documents = f"documents of {row['file_count']:,} files in {row['part_count']:,} parts"
        lines.append(f"  {'no document: ' + row['reason'] if row['reason'] else documents} ({row['layout']})")
    return lines + sequences_told(found["sequences"])


def names_like(lake: Lake, what: str) -> str:
    """A line for an error, which names repositories whose names hold what was asked for; empty where none does."""
    holds_it = pc.match_substring(pc.field("repository"), what, ignore_case=True)
    names = lake.read(REPOSITORIES, ["repository"], holds_it).column(0).to_pylist()
    names = sorted(names, key=lambda name: (len(name), name))[:MOST_PAIRS]
    return f"\nRepositories whose names hold it: {', '.join(names)}" if names else ""


def _duplicates_told(row: dict[str, Any] | None) -> list[str]:
    if row is None:
        return ["  near-duplicates: not looked for yet, or it has no files: `codemill annotate`"]
    company = "none" if row["group_size"] == 1 else f"one of a group of {row['group_size']:,} repositories"
    lines = [
        f"  {row['content_count']:,} distinct texts in {row['group_count']:,} groups of near-duplicates",
        f"  near-duplicates: {company}",
    ]
    if row["container"]:
        lines.append(f"  {row['containment']:.0%} of it lies in {row['container']}")
    return lines
