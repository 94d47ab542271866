"""What `codemill explain` says of near-duplicate texts: the group, and how like its survivor a dropped member is."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.annotate import DUPLICATES, SIGNATURES
from schemas.decide import KEPT
from schemas.lake import Lake
from udfs.minhash import matrix, similarity


def group_of(lake: Lake, key: str) -> dict[str, Any] | None:
    """The row of `annotate/duplicates`; None where the job has not seen the content."""
    found = lake.read(DUPLICATES, None, pc.field("content_sha256") == key).to_pylist()
    return found[0] if found else None


def survivor_of(lake: Lake, key: str, dropped: dict[str, Any]) -> dict[str, Any] | None:
    """Who is kept in the place of a dropped candidate, where it is and how like (estimated Jaccard similarity); None where nobody is."""
    survivor = dropped["survivor"]
    if survivor is None:
        return None
    kept = lake.read(KEPT, ["repository", "path"], (pc.field("candidate") == survivor) & (pc.field("policy") == dropped["policy"]))
    where = kept.to_pylist()[0] if kept.num_rows else {"repository": None, "path": None}
    return {"candidate": survivor, **where, "similarity": similarity_of(lake, key, survivor)}


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
    return f"      in its place: {row['repository']}  {row['path']}  ({row['candidate'][:12]}{like})"
