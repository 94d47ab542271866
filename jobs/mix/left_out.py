"""Documents that a policy keeps and no mixture takes, because of what `assemble.document_checks` found in their texts."""

from collections import Counter
from typing import Any

import pyarrow.compute as pc

from schemas.document_checks import DOCUMENT_CHECKS
from schemas.lake import Lake


def checked_documents(lake: Lake, policy: str) -> list[dict[str, Any]]:
    """By kind: `documents` that were looked at, and of them those left out, by reason in `left_out`; a document counts for each reason."""
    looked, left_out = Counter[str](), Counter[tuple[str, str]]()
    for batch in lake.scan(DOCUMENT_CHECKS, ["kind", "reasons"], pc.field("policy") == policy):
        kinds = batch.column("kind")
        looked.update(kinds.to_pylist())
        reasons = batch.column("reasons")
        left_out.update(zip(kinds.take(pc.list_parent_indices(reasons)).to_pylist(), reasons.flatten().to_pylist(), strict=True))
    return [
        {
            "kind": kind,
            "documents": looked[kind],
            "left_out": {reason: left_out[one, reason] for one, reason in sorted(left_out) if one == kind},
        }
        for kind in sorted(looked)
    ]
