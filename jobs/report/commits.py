"""What became of the commits: flags, verdicts, documents, and how often the message finds a file that changes."""

from dataclasses import dataclass

from jobs.report.commit_languages import CommitLanguage, collect_commit_languages
from jobs.report.tables import LakeTables, Missing, literal
from jobs.report.verdicts import Policy, of_mixture
from schemas.annotate import COMMIT_FACTS
from schemas.assemble import COMMIT_CONTEXTS, DOCUMENTS
from schemas.decide import DROPPED, KEPT
from schemas.ingest import COMMITS
from schemas.mix import MANIFEST
from udfs.commit_layout import MARK

RANKS = (1, 5, 20)
PARTS = ("message", "readme", "tree", "files", "predicted")
BYTES_PER_TOKEN = 3.5  # where nothing is mixed yet; as decide/features estimates tokens
EXAMPLES = 3
HEAD_CHARACTERS, PREDICTED_CHARACTERS = 1_200, 3_000


@dataclass(frozen=True)
class Flag:
    """Commits that have it; `alone` those that have no other."""

    name: str
    count: int
    alone: int


@dataclass(frozen=True)
class CommitExample:
    candidate: str
    size_bytes: int
    text: str


@dataclass(frozen=True)
class Variant:
    """The documents of one layout. `reasons` are why commits have none; `found` how many have a changed file among the first of RANKS, and
    `found_by_subject` the same where the first line of the message asks."""

    layout: str
    documents: int
    reasons: tuple[tuple[str, int], ...]
    found: tuple[int, ...]
    found_by_subject: tuple[int, ...]
    mean_bytes: tuple[float, ...]
    cuts: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Commits:
    """`kept` is None where no policy has decided, `bytes_per_token` where no commit was mixed."""

    read: int
    repositories: int
    flags: tuple[Flag, ...]
    kept: int | None
    variants: tuple[Variant, ...]
    examples: tuple[CommitExample, ...]
    languages: tuple[CommitLanguage, ...]
    bytes_per_token: float | None


def collect_commits(tables: LakeTables, policy: Policy | None) -> Commits | Missing | None:
    """None where no history was kept."""
    missing = tables.missing(COMMITS)
    if missing:
        return missing
    (whole,) = tables.rows("select count(*) as n, count(distinct repository) as repositories from ingest_commits")
    if not whole["n"]:
        return None
    kept = None
    if policy and not tables.missing(KEPT, DROPPED):
        (row,) = tables.rows(f"select count(*) as n from decide_kept where kind = 'commit' and policy = {literal(policy.name)}")
        kept = row["n"]
    return Commits(
        whole["n"],
        whole["repositories"],
        _flags(tables),
        kept,
        _variants(tables, policy),
        _examples(tables),
        collect_commit_languages(tables),
        _bytes_per_token(tables, policy),
    )


def _bytes_per_token(tables: LakeTables, policy: Policy | None) -> float | None:
    """As the mixture's tokenizer has them, over all documents of commits."""
    if not tables.has(MANIFEST):
        return None
    (row,) = tables.rows(f"""
        select sum(token_count) as tokens, sum(text_bytes) as bytes from mix_manifest where kind = 'commit' and {of_mixture(policy)}""")
    return row["bytes"] / row["tokens"] if row["tokens"] else None


def _flags(tables: LakeTables) -> tuple[Flag, ...]:
    """Of the version with most rows."""
    if not tables.has(COMMIT_FACTS):
        return ()
    versions = tables.rows("select version, count(*) as n from annotate_commit_facts group by version order by n desc, version limit 1")
    if not versions:
        return ()
    rows = tables.rows(f"""
        select flag, count(*) as n, sum(case when many = 1 then 1 else 0 end) as alone
        from (select unnest(flags) as flag, array_length(flags) as many from annotate_commit_facts
              where version = {literal(versions[0]["version"])})
        group by flag order by n desc, flag""")
    return tuple(Flag(row["flag"], row["n"], row["alone"]) for row in rows)


def _variants(tables: LakeTables, policy: Policy | None) -> tuple[Variant, ...]:
    """Of the commits that the policy keeps now: rows stay when a history is rewritten or a policy changes."""
    if not tables.has(COMMIT_CONTEXTS):
        return ()
    contexts = "assemble_commit_contexts"
    if policy and tables.has(KEPT):
        kept = f"select candidate from decide_kept where kind = 'commit' and policy = {literal(policy.name)}"
        contexts = f"""(select * from assemble_commit_contexts where concat(repository, '@', "commit") in ({kept})) as contexts"""
    asked = [(name, rank) for name in ("best", "subject") for rank in RANKS]
    sums = ", ".join(f"sum(case when {name}_rank <= {rank} then 1 else 0 end) as {name}_{rank}" for name, rank in asked)
    means = ", ".join(f"avg({name}_bytes) as {name}" for name in PARTS)
    rows = tables.rows(f"""
        select layout, count(*) as n, {sums}, {means} from {contexts} where reason is null group by layout order by layout""")
    reasons = tables.rows(f"""
        select layout, reason, count(*) as n from {contexts} where reason is not null
        group by layout, reason order by n desc, reason""")
    cuts = tables.rows(f"""
        select layout, cut, count(*) as n from (select layout, unnest(cuts) as cut from {contexts} where reason is null)
        group by layout, cut order by n desc, cut""")
    return tuple(
        Variant(
            row["layout"],
            row["n"],
            tuple((one["reason"], one["n"]) for one in reasons if one["layout"] == row["layout"]),
            tuple(row[f"best_{rank}"] for rank in RANKS),
            tuple(row[f"subject_{rank}"] for rank in RANKS),
            tuple(row[name] for name in PARTS),
            tuple((one["cut"], one["n"]) for one in cuts if one["layout"] == row["layout"]),
        )
        for row in rows
    )


def _examples(tables: LakeTables) -> tuple[CommitExample, ...]:
    """The first by key, so that the same lake always shows the same."""
    if not tables.has(DOCUMENTS):
        return ()
    rows = tables.rows(f"""
        select candidate, size_bytes, text from assemble_documents where kind = 'commit'
        order by encode(sha256(candidate), 'hex'), layout limit {EXAMPLES}""")
    return tuple(CommitExample(row["candidate"], row["size_bytes"], _ends(row["text"])) for row in rows)


def _ends(text: str) -> str:
    """The beginning, and what is to be predicted."""
    context, mark, predicted = text.rpartition(f"\n{MARK} predict\n")
    return f"{context[:HEAD_CHARACTERS]}\n[...]{mark}{predicted[:PREDICTED_CHARACTERS]}"
