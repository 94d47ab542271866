"""Tokens by language and split, and the shards that hold them."""

from dataclasses import dataclass
from typing import Any

from jobs.mix.mixtures import mixtures_there
from jobs.report.languages import SHOWN_LANGUAGES
from jobs.report.tables import LakeTables, Missing
from jobs.report.verdicts import Policy, of_mixture
from schemas.lake import SHARDS
from schemas.mix import MANIFEST
from udfs.shards import MANIFEST_NAME


@dataclass(frozen=True)
class SplitTokens:
    """What one language has in one split."""

    language: str
    split: str
    documents: int
    tokens: int
    text_bytes: int


@dataclass(frozen=True)
class SplitShards:
    """What the trainer reads of one split. `fill` is the share of the windows that holds tokens."""

    split: str
    shards: int
    sequences: int
    tokens: int
    fill: float | None


@dataclass(frozen=True)
class Shards:
    """The export in short; `window` and `vocabulary_size` are in tokens."""

    mixture: str
    window: int
    vocabulary_size: int
    tokenizer_sha256: str
    splits: tuple[SplitShards, ...]


def collect_tokens(tables: LakeTables, policy: Policy | None) -> tuple[SplitTokens, ...] | Missing:
    """What the mixture is made of: train before held_out, most tokens first."""
    missing = tables.missing(MANIFEST)
    if missing:
        return missing
    rows = tables.rows(f"""
        select language, split, sum(document_count) as documents, sum(token_count) as tokens, sum(text_bytes) as text_bytes
        from mix_manifest where {of_mixture(policy)} group by language, split
        order by split desc, tokens desc, language limit {2 * SHOWN_LANGUAGES}""")
    return tuple(SplitTokens(**row) for row in rows)


def tokens_of_split(rows: tuple[SplitTokens, ...], split: str) -> int:
    return sum(row.tokens for row in rows if row.split == split)


def collect_shards(tables: LakeTables, policy: Policy | None) -> Shards | Missing:
    """Those of the policy's mixture."""
    name = f"{mixtures_there(tables.lake).get(policy.name if policy else '', SHARDS)}/{MANIFEST_NAME}"
    manifest = tables.lake.read_json(name)
    if manifest is None:
        return Missing((name,))
    window = manifest["window"]
    splits = tuple(_split_shards(name, manifest["splits"][name]["shards"], window) for name in sorted(manifest["splits"], reverse=True))
    return Shards(manifest["mixture"], window, manifest["vocabulary_size"], manifest["tokenizer_sha256"], splits)


def _split_shards(name: str, shards: list[dict[str, Any]], window: int) -> SplitShards:
    sequences, tokens = sum(shard["rows"] for shard in shards), sum(shard["tokens"] for shard in shards)
    return SplitShards(name, len(shards), sequences, tokens, tokens / (sequences * window) if sequences else None)
