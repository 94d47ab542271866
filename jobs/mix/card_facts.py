"""What a data card says: read from tables, the ledger and the manifest of the shards, without Spark. Nothing is said that is not there."""

import dataclasses
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from jobs.decide.policy import Policy
from jobs.decide.profiles import PROFILES, PolicyParams
from jobs.decide.rules import REASONS
from jobs.mix.card_differences import differences, digest_kept
from jobs.mix.left_out import checked_documents
from jobs.mix.mixtures import check_whole
from jobs.mix.without_documents import without_documents
from jobs.runtime.errors import CodemillError, UsageError
from jobs.runtime.ledger import runs
from schemas.contamination import BENCHMARKS
from schemas.decide import CUTS, DROPPED, KEPT
from schemas.ingest import REJECTS, REPOSITORIES
from schemas.lake import SCORERS, SHARDS, Lake
from schemas.mix import MANIFEST, TOKENIZERS
from udfs.manifest import Manifest, ShardError
from udfs.shards import read_manifest

MOST_REPOSITORIES = 50
UNKNOWN = "unknown"
Facts = dict[str, Any]


def card_facts(lake: Lake, shards: str = SHARDS) -> tuple[Facts, Manifest]:
    """The facts, as JSON can hold them, in a fixed order; and the manifest of the shards that they are about. Raises `CodemillError`
    where there are none, or not all that the manifest names.

    `differences` say which of the tables, as they are today, are not those that the shards were made of.
    """
    try:
        manifest = read_manifest(lake.path(shards))
    except ShardError as error:
        raise CodemillError(f"{error}\n`codemill mix.shards --lake {lake.root}` writes it.") from error
    check_whole(lake, shards, manifest)
    counted = lake.read(MANIFEST, None, pc.field("mixture") == manifest.mixture).to_pylist()
    policy = str(counted[0].get("policy", manifest.mixture)) if counted else manifest.policy or manifest.mixture
    ledger = last_runs(lake, manifest.mixture)
    kept, repositories = kept_counts(lake, policy)
    facts = {
        "mixture": manifest.mixture,
        "differences": differences(manifest, counted, digest_kept(lake, policy), policy),
        "policy": policy,
        "policy_hash": manifest.policy_hash,
        "window": manifest.window,
        "end_token": manifest.end_token,
        "recipe": {"name": manifest.recipe, "packing": manifest.packing, "fim_rate": manifest.fim_rate, "shares": list(manifest.shares)},
        "versions": manifest.versions,
        "splits": {name: split.totals | {"shards": len(split.shards)} for name, split in sorted(manifest.splits.items())},
        "mixed": sorted(counted, key=lambda row: (row["split"], -row["token_count"], row.get("kind", ""), row["language"])),
        "kept": kept,
        "without_documents": without_documents(lake, policy),
        "repositories": with_sources(lake, repositories),
        "repository_count": len(repositories),
        "policy_values": policy_values(policy, manifest.policy_hash, ledger),
        "dropped": dropped_counts(lake, policy),
        "cuts": lake.read(CUTS, None, pc.field("policy") == policy).to_pylist(),
        "scorers": scorers(lake, policy),
        "checked": checked_documents(lake, policy),
        "oracles": {scorer: oracle(lake, scorer) for scorer in scorers(lake, policy)},
        "benchmarks": lake.read(BENCHMARKS).sort_by("benchmark").to_pylist(),
        "tokenizer": tokenizer(lake, manifest),
        "jobs": [{"job": run["job"], "parameters": parameters(run)} for run in ledger],
        "libraries": json.loads(ledger[-1]["versions"]).get("libraries", {}) if ledger else {},
        "rejects": rejects(lake),
    }
    return facts, manifest


def grouped(batches: Iterator[pa.RecordBatch], keys: list[str]) -> list[Facts]:
    """Rows and bytes by keys, a null key as `unknown`; most bytes first. Memory: one batch and the groups."""
    counts: Counter[tuple[str, ...]] = Counter()
    sizes: Counter[tuple[str, ...]] = Counter()
    for batch in batches:
        found = pa.Table.from_batches([batch]).group_by(keys).aggregate([([], "count_all"), ("size_bytes", "sum")])
        for row in found.to_pylist():
            key = tuple(row[name] or UNKNOWN for name in keys)
            counts[key] += row["count_all"]
            sizes[key] += row["size_bytes_sum"]
    order = sorted(counts, key=lambda key: (-sizes[key], key))
    return [dict(zip(keys, key, strict=True)) | {"candidates": counts[key], "size_bytes": sizes[key]} for key in order]


def kept_counts(lake: Lake, policy: str) -> tuple[list[Facts], list[Facts]]:
    """What the policy kept by split, kind, language and licence; and by repository."""
    is_it = pc.field("policy") == policy
    kinds, sources = ["split", "kind", "language", "licence"], ["repository"]
    return (
        grouped(lake.scan(KEPT, [*kinds, "size_bytes"], is_it), kinds),
        grouped(lake.scan(KEPT, [*sources, "size_bytes"], is_it), sources),
    )


def with_sources(lake: Lake, repositories: list[Facts]) -> list[Facts]:
    """The repositories of most candidates, with what is known of them."""
    repositories = sorted(repositories, key=lambda row: (-row["candidates"], row["repository"]))
    columns = ["repository", "source_kind", "commit", "licence"]
    names = pa.array([row["repository"] for row in repositories[:MOST_REPOSITORIES]], pa.string())
    known = {row["repository"]: row for row in lake.read(REPOSITORIES, columns, pc.field("repository").isin(names)).to_pylist()}
    unknown = dict.fromkeys(columns[1:])
    return [row | unknown | known.get(row["repository"], {}) for row in repositories[:MOST_REPOSITORIES]]


def dropped_counts(lake: Lake, policy: str) -> list[Facts]:
    """What each rule dropped; a candidate counts once for each of its reasons."""
    counts: Counter[tuple[str, str]] = Counter()
    sizes: Counter[tuple[str, str]] = Counter()
    for batch in lake.scan(DROPPED, ["kind", "size_bytes", "reasons"], pc.field("policy") == policy):
        reasons = batch.column("reasons")
        rows = batch.take(pc.list_parent_indices(reasons))
        for kind, size, reason in zip(rows["kind"].to_pylist(), rows["size_bytes"].to_pylist(), reasons.flatten().to_pylist(), strict=True):
            counts[kind, reason] += 1
            sizes[kind, reason] += size
    return [
        {"kind": kind, "reason": reason, "meaning": REASONS.get(reason, ""), "candidates": counts[kind, reason],
         "size_bytes": sizes[kind, reason]}
        for kind, reason in sorted(counts, key=lambda key: (key[0], -counts[key], key[1]))
    ]  # fmt: skip


def policy_values(name: str, policy_hash: str, ledger: list[Facts]) -> Facts | None:
    """The values of the policy of this hash; None where neither its profile nor the ledger gives them to this version of codemill."""
    asked = [json.loads(run["parameters"]) for run in ledger if run["job"] == "decide.verdicts"]
    found: list[Policy] = [PROFILES[name]] if name in PROFILES else []
    for parameters in asked:
        try:
            found.append(PolicyParams(parameters["profile"], tuple(parameters["policy"])).resolved())
        except (KeyError, UsageError):
            continue
    return next((dataclasses.asdict(policy) for policy in found if policy.hash == policy_hash), None)


def scorers(lake: Lake, policy: str) -> list[str]:
    found: set[str] = set()
    for batch in lake.scan(KEPT, ["scorer"], (pc.field("policy") == policy) & pc.is_valid(pc.field("scorer"))):
        found |= set(pc.unique(batch.column("scorer")).to_pylist())
    return sorted(found)


def oracle(lake: Lake, scorer: str) -> Facts:
    """Whose ratings a scorer learned, which of them, and what the oracle was asked with; null where its folder did not say."""
    found = lake.read_json(f"{SCORERS}/{scorer}.json") or {}
    return {name: found.get(name) for name in ("oracle", "labels", "asked_with")}


def tokenizer(lake: Lake, manifest: Manifest) -> Facts:
    columns = ["name", "origin", "sample_documents", "sample_bytes"]
    rows = lake.read(TOKENIZERS, columns, pc.field("tokenizer_sha256") == manifest.tokenizer_sha256).to_pylist()
    known = {"sha256": manifest.tokenizer_sha256, "vocabulary_size": manifest.vocabulary_size}
    return known | (min(rows, key=lambda row: row["name"]) if rows else dict.fromkeys(columns))


def rejects(lake: Lake) -> list[Facts]:
    found: Counter[str] = Counter()
    for batch in lake.scan(REJECTS, ["reason"]):
        found.update(batch.column("reason").to_pylist())
    return [{"reason": reason, "entries": found[reason]} for reason in sorted(found)]


def last_runs(lake: Lake, mixture: str) -> list[Facts]:
    """Each job's last run that did not fail, in the order of the pipeline; of jobs that mix the last for this mixture.

    What runs after the shards is not what they are made of.
    """
    from jobs.pipeline import JOBS  # which imports the job that imports this

    scopes = {job.name: job.scope for job in JOBS if job.scope}
    ran = [run for run in runs(lake) if run["status"] != "failed"]
    found = {run["job"]: run for run in ran if run["job"] not in scopes or scopes[run["job"]](json.loads(run["parameters"])) == mixture}
    names = [job.name for job in JOBS]
    return [found[name] for name in names[: names.index("mix.shards") + 1] if name in found]


def parameters(run: Facts) -> Facts:
    """A run's parameters. Of a path only the end is told: a card is published, the layout of a disk is not."""
    return {name: without_folders(value) for name, value in sorted(json.loads(run["parameters"]).items())}


def without_folders(value: Any) -> Any:
    if isinstance(value, list):
        return [without_folders(part) for part in value]
    if not isinstance(value, str) or os.sep not in value or re.fullmatch(r"\d+/\d+", value):
        return value
    return f".../{value.rstrip(os.sep).rpartition(os.sep)[2]}"
