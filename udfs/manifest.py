"""The manifest of a shard folder: what the shards are made of, and the hash of each."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

FORMAT_VERSION = 1


class ShardError(Exception):
    """A shard folder is not what its manifest says."""


@dataclass(frozen=True)
class Shard:
    """One Parquet file. `text_bytes` are the UTF-8 bytes that its tokens stand for; earlier versions did not write `size_bytes`."""

    file: str
    sha256: str
    rows: int
    tokens: int
    text_bytes: int
    size_bytes: int | None = None


@dataclass(frozen=True)
class LanguageCounts:
    """What one language or kind brings to a split: documents as often as they are repeated; tokens include end tokens."""

    documents: int
    tokens: int
    text_bytes: int


@dataclass(frozen=True)
class Split:
    shards: tuple[Shard, ...]
    languages: dict[str, LanguageCounts]
    kinds: dict[str, LanguageCounts] = field(default_factory=dict)

    @property
    def totals(self) -> dict[str, int]:
        return {
            "documents": sum(counts.documents for counts in self.languages.values()),
            "rows": sum(shard.rows for shard in self.shards),
            "tokens": sum(shard.tokens for shard in self.shards),
            "text_bytes": sum(shard.text_bytes for shard in self.shards),
        }


@dataclass(frozen=True)
class Manifest:
    """What the shards are made of. `policy_hash` is the policy that chose the documents; `recipe` says how they were mixed;
    `kept_digest` and `sequences_hash` are those of mix/manifest, by which today's tables can be told from those of then.

    `window` is the length of the longest sequence, in tokens. `shares` are what the recipe asked for and what was taken, as mix/lots has
    it; none where each document was taken once. `versions` are those of the libraries that made the sequences. What has a default was not
    written by earlier versions.
    """

    mixture: str
    policy_hash: str
    window: int
    vocabulary_size: int
    end_token: str
    tokenizer_sha256: str
    splits: dict[str, Split]
    policy: str = ""
    recipe: str = ""
    packing: str = ""
    kept_digest: str = ""
    sequences_hash: str = ""
    fim_rate: float | None = None
    shares: tuple[dict[str, Any], ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def to_json(self) -> str:
        """The same manifest gives the same text. Totals are written for readers of the file; `from_json` counts them anew."""
        record = asdict(self)
        for name, split in self.splits.items():
            record["splits"][name]["totals"] = split.totals
        return json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Raises `ShardError` where the text is no manifest of this version."""
        try:
            record = json.loads(text)
            if record["format_version"] != FORMAT_VERSION:
                raise ShardError(f"the manifest has format {record['format_version']}; this version of codemill reads {FORMAT_VERSION}")
            splits = {name: _split_of(split) for name, split in record.pop("splits").items()}
            return cls(splits=splits, shares=tuple(record.pop("shares", ())), **record)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ShardError(f"this is not a manifest of shards: {type(error).__name__}: {error}") from error


def _split_of(record: dict[str, Any]) -> Split:
    shards = tuple(Shard(**shard) for shard in record["shards"])
    by_language, by_kind = record["languages"], record.get("kinds", {})
    counted = [{name: LanguageCounts(**counts) for name, counts in found.items()} for found in (by_language, by_kind)]
    return Split(shards, *counted)
