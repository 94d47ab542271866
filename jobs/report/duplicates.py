"""Groups of near-duplicates: how large they are, how far their members lie from their centres, and what was removed because of them."""

import json
from dataclasses import dataclass

from jobs.annotate import duplicates
from jobs.annotate.duplicates import DuplicatesParams
from jobs.decide.survivors import NEAR_DUPLICATE, OF_HELD_OUT
from jobs.report.languages import NO_LANGUAGE
from jobs.report.tables import LakeTables, Missing, literal, sql_name
from jobs.report.verdicts import Policy, of_policy
from jobs.runtime.errors import UsageError
from schemas.annotate import DUPLICATES
from schemas.decide import DROPPED, KEPT
from schemas.ledger import LEDGER

SIZE_BOUNDS = (1, 2, 3, 4, 5, 9, 17, 33, 65, 129, 257, 1_025, 4_097, 16_385)
CENTRE_STEPS = 10  # classes of similarity to the centre, of equal width
SHOWN_REMOVALS = 30


@dataclass(frozen=True)
class Grouping:
    """Which run's groups are shown. `params` is None where the ledger has no run whose parameters give the table's version."""

    version: str
    params: DuplicatesParams | None


@dataclass(frozen=True)
class GroupSizes:
    """Groups of at least `least` contents and less than the next class's; the last class has no end (`most` is None)."""

    least: int
    most: int | None
    groups: int
    contents: int


@dataclass(frozen=True)
class Groups:
    """Groups of one content are in the class of 1. `centres` has the members of larger ones by similarity to their centre, in
    `CENTRE_STEPS` classes from 0 on; `far` are those below the threshold, None where that is not known.
    """

    grouping: Grouping
    sizes: tuple[GroupSizes, ...]
    centres: tuple[int, ...]
    far: int | None

    @property
    def larger(self) -> tuple[GroupSizes, ...]:
        """The classes of groups that have several contents."""
        return tuple(size for size in self.sizes if size.least > 1)

    @property
    def in_larger(self) -> int:
        return sum(size.contents for size in self.larger)


@dataclass(frozen=True)
class Removal:
    """Of one language or repository: texts that the policy judged, and those that it removed as near-duplicates."""

    name: str
    candidates: int
    removed: int
    removed_bytes: int


@dataclass(frozen=True)
class Removed:
    """`whole` is over everything, `of_held_out` a part of it. Languages and repositories, most removed first, are at most
    `SHOWN_REMOVALS`; `language_count` and `repository_count` say how many there are from which something was removed.
    """

    whole: Removal
    of_held_out: int
    languages: tuple[Removal, ...]
    repositories: tuple[Removal, ...]
    language_count: int
    repository_count: int


def find_grouping(tables: LakeTables) -> Grouping | None:
    """None where nothing was grouped."""
    if not tables.has(DUPLICATES):
        return None
    versions = tables.rows("select version, count(*) as n from annotate_duplicates group by version order by n desc, version limit 1")
    if not versions:
        return None
    version = versions[0]["version"]
    return Grouping(version, next((p for p in _recorded(tables) if duplicates.version(p) == version), None))


def _recorded(tables: LakeTables) -> list[DuplicatesParams]:
    """Parameters of the job's runs, as the ledger keeps them; a row that has others is passed over."""
    if not tables.has(LEDGER):
        return []
    job = literal(duplicates.JOB.name)
    found = []
    for row in tables.rows(f"select distinct parameters from ledger where job = {job} order by parameters"):
        try:
            params = DuplicatesParams(**json.loads(row["parameters"]))
            duplicates.check(params)
        except (TypeError, ValueError, UsageError):
            continue
        found.append(params)
    return found


def collect_groups(tables: LakeTables, grouping: Grouping | None) -> Groups | Missing:
    missing = tables.missing(DUPLICATES)
    if missing:
        return missing
    if grouping is None:
        return Groups(Grouping("", None), (), (0,) * CENTRE_STEPS, None)
    where = f"version = {literal(grouping.version)}"
    cases = " ".join(f"when group_size < {bound} then {index}" for index, bound in enumerate(SIZE_BOUNDS[1:]))
    sizes = tables.rows(f"""
        select case {cases} else {len(SIZE_BOUNDS) - 1} end as class, sum(contents / group_size) as groups, sum(contents) as contents
        from (select group_size, count(*) as contents from annotate_duplicates where {where} group by group_size)
        group by class order by class""")
    below = f"centre_similarity < {grouping.params.threshold}" if grouping.params else "false"
    step = f"least(cast(floor(centre_similarity * {CENTRE_STEPS} + 1e-9) as bigint), {CENTRE_STEPS - 1})"
    rows = tables.rows(f"""
        select {step} as step, count(*) as members, count(*) filter (where {below}) as far
        from annotate_duplicates where {where} and group_size > 1 group by step""")
    members = {row["step"]: row["members"] for row in rows}
    return Groups(
        grouping,
        tuple(_sizes(row["class"], row["groups"], row["contents"]) for row in sizes),
        tuple(members.get(step, 0) for step in range(CENTRE_STEPS)),
        sum(row["far"] for row in rows) if grouping.params else None,
    )


def _sizes(place: int, groups: int, contents: int) -> GroupSizes:
    most = SIZE_BOUNDS[place + 1] - 1 if place + 1 < len(SIZE_BOUNDS) else None
    return GroupSizes(SIZE_BOUNDS[place], most, groups, contents)


def collect_removed(tables: LakeTables, policy: Policy | None) -> Removed | Missing:
    missing = tables.missing(KEPT, DROPPED)
    if missing:
        return missing
    judged = f"""(
        select language, repository, size_bytes, array_has(reasons, '{NEAR_DUPLICATE}') as is_near,
               array_has(reasons, '{OF_HELD_OUT}') as is_leak from {sql_name(DROPPED)} where {of_policy(policy)}
        union all
        select language, repository, size_bytes, false, false from {sql_name(KEPT)} where {of_policy(policy)})"""
    counts = """count(*) as candidates, count(*) filter (where is_near or is_leak) as removed,
        coalesce(sum(size_bytes) filter (where is_near or is_leak), 0) as removed_bytes"""
    (whole,) = tables.rows(f"select {counts}, count(*) filter (where is_leak) as of_held_out from {judged}")
    of_held_out = whole.pop("of_held_out")
    found = {}
    for column in (f"coalesce(language, '{NO_LANGUAGE}')", "repository"):
        grouped = f"select * from (select {column} as name, {counts} from {judged} group by 1) where removed > 0"
        rows = tables.rows(f"{grouped} order by removed desc, name limit {SHOWN_REMOVALS}")
        (total,) = tables.rows(f"select count(*) as n from ({grouped})")
        found[column] = tuple(Removal(**row) for row in rows), total["n"]
    (languages, language_count), (repositories, repository_count) = found.values()
    return Removed(Removal("", **whole), of_held_out, languages, repositories, language_count, repository_count)
