"""What `codemill explain` says of documents: where a file stands in those of repositories, and what documents share with what must not be
learned."""

from typing import Any

import pyarrow.compute as pc

from schemas.assemble import REPOSITORY_PARTS
from schemas.document_checks import DOCUMENT_CHECKS
from schemas.lake import Lake

MOST_LINES = 10


def places_of(lake: Lake, key: str) -> list[dict[str, Any]]:
    """Rows of assemble/repository_parts of a content, in order."""
    rows = lake.read(REPOSITORY_PARTS, None, pc.field("content_sha256") == key)
    return rows.sort_by([(name, "ascending") for name in REPOSITORY_PARTS.key]).to_pylist()


def places_told(rows: list[dict[str, Any]]) -> list[str]:
    lines = []
    for row in rows[:MOST_LINES]:
        piece = f", piece {row['piece']} of {row['pieces']}" if row["pieces"] > 1 else ""
        cycle = ", in a cycle" if row["cycle"] is not None else ""
        needs = f"; imports {', '.join(row['needs'])}" if row["needs"] else ""
        where = f"{row['repository']}#{row['part']}, number {row['position'] + 1}"
        lines.append(f"  in the repository document {where}, as {row['path']}{piece}{cycle}{needs}")
    return lines + ([f"    ... and {len(rows) - MOST_LINES} more"] if len(rows) > MOST_LINES else [])


def checks_of(lake: Lake, kind: str, candidate: str) -> list[dict[str, Any]]:
    """Rows of assemble/document_checks of one candidate."""
    return lake.read(DOCUMENT_CHECKS, None, (pc.field("kind") == kind) & (pc.field("candidate") == candidate)).to_pylist()


def checks_told(rows: list[dict[str, Any]]) -> list[str]:
    lines = []
    for row in (row for row in rows if row["reasons"]):
        lines.append(f"  the document {row['layout']} is left out by policy {row['policy']}: {', '.join(row['reasons'])}")
        lines += [f"    shares with {match['benchmark']} {match['item']}: {match['ngram']}" for match in row["matches"][:MOST_LINES]]
        if row["held_out"]:
            similarity = f", {row['similarity']:.0%} alike" if row["similarity"] is not None else ""
            lines.append(f"    {row['section'] or 'its repository'} is like {row['held_out']}, which is held out{similarity}")
    return lines
