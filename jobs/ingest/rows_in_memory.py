"""What `held_rows.py` and `repository_rows.py` do, for rows that the driver can hold."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.ingest.entries_in_memory import file_rows, read_files, reject_rows, unseen
from jobs.ingest.repository_rows import FACTS, KINDS
from schemas.ingest import FILES, REJECTS, REPOSITORIES
from schemas.lake import Lake

Row = dict[str, Any]


@dataclass(frozen=True)
class Rows:
    """Rows that the tables are to have: `repositories` of those `touched`, `files` and `rejects` of the sources that were read."""

    repositories: pa.Table
    touched: pa.Array
    files: pa.Table
    rejects: pa.Table


def rows_of(lake: Lake, listed: Iterable[Row], entries: pa.Table, labels: Iterable[str]) -> Rows:
    """`listed`: rows of LISTED that are no units. `labels` of the sources that were read."""
    origins, said, hidden = pa.array(sorted(labels), pa.string()), said_of(listed), unseen(entries)
    held_files, held_rejects = (lake.read(table).cast(table.arrow_schema) for table in (FILES, REJECTS))
    own_files, other_files = split(held_files, pc.is_in(held_files["origin"], origins))
    own_rejects, other_rejects = split(held_rejects, pc.is_in(held_rejects["origin"], origins))
    files, rejects = file_rows(entries), reject_rows(entries)
    files = pa.concat_tables([files, without(own_files.filter(is_hidden(own_files, hidden)), files, FILES.key)])
    named = [own_files["repository"], own_rejects["source"], entries["repository"], pa.chunked_array([pa.array(said, pa.string())])]
    touched = pc.unique(pa.chunked_array([chunk for column in named for chunk in column.chunks], pa.string()))
    other_files = other_files.filter(pc.is_in(other_files["repository"], touched))
    other_rejects = other_rejects.filter(pc.is_in(other_rejects["source"], touched))
    seen = pa.array([label for label in origins.to_pylist() if label not in {origin for origin, _ in hidden}], pa.string())
    known = [
        counts(pa.concat_tables([files, without(other_files, files, FILES.key)]), seen),
        reject_counts(pa.concat_tables([rejects, without(other_rejects, rejects, REJECTS.key)])),
        read_facts(entries),
        {row["repository"]: {"held": row} for row in lake.read(REPOSITORIES, where=pc.field("repository").isin(touched)).to_pylist()},
        {origin: {"is_unread": True} for origin, _ in hidden if origin in set(labels)},
        {name: {"said": of} for name, of in said.items()},
    ]
    found = (repository_row(name, {key: value for of in known for key, value in of.get(name, {}).items()}) for name in touched.to_pylist())
    repositories = pa.Table.from_pylist([row for row in found if row is not None], schema=REPOSITORIES.arrow_schema)
    return Rows(repositories, touched, files, rejects)


def split(rows: pa.Table, is_one: pa.ChunkedArray) -> tuple[pa.Table, pa.Table]:
    return rows.filter(is_one), rows.filter(pc.invert(is_one))


def without(rows: pa.Table, others: pa.Table, key: tuple[str, ...]) -> pa.Table:
    """Rows whose key none of the others has."""
    if not rows.num_rows or not others.num_rows:
        return rows
    place = pa.array(np.arange(rows.num_rows))
    left = rows.select(key).append_column("place", place).join(others.select(key), list(key), join_type="left anti")
    return rows.take(left["place"])


def is_hidden(rows: pa.Table, hidden: set[tuple[str, str]]) -> pa.Array:
    """Which rows lie where their source was not seen: everywhere, or below a folder (its path ends with `/`)."""
    if not hidden:
        return pa.repeat(False, rows.num_rows)
    return pa.array([_is_below(*row, hidden) for row in zip(rows["origin"].to_pylist(), rows["path"].to_pylist(), strict=True)], pa.bool_())


def _is_below(origin: str, path: str, hidden: set[tuple[str, str]]) -> bool:
    return (origin, "") in hidden or any((origin, path[: place + 1]) in hidden for place, sign in enumerate(path) if sign == "/")


def said_of(listed: Iterable[Row]) -> dict[str, Row]:
    """What a source that is one repository says of it, by repository."""
    found = {}
    for row in listed:
        if row["facts"] is not None:
            source, facts = json.loads(row["source"]), json.loads(row["facts"])
            found[source["repository"]] = facts | {"source_kind": source["kind"], "history": row["history"]}
    return found


def counts(files: pa.Table, seen: pa.Array) -> dict[str, Row]:
    """file_count, size_bytes, is_shared (a source that is not read to its end has files of it) by repository."""
    is_other = pc.invert(pc.is_in(files["origin"], seen))
    rows = files.select(["repository", "size_bytes"]).append_column("is_shared", is_other)
    found = rows.group_by("repository").aggregate([([], "count_all"), ("size_bytes", "sum"), ("is_shared", "any")])
    return {
        row["repository"]: {"file_count": row["count_all"], "size_bytes": row["size_bytes_sum"], "is_shared": row["is_shared_any"]}
        for row in found.to_pylist()
    }


def reject_counts(rejects: pa.Table) -> dict[str, Row]:
    found = rejects.group_by("source").aggregate([([], "count_all")])
    return {row["source"]: {"reject_count": row["count_all"]} for row in found.to_pylist()}


def read_facts(entries: pa.Table) -> dict[str, Row]:
    """`entry_kind` (place in KINDS, the least) and, of tables, the largest of what rows say (`row`), by repository."""
    kinds = read_files(entries).select(["repository", "source_kind"])
    place = pc.index_in(kinds["source_kind"], pa.array(KINDS))
    least = kinds.append_column("place", place).group_by("repository").aggregate([("place", "min")])
    found: dict[str, Row] = {row["repository"]: {"entry_kind": row["place_min"]} for row in least.to_pylist()}
    of_tables = entries.filter(pc.equal(entries["source_kind"], "table"))
    for row in of_tables.group_by("repository").aggregate([(name, "max") for name in FACTS]).to_pylist():
        found.setdefault(row["repository"], {})["row"] = {name: row[f"{name}_max"] for name in FACTS}
    return found


def repository_row(name: str, known: Row) -> Row | None:
    """A row of ingest/repositories; None where nobody holds anything of it."""
    said, row = known.get("said"), known.get("row", {})
    held = known.get("held", {}) if known.get("is_shared") or known.get("is_unread") else {}
    entry_kind = known.get("entry_kind")
    if said is None and held.get("source_kind") is None and entry_kind is None:
        return None
    snapshot = held if said is None else said
    kinds = [(said or {}).get("source_kind"), held.get("source_kind"), None if entry_kind is None else KINDS[entry_kind]]
    facts = {fact: first_known(of.get(fact) for of in (said or {}, row, held)) for fact in FACTS}
    numbers = {number: known.get(number) or 0 for number in ("file_count", "reject_count", "size_bytes")}
    return {
        "repository": name,
        "source_kind": first_known(kinds),
        "commit": snapshot.get("commit"),
        "history": snapshot.get("history"),
        **facts,
        **numbers,
    }


def first_known(values: Iterable[Any]) -> Any:
    return next((value for value in values if value is not None), None)
