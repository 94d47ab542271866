"""What `codemill explain` says of near-duplicate texts: the group, and how like its survivor a dropped member is."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.annotate import DUPLICATES, SIGNATURES
from schemas.decide import DROPPED, GATES
from schemas.lake import Lake
from udfs.minhash import matrix, similarity


def group_of(lake: Lake, key: str) -> dict[str, Any] | None:
    """The row of `annotate/duplicates`; None where the job has not seen the content."""
    found = lake.read(DUPLICATES, None, pc.field("content_sha256") == key).to_pylist()
    return found[0] if found else None


def survivor_of(lake: Lake, key: str, dropped: dict[str, Any]) -> dict[str, Any] | None:
    """Who stands for a dropped candidate, where it is, how like (estimated Jaccard similarity), and why it is out itself, if it is.

    None where nobody does.
    """
    survivor = dropped["survivor"]
    if survivor is None:
        return None
    is_it = (pc.field("kind") == "file") & (pc.field("candidate") == survivor) & (pc.field("policy") == dropped["policy"])
    where = lake.read(GATES, ["repository", "path"], is_it).to_pylist()
    reasons = lake.read(DROPPED, ["reasons"], is_it).column(0).to_pylist()
    found = where[0] if where else {"repository": None, "path": None}
    return {"candidate": survivor, **found, "similarity": similarity_of(lake, key, survivor), "reasons": reasons[0] if reasons else []}


def similarity_of(lake: Lake, a: str, b: str) -> float | None:
    """Estimated by signatures of one version; None where there are none."""
    rows = lake.read(SIGNATURES, ["content_sha256", "version", "signature"], pc.field("content_sha256").isin([a, b])).to_pylist()
    found = {(row["version"], row["content_sha256"]): row["signature"] for row in rows if row["signature"]}
    for version in sorted({version for version, _ in found}):
        one, other = found.get((version, a)), found.get((version, b))
        if one and other:
            signed = matrix(pa.array([one, other], pa.binary()))
            return float(np.round(similarity(signed[:1], signed[1:])[0], 3))
    return None


def group_told(row: dict[str, Any] | None) -> str:
    if row is None:
        return "  near-duplicates: not looked for yet: `codemill annotate`"
    if row["group_size"] == 1:
        return "  near-duplicates: none"
    return f"  near-duplicates: one of a group of {row['group_size']:,}; similarity to its centre {row['centre_similarity']:.2f}"


def survivor_told(row: dict[str, Any]) -> str:
    like = "" if row["similarity"] is None else f", similarity {row['similarity']:.2f}"
    out = f", which is out itself: {', '.join(row['reasons'])}" if row["reasons"] else ""
    return f"      in its place: {row['repository']}  {row['path']}  ({row['candidate'][:12]}{like}){out}"
