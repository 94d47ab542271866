"""Repositories that are copies of each other, nearly so, or lie in a larger one: what was found without metadata, and what became of it."""

from dataclasses import dataclass, replace
from typing import Any

from jobs.decide.survivors import CONTAINED, NEAR_DUPLICATE, OF_HELD_OUT
from jobs.report.tables import LakeTables, Missing, literal, literals
from jobs.report.verdicts import Policy
from schemas.annotate import REPOSITORY_DUPLICATES, REPOSITORY_PAIRS
from schemas.decide import DROPPED, KEPT

SHOWN_GROUPS = 12
SHOWN_MEMBERS = 12  # of a group
SHOWN_CONTAINED = 30
KEPT_VERDICT, NO_VERDICT = "kept", ""
_COMPARED = "(select *, count(*) over (partition by content_hash) > 1 as is_copy from annotate_repository_duplicates)"


@dataclass(frozen=True)
class GroupedRepository:
    """`similarity` is that to the group's first member, by their sets of duplicate groups: 1 for itself and where the contents or the sets
    are equal, None where the two were not compared. `verdict` is `kept`, the reasons for which it is out, or empty where no policy has
    decided.
    """

    name: str
    contents: int
    is_copy: bool
    similarity: float | None
    verdict: str


@dataclass(frozen=True)
class RepositoryGroup:
    """`members` are at most SHOWN_MEMBERS of the `size`: what is kept first, then by name."""

    size: int
    distinct: int
    members: tuple[GroupedRepository, ...]


@dataclass(frozen=True)
class ContainedRepository:
    """A repository of which the share `containment` lies in another one that is larger."""

    name: str
    contents: int
    container: str
    containment: float
    verdict: str


@dataclass(frozen=True)
class Repositories:
    """`copies` have the very contents of another one; `near` are alike to another one and copies of none; `contained` are in neither, and
    lie in a larger one by the share that the run was asked for, or more. `kept` is None where no policy has decided.

    `sizes` are (repositories in a group, groups of that size), the largest first.
    """

    read: int
    copies: int
    near: int
    contained: int
    kept: int | None
    removed: tuple[tuple[str, int], ...]
    sizes: tuple[tuple[int, int], ...]
    groups: tuple[RepositoryGroup, ...]
    inside: tuple[ContainedRepository, ...]
    inside_count: int

    @property
    def found(self) -> int:
        """Repositories that are not the only one of their kind."""
        return self.copies + self.near + self.contained


def collect_repositories(tables: LakeTables, policy: Policy | None) -> Repositories | Missing:
    missing = tables.missing(REPOSITORY_DUPLICATES, REPOSITORY_PAIRS)
    if missing:
        return missing
    (counts,) = tables.rows(f"""
        select count(*) as read, count(*) filter (where is_copy) as copies,
               count(*) filter (where not is_copy and group_size > 1) as near,
               count(*) filter (where not is_copy and group_size = 1 and container is not null) as contained,
               count(container) as inside_count
        from {_COMPARED}""")
    sizes = tables.rows("""
        select group_size as size, count(distinct group_id) as groups from annotate_repository_duplicates where group_size > 1
        group by group_size order by group_size desc""")
    found = Repositories(
        **counts,
        kept=None,
        removed=(),
        sizes=tuple((row["size"], row["groups"]) for row in sizes),
        groups=_groups(tables, policy),
        inside=_inside(tables, policy),
    )
    if policy is None or tables.missing(KEPT, DROPPED):
        return found
    of_policy = _of_policy(policy)
    (kept,) = tables.rows(f"select count(*) as n from decide_kept where {of_policy}")
    removed = tables.rows(f"""
        select reason, count(*) as n from (select unnest(reasons) as reason from decide_dropped where {of_policy})
        where reason in {literals((NEAR_DUPLICATE, OF_HELD_OUT, CONTAINED))} group by reason order by n desc, reason""")
    return replace(found, kept=kept["n"], removed=tuple((row["reason"], row["n"]) for row in removed))


def _of_policy(policy: Policy) -> str:
    return f"kind = 'repository' and policy = {literal(policy.name)}"


def _verdicts(tables: LakeTables, policy: Policy | None, names: list[str]) -> dict[str, str]:
    """What the policy says of these repositories; nothing where it has not decided."""
    if policy is None or tables.missing(KEPT, DROPPED):
        return {}
    where = f"{_of_policy(policy)} and candidate in {literals(names)}"
    found = {row["candidate"]: KEPT_VERDICT for row in tables.rows(f"select candidate from decide_kept where {where}")}
    return found | {row["candidate"]: ", ".join(row["reasons"]) for row in tables.rows(f"select * from decide_dropped where {where}")}


def _groups(tables: LakeTables, policy: Policy | None) -> tuple[RepositoryGroup, ...]:
    largest = tables.rows(f"""
        select group_id, group_size, count(distinct content_hash) as hashes from annotate_repository_duplicates where group_size > 1
        group by group_id, group_size order by group_size desc, group_id limit {SHOWN_GROUPS}""")
    ids = ", ".join(str(row["group_id"]) for row in largest) or "null"
    # Of a very large group the first by name are enough to find one that is kept beside what is not.
    rows = tables.rows(f"""
        select * from (
            select *, row_number() over (partition by group_id order by repository) as place
            from {_COMPARED} where group_id in ({ids}))
        where place <= {8 * SHOWN_MEMBERS} order by repository""")
    verdicts = _verdicts(tables, policy, [row["repository"] for row in rows])
    similar = _similarities(tables, [row["repository"] for row in rows])
    return tuple(
        RepositoryGroup(
            one["group_size"], one["hashes"], _members([row for row in rows if row["group_id"] == one["group_id"]], verdicts, similar)
        )
        for one in largest
    )


def _members(rows: list[dict[str, Any]], verdicts: dict[str, str], similar: dict[frozenset[str], float]) -> tuple[GroupedRepository, ...]:
    ordered = sorted(rows, key=lambda row: (verdicts.get(row["repository"]) != KEPT_VERDICT, row["repository"]))[:SHOWN_MEMBERS]
    first = ordered[0]
    return tuple(
        GroupedRepository(
            row["repository"],
            row["content_count"],
            row["is_copy"],
            1.0 if row["content_hash"] == first["content_hash"] else similar.get(frozenset((row["repository"], first["repository"]))),
            verdicts.get(row["repository"], NO_VERDICT),
        )
        for row in ordered
    )


def _similarities(tables: LakeTables, names: list[str]) -> dict[frozenset[str], float]:
    rows = tables.rows(f"""
        select smaller, larger, similarity from annotate_repository_pairs
        where smaller in {literals(names)} and larger in {literals(names)}""")
    return {frozenset((row["smaller"], row["larger"])): row["similarity"] for row in rows}


def _inside(tables: LakeTables, policy: Policy | None) -> tuple[ContainedRepository, ...]:
    rows = tables.rows(f"""
        select repository, content_count, container, containment from annotate_repository_duplicates where container is not null
        order by containment desc, content_count desc, repository limit {SHOWN_CONTAINED}""")
    verdicts = _verdicts(tables, policy, [row["repository"] for row in rows])
    return tuple(
        ContainedRepository(
            row["repository"], row["content_count"], row["container"], row["containment"], verdicts.get(row["repository"], NO_VERDICT)
        )
        for row in rows
    )
