"""What `codemill explain` says of a text and benchmarks."""

from typing import Any

import pyarrow.compute as pc

from schemas.annotate import BENCHMARKS, CONTAMINATION
from schemas.lake import Lake


def matches_of(lake: Lake, key: str) -> dict[str, Any] | None:
    """What a content shares with the benchmarks of now: their names, and its row of annotate/contamination; None where none is named."""
    benchmarks = lake.read(BENCHMARKS).to_pylist()
    if not benchmarks:
        return None
    is_it = (pc.field("content_sha256") == key) & (pc.field("version") == benchmarks[0]["version"])
    rows = lake.read(CONTAMINATION, None, is_it).to_pylist()
    return {"benchmarks": sorted(row["benchmark"] for row in benchmarks), "found": rows[0] if rows else None}


def benchmarks_told(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    names = ", ".join(found["benchmarks"])
    row = found["found"]
    if row is None:
        return [f"  benchmarks: not compared with {names} yet: `codemill annotate`"]
    if not row["match_count"]:
        return [f"  benchmarks: shares no ten words in a row with {names}"]
    lines = [f"  benchmarks: shares ten words in a row with them at {row['match_count']:,} places, first at"]
    for match in row["matches"]:
        lines.append(f"    byte {match['offset_bytes']:,}, {match['benchmark']} {match['item']}: {match['ngram']}")
    return lines
