"""The largest groups of near-duplicates, each with what survives of it beside the member that is least like it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from jobs.report.diffs import CHARACTERS, Diff, side_by_side
from jobs.report.duplicates import Grouping
from jobs.report.languages import NO_LANGUAGE
from jobs.report.tables import LakeTables, Missing, literal, literals
from jobs.report.verdicts import Policy, of_policy
from schemas.annotate import DUPLICATES, SIGNATURES
from schemas.decide import DROPPED, KEPT
from schemas.ingest import CONTENTS, FILES
from udfs.minhash import matrix, similarity

SHOWN_GROUPS = 8
MOST_MEMBERS = 128  # of a group whose signatures are compared with the survivor's: those farthest from the centre

Rows = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Member:
    """A content, at the occurrence that the policy picked, or the first by name where none has. `text_bytes` is None without a text."""

    candidate: str
    repository: str
    path: str
    language: str
    text_bytes: int | None


@dataclass(frozen=True)
class LargeGroup:
    """`is_kept`: whether `survivor` is what the policy keeps; else it is the centre, as no member is kept.

    `other` is the least similar to it of the `compared` members; None, as the `similarity` by signatures and the `diff`, where it cannot be
    told.
    """

    size: int
    survivor: Member
    is_kept: bool
    other: Member | None
    similarity: float | None
    compared: int
    diff: Diff | None


@dataclass(frozen=True)
class Least:
    """The member least similar to a survivor among those `compared`; without a similarity where there are no signatures to compare."""

    candidate: str | None
    similarity: float | None
    compared: int


def collect_largest(tables: LakeTables, grouping: Grouping | None, policy: Policy | None) -> tuple[LargeGroup, ...] | Missing:
    missing = tables.missing(DUPLICATES, SIGNATURES, CONTENTS, FILES)
    if missing:
        return missing
    if grouping is None:
        return ()
    of_version = f"version = {literal(grouping.version)}"
    groups = tables.rows(f"""
        select group_id, group_size from annotate_duplicates where {of_version} and group_size > 1
        group by group_id, group_size order by group_size desc, group_id limit {SHOWN_GROUPS}""")
    sizes = {row["group_id"]: row["group_size"] for row in groups}
    if not sizes:
        return ()
    in_groups = f"{of_version} and group_id in ({', '.join(map(str, sizes))})"
    kept = _kept(tables, in_groups, policy)
    stays = _centres(tables, in_groups) | kept
    members = _members(tables, in_groups)
    signatures = _signatures(tables, sorted({*stays.values(), *(key for keys in members.values() for key in keys)}))
    least = {group: _least_similar(stays[group], members[group], signatures) for group in sizes}
    shown = sorted({*stays.values(), *(one.candidate for one in least.values() if one.candidate)})
    places, texts = _places(tables, policy, shown), _texts(tables, shown)
    return tuple(
        LargeGroup(
            size=size,
            survivor=_member(stays[group], places, texts),
            is_kept=group in kept,
            other=_member(other, places, texts) if (other := least[group].candidate) else None,
            similarity=least[group].similarity,
            compared=least[group].compared,
            diff=_diff(stays[group], other, texts),
        )
        for group, size in sizes.items()
    )


def _kept(tables: LakeTables, in_groups: str, policy: Policy | None) -> dict[int, str]:
    if policy is None or not tables.has(KEPT):
        return {}
    rows = tables.rows(f"""
        select group_id, min(candidate) as candidate
        from (select group_id, content_sha256 from annotate_duplicates where {in_groups}) as members
        join (select candidate from decide_kept where {of_policy(policy)}) as kept on candidate = content_sha256
        group by group_id""")
    return {row["group_id"]: row["candidate"] for row in rows}


def _centres(tables: LakeTables, in_groups: str) -> dict[int, str]:
    rows = tables.rows(f"""
        select group_id, coalesce(min(content_sha256) filter (where node = group_id), min(content_sha256)) as candidate
        from annotate_duplicates where {in_groups} group by group_id""")
    return {row["group_id"]: row["candidate"] for row in rows}


def _members(tables: LakeTables, in_groups: str) -> dict[int, list[str]]:
    rows = tables.rows(f"""
        select group_id, content_sha256 from (
            select group_id, content_sha256,
                   row_number() over (partition by group_id order by centre_similarity, content_sha256) as place
            from annotate_duplicates where {in_groups})
        where place <= {MOST_MEMBERS} order by group_id, place""")
    found: dict[int, list[str]] = {}
    for row in rows:
        found.setdefault(row["group_id"], []).append(row["content_sha256"])
    return found


def _signatures(tables: LakeTables, keys: list[str]) -> dict[str, dict[str, bytes]]:
    """Signatures by key and then by their version."""
    rows = tables.rows(f"""
        select content_sha256, version, signature from annotate_signatures
        where signature is not null and content_sha256 in {literals(keys)} order by content_sha256, version""")
    found: dict[str, dict[str, bytes]] = {}
    for row in rows:
        found.setdefault(row["content_sha256"], {})[row["version"]] = row["signature"]
    return found


def _least_similar(survivor: str, members: list[str], signatures: dict[str, dict[str, bytes]]) -> Least:
    """The first by key where several are equally unlike."""
    own = signatures.get(survivor, {})
    for version in own:
        others = [key for key in sorted(members) if key != survivor and version in signatures.get(key, {})]
        if others:
            signed = matrix(pa.array([own[version], *(signatures[key][version] for key in others)], pa.binary()))
            alike = similarity(np.repeat(signed[:1], len(others), axis=0), signed[1:])
            place = int(alike.argmin())
            return Least(others[place], float(alike[place]), len(others))
    return Least(next((key for key in members if key != survivor), None), None, 0)


def _places(tables: LakeTables, policy: Policy | None, keys: list[str]) -> Rows:
    """Repository, path and language by key: of the occurrence that the policy picked, else of the first."""
    columns = "repository, path, language"
    rows = tables.rows(f"""
        select content_sha256 as candidate, {columns} from (
            select *, row_number() over (partition by content_sha256 order by repository, path) as place
            from ingest_files where content_sha256 in {literals(keys)})
        where place = 1""")
    if policy and not tables.missing(KEPT, DROPPED):
        for verdicts in ("decide_kept", "decide_dropped"):
            rows += tables.rows(f"select candidate, {columns} from {verdicts} where {of_policy(policy)} and candidate in {literals(keys)}")
    return {row["candidate"]: row for row in rows}


def _texts(tables: LakeTables, keys: list[str]) -> Rows:
    rows = tables.rows(f"""
        select content_sha256, left(text, {CHARACTERS + 1}) as text, size_bytes from ingest_contents
        where content_sha256 in {literals(keys)}""")
    return {row["content_sha256"]: row for row in rows}


def _member(key: str, places: Rows, texts: Rows) -> Member:
    place = places.get(key, {})
    repository, path, language = (place.get(name) for name in ("repository", "path", "language"))
    return Member(key, repository or "", path or "", language or NO_LANGUAGE, texts.get(key, {}).get("size_bytes"))


def _diff(survivor: str, other: str | None, texts: Rows) -> Diff | None:
    if other is None or not {survivor, other} <= texts.keys():
        return None
    return side_by_side(texts[survivor]["text"], texts[other]["text"])
