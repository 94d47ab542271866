"""Which policy the report shows, and why candidates are out."""

from dataclasses import dataclass

from jobs.report.tables import LakeTables, literal, sql_name
from schemas.decide import DROPPED, KEPT
from schemas.ingest import REJECTS
from schemas.mix import MANIFEST


@dataclass(frozen=True)
class Policy:
    """The profile that the report shows: the one that was mixed, else the first by name."""

    name: str
    policy_hash: str
    others: tuple[str, ...]


@dataclass(frozen=True)
class Loss:
    """What did not get past a step. `alone` counts those for which this was the only reason; None where there is one reason a row."""

    reason: str
    count: int
    alone: int | None = None
    size_bytes: int = 0


def find_policy(tables: LakeTables) -> Policy | None:
    """None where no policy has decided anything."""
    verdicts = [f"select policy, policy_hash from {sql_name(t)}" for t in (KEPT, DROPPED) if tables.has(t)]
    if not verdicts:
        return None
    all_verdicts = " union all ".join(verdicts)
    rows = tables.rows(f"select policy, min(policy_hash) as policy_hash from ({all_verdicts}) group by policy order by policy")
    if not rows:
        return None
    hashes = {row["policy"]: row["policy_hash"] for row in rows}
    mixed = tables.rows("select distinct mixture from mix_manifest order by mixture") if tables.has(MANIFEST) else []
    name = next((row["mixture"] for row in mixed if row["mixture"] in hashes), rows[0]["policy"])
    return Policy(name, hashes[name], tuple(other for other in hashes if other != name))


def of_policy(policy: Policy | None) -> str:
    """The condition on a verdict's row: of a file, by this policy, or by any where there is none."""
    return f"kind = 'file' and policy = {literal(policy.name)}" if policy else "kind = 'file'"


def of_mixture(policy: Policy | None) -> str:
    """The condition on a row of the phase mix: a mixture has its policy's name."""
    return f"mixture = {literal(policy.name)}" if policy else "true"


def reject_losses(tables: LakeTables) -> tuple[Loss, ...]:
    """Entries that became no file, by reason, most first."""
    if not tables.has(REJECTS):
        return ()
    rows = tables.rows("""
        select reason, count(*) as entries, coalesce(sum(size_bytes), 0) as size_bytes
        from ingest_rejects group by reason order by entries desc, reason""")
    return tuple(Loss(row["reason"], row["entries"], None, row["size_bytes"]) for row in rows)


def dropped_losses(tables: LakeTables, policy: Policy | None) -> tuple[Loss, ...]:
    """Candidates that the policy dropped, by reason, most first. A candidate counts once for each of its reasons."""
    if policy is None or not tables.has(DROPPED):
        return ()
    rows = tables.rows(f"""
        select reason, count(*) as candidates, count(*) filter (where reason_count = 1) as alone, sum(size_bytes) as size_bytes
        from (
            select unnest(reasons) as reason, array_length(reasons) as reason_count, size_bytes
            from decide_dropped where {of_policy(policy)})
        group by reason order by candidates desc, reason""")
    return tuple(Loss(row["reason"], row["candidates"], row["alone"], row["size_bytes"]) for row in rows)
