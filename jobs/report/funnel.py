"""How many entries, texts, documents, tokens and sequences are left after each step, and how large the texts are."""

from dataclasses import dataclass, replace

from jobs.report.tables import LakeTables, Missing, sql_name
from jobs.report.verdicts import Loss, Policy, dropped_losses, of_mixture, of_policy, reject_losses
from schemas.assemble import DOCUMENTS
from schemas.decide import DROPPED, KEPT
from schemas.ingest import CONTENTS, FILES
from schemas.mix import MANIFEST, SEQUENCES
from schemas.table import Table

SIZE_BOUNDS_BYTES = (0, 1, 64, 256, 1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22)


@dataclass(frozen=True)
class Step:
    """One step of the funnel. `count` is None where its table is `missing`; `losses` are what got lost on the way into it."""

    name: str
    note: str
    count: int | None
    missing: Missing | None = None
    losses: tuple[Loss, ...] = ()


@dataclass(frozen=True)
class Funnel:
    """`items` are things that can be compared with each other; `tokens` and `sequences` have their own units.

    `candidates` and `kept_bytes_share` (of the candidates' bytes) are None where no policy has decided.
    """

    items: tuple[Step, ...]
    tokens: Step
    sequences: Step
    candidates: int | None
    kept_bytes_share: float | None


@dataclass(frozen=True)
class SizeBin:
    """Distinct texts of at least `from_bytes` and less than the next bin's. `kept` is None where no policy has decided."""

    from_bytes: int
    count: int
    kept: int | None


def collect_funnel(tables: LakeTables, policy: Policy | None) -> Funnel:
    rejects = reject_losses(tables)
    files = _measure(tables, FILES, "files", "entries that are text")
    contents = _measure(tables, CONTENTS, "distinct texts", "each text once, however often it occurs")
    kept = _measure(tables, KEPT, "kept", f"by the policy {policy.name}" if policy else "by a policy", where=of_policy(policy))
    candidates, share = _candidates(tables, policy)
    entries = None if files.count is None else files.count + sum(loss.count for loss in rejects)
    return Funnel(
        items=(
            Step("entries found", "files, links and whatever else the sources hold", entries, files.missing),
            replace(files, losses=rejects),
            replace(contents, losses=_repeats(files, contents)),
            replace(kept, losses=dropped_losses(tables, policy)),
            _measure(tables, DOCUMENTS, "documents", "assembled as training text", where="kind = 'file'"),
        ),
        tokens=_measure(tables, MANIFEST, "tokens", "end tokens included, all splits", "coalesce(sum(token_count), 0)", of_mixture(policy)),
        sequences=_measure(tables, SEQUENCES, "sequences", "packed for the trainer", where=of_mixture(policy)),
        candidates=candidates,
        kept_bytes_share=share,
    )


def collect_sizes(tables: LakeTables, policy: Policy | None) -> tuple[SizeBin, ...] | Missing:
    """Distinct texts by size, from the bin of empty texts to the last one that holds any."""
    missing = tables.missing(CONTENTS)
    if missing:
        return missing
    counts = _by_size(tables, "ingest_contents")
    kept = _by_size(tables, f"decide_kept where {of_policy(policy)}") if policy and tables.has(KEPT) else None
    bounds = SIZE_BOUNDS_BYTES[: max(counts, default=-1) + 1]
    return tuple(SizeBin(bound, counts.get(i, 0), None if kept is None else kept.get(i, 0)) for i, bound in enumerate(bounds))


def _by_size(tables: LakeTables, source: str) -> dict[int, int]:
    """Rows by the index of their bin."""
    cases = " ".join(f"when size_bytes < {bound} then {index}" for index, bound in enumerate(SIZE_BOUNDS_BYTES[1:]))
    rows = tables.rows(f"select case {cases} else {len(SIZE_BOUNDS_BYTES) - 1} end as bin, count(*) as texts from {source} group by bin")
    return {row["bin"]: row["texts"] for row in rows}


def _candidates(tables: LakeTables, policy: Policy | None) -> tuple[int | None, float | None]:
    """How many candidates the policy judged, and the share of their bytes that it keeps."""
    if policy is None or tables.missing(KEPT, DROPPED):
        return None, None
    (kept,), (dropped,) = (
        tables.rows(f"select count(*) as n, coalesce(sum(size_bytes), 0) as size_bytes from {sql_name(t)} where {of_policy(policy)}")
        for t in (KEPT, DROPPED)
    )
    size_bytes = kept["size_bytes"] + dropped["size_bytes"]
    return kept["n"] + dropped["n"], kept["size_bytes"] / size_bytes if size_bytes else None


def _repeats(files: Step, contents: Step) -> tuple[Loss, ...]:
    """Files whose text another file has too. A text that no file has any more makes this too small, never negative."""
    if files.count is None or contents.count is None or files.count <= contents.count:
        return ()
    return (Loss("same text in another file", files.count - contents.count),)


def _measure(tables: LakeTables, table: Table, name: str, note: str, what: str = "count(*)", where: str = "true") -> Step:
    missing = tables.missing(table)
    if missing:
        return Step(name, note, None, missing)
    (row,) = tables.rows(f"select {what} as n from {sql_name(table)} where {where}")
    return Step(name, note, row["n"])
