"""Whether the tables of today are those that the shards were made of: a data card joins the two.

The manifest of the shards has what mix/manifest said when they were written; what is compared is what the tables hold, not their versions,
so that a table that was written again to the same rows is the same.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.decide import KEPT
from schemas.lake import Lake
from schemas.mix import KEPT_ID
from udfs.digests import digest
from udfs.manifest import LanguageCounts, Manifest

OF_MANIFEST = ("policy_hash", "kept_digest", "sequences_hash", "window", "recipe", "packing", "tokenizer_sha256")
Facts = dict[str, Any]


def digest_kept(lake: Lake, policy: str) -> str:
    """`kept_digest` of what the policy keeps today. Reads the keys."""
    batches = lake.scan(KEPT, list(KEPT_ID), pc.field("policy") == policy)
    return digest(_ids(batch) for batch in batches)


def _ids(batch: pa.RecordBatch) -> pa.Array:
    found = pc.binary_join_element_wise(*(batch.column(name) for name in KEPT_ID), "\n")
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def differences(manifest: Manifest, counted: list[Facts], kept_today: str, policy: str) -> list[str]:
    """Sentences, for people; none where all belongs together. `counted` are the mixture's rows of mix/manifest."""
    return list(_differences(manifest, counted, kept_today, policy))


def _differences(manifest: Manifest, counted: list[Facts], kept_today: str, policy: str) -> Iterator[str]:
    if not manifest.kept_digest:
        yield "The shards were written by an earlier version of codemill: whether the tables are still those of then cannot be told."
        return
    if not counted:
        yield f"mix/manifest says nothing of the mixture {manifest.mixture} today: its counts by kind and language are missing here."
        return
    other = [name for name in OF_MANIFEST if counted[0][name] != getattr(manifest, name)]
    if other or counts_of(counted) != counts_in(manifest):
        told = ", ".join(other) or "its counts"
        yield (
            f"The mixture was mixed again after the shards were written (other: {told}): counts by kind and language, and the parameters "
            "of the jobs, are of today. `codemill mix.shards` writes the shards anew."
        )
    if kept_today != manifest.kept_digest:
        yield (
            f"The policy {policy} keeps other candidates today than when the mixture was mixed: what was kept, its licences and sources, "
            "what was dropped and the cuts are of today. `codemill mix` mixes them."
        )


def counts_in(manifest: Manifest) -> dict[str, dict[str, LanguageCounts]]:
    return {name: split.languages for name, split in manifest.splits.items()}


def counts_of(counted: list[Facts]) -> dict[str, dict[str, LanguageCounts]]:
    found: dict[str, dict[str, LanguageCounts]] = {}
    for row in counted:
        split = found.setdefault(row["split"], {})
        old = split.get(row["language"], LanguageCounts(0, 0, 0))
        split[row["language"]] = LanguageCounts(
            old.documents + row["document_count"], old.tokens + row["token_count"], old.text_bytes + row["text_bytes"]
        )
    return found
