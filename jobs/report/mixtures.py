"""The mixtures of the lake, and of those with a recipe what each share asked for and got."""

from dataclasses import dataclass

from jobs.report.tables import LakeTables, Missing
from schemas.mix import LOTS, MANIFEST

SHOWN_LOTS = 60


@dataclass(frozen=True)
class Mixture:
    """Tokens of training and held out; `window` is in tokens."""

    name: str
    policy: str
    recipe: str
    packing: str
    window: int
    documents: int
    train_tokens: int
    held_out_tokens: int
    cut_documents: int


@dataclass(frozen=True)
class Lot:
    """`share` as asked for and `taken_share` of what was taken. `note` says why they differ, empty where they do not."""

    mixture: str
    lot: str
    share: float
    taken_share: float
    taken_tokens: int
    epochs: float
    note: str


@dataclass(frozen=True)
class Mixtures:
    mixtures: tuple[Mixture, ...]
    lots: tuple[Lot, ...]


def collect_mixtures(tables: LakeTables) -> Mixtures | Missing:
    """Most training tokens first."""
    missing = tables.missing(MANIFEST)
    if missing:
        return missing
    rows = tables.rows("""
        select mixture as name, min(policy) as policy, min(recipe) as recipe, min(packing) as packing, min("window") as "window",
            sum(document_count) as documents, sum(cut_document_count) as cut_documents,
            sum(case when split = 'train' then token_count else 0 end) as train_tokens,
            sum(case when split = 'train' then 0 else token_count end) as held_out_tokens
        from mix_manifest group by mixture order by train_tokens desc, name""")
    lots = []
    if tables.has(LOTS):
        lots = tables.rows(f"""
            select mixture, lot, share, taken_token_count as taken_tokens, epochs, note,
                taken_token_count / nullif(cast(sum(taken_token_count) over (partition by mixture) as double), 0) as taken_share
            from mix_lots order by mixture, share desc, lot limit {SHOWN_LOTS}""")
    return Mixtures(tuple(Mixture(**row) for row in rows), tuple(Lot(**row | {"taken_share": row["taken_share"] or 0.0}) for row in lots))
