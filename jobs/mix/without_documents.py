"""Candidates that a policy keeps and of which there is no document, with the reason that `assemble` gave."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.assemble import COMMIT_CONTEXTS, DOCUMENTS, NOTEBOOKS, REPOSITORY_CONTEXTS
from schemas.decide import KEPT
from schemas.lake import Lake
from schemas.table import Table
from udfs.whereabouts import whole_candidate

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
        reasons = _reasons(lake, policy, table, names)
        for candidate in _with_documents(lake, policy, kind) if reasons else ():  # by another layout, or as a file where no notebook is
            reasons.pop(candidate, None)
        is_it = (pc.field("policy") == policy) & (pc.field("kind") == kind)
        for batch in lake.scan(KEPT, ["candidate"], is_it) if reasons else ():
            counts.update(reasons[name] for name in batch.column("candidate").to_pylist() if name in reasons)
        found += [{"kind": kind, "reason": reason, "candidates": counts[reason]} for reason in sorted(counts)]
    return found


def _reasons(lake: Lake, policy: str, table: Table, names: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for batch in lake.scan(table, [*names, "layout", "reason"], pc.is_valid(pc.field("reason"))):
        candidates = pc.binary_join_element_wise(*(batch.column(name) for name in names), pa.scalar("@"))
        rows = zip(candidates.to_pylist(), batch.column("layout").to_pylist(), batch.column("reason").to_pylist(), strict=True)
        found.update({name: reason for name, layout, reason in rows if _is_made_for(policy, layout)})
    return found


def _with_documents(lake: Lake, policy: str, kind: str) -> Iterator[str]:
    for batch in lake.scan(DOCUMENTS, ["candidate", "layout"], pc.field("kind") == kind):
        rows = zip(batch.column("candidate").to_pylist(), batch.column("layout").to_pylist(), strict=True)
        yield from (whole_candidate(kind, name) for name, layout in rows if _is_made_for(policy, layout))


def _is_made_for(policy: str, layout: str) -> bool:
    """Layouts of repositories name the policy whose files are in them."""
    return [*layout.split("/"), policy, policy][2] == policy
