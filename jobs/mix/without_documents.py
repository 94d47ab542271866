"""Candidates that a policy keeps and of which there is no document, with the reason that `assemble` gave."""

from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.assemble import COMMIT_CONTEXTS, NOTEBOOKS, REPOSITORY_CONTEXTS
from schemas.decide import KEPT
from schemas.lake import Lake
from schemas.table import Table

KEYS: dict[str, tuple[Table, tuple[str, ...]]] = {  # by kind: who gives the reason, and what makes the candidate, joined by `@`
    "commit": (COMMIT_CONTEXTS, ("repository", "commit")),
    "file": (NOTEBOOKS, ("content_sha256",)),
    "repository": (REPOSITORY_CONTEXTS, ("repository",)),
}


def without_documents(lake: Lake, policy: str) -> list[dict[str, Any]]:
    """Kept candidates by kind and reason. Memory: the names of the candidates that have a reason."""
    found = []
    for kind, (table, names) in KEYS.items():
        counts: Counter[str] = Counter()
        reasons = _reasons(lake, table, names)
        is_it = (pc.field("policy") == policy) & (pc.field("kind") == kind)
        for batch in lake.scan(KEPT, ["candidate"], is_it) if reasons else ():
            counts.update(reasons[name] for name in batch.column("candidate").to_pylist() if name in reasons)
        found += [{"kind": kind, "reason": reason, "candidates": counts[reason]} for reason in sorted(counts)]
    return found


def _reasons(lake: Lake, table: Table, names: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for batch in lake.scan(table, [*names, "reason"], pc.is_valid(pc.field("reason"))):
        candidates = pc.binary_join_element_wise(*(batch.column(name) for name in names), pa.scalar("@"))
        found.update(zip(candidates.to_pylist(), batch.column("reason").to_pylist(), strict=True))
    return found
