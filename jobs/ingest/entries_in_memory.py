"""What `entries.py` does, for entries that the driver can hold: tables of Arrow in the shape of ENTRIES, and no job of Spark's."""

import json
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.ingest.entries import BROKEN
from jobs.ingest.listing import LISTED, UNREADABLE
from jobs.ingest.reading import ENTRIES
from jobs.runtime.job import Account
from jobs.sources.source import Reject
from schemas.ingest import FILES, REJECTS
from schemas.lake import filesystem_of

_NAME = ["repository", "path"]


def row_count(addresses: Iterable[str]) -> int:
    return sum(pq.read_metadata(path, filesystem=filesystem).num_rows for filesystem, path in map(filesystem_of, addresses))


def read_rows(addresses: Iterable[str], schema: pa.Schema) -> pa.Table:
    """The columns of `schema` of Parquet files."""
    files = (pq.ParquetFile(path, filesystem=filesystem) for filesystem, path in map(filesystem_of, addresses))
    return pa.concat_tables([schema.empty_table(), *(file.read(schema.names).cast(schema) for file in files)])


def read_listed(addresses: Iterable[str]) -> list[dict[str, Any]]:
    """Rows of LISTED that are no units."""
    rows = read_rows(addresses, pa.schema([field for field in LISTED if field.name != "payload"]))
    return rows.filter(pc.or_(pc.is_valid(rows["reason"]), pc.is_valid(rows["facts"]))).to_pylist()


def refused(listed: Iterable[dict[str, Any]], rejects: Iterable[Reject]) -> pa.Table:
    """Rejects of the listing and of the manifest."""
    rows = [
        {"repository": row["reject_source"], "path": row["locator"], "source_kind": json.loads(row["source"])["kind"]}
        | {name: row[name] for name in ("origin", "reason", "detail", "size_bytes")}
        for row in listed
        if row["reason"] is not None
    ]
    rows += [
        {"repository": r.source, "path": r.locator, "source_kind": "manifest", "origin": r.source}
        | {"reason": r.reason, "detail": r.detail, "size_bytes": r.size_bytes}
        for r in rejects
    ]
    return pa.Table.from_pylist(rows, schema=ENTRIES)


def without_repeats(entries: pa.Table) -> pa.Table:
    counted = entries.group_by(_NAME).aggregate([([], "count_all")])
    if counted.num_rows == entries.num_rows:
        return entries
    found = counted.filter(pc.greater(counted["count_all"], 1)).to_pydict()
    names = set(zip(*(found[column] for column in _NAME), strict=True))
    is_repeated = pa.array([name in names for name in zip(*(entries[column].to_pylist() for column in _NAME), strict=True)])
    ranks: dict[tuple[str, str], int] = {}
    rows = sorted(entries.filter(is_repeated).to_pylist(), key=_in_order)
    for row in rows:
        name = row["repository"], row["path"]
        ranks[name] = ranks.get(name, 0) + 1
        if ranks[name] > 1:
            row["detail"] = f"another entry is called {row['path']}" if row["detail"] is None else row["detail"]
            row["path"] = f"{row['path']}#{ranks[name]}"
            row["reason"] = row["reason"] or "duplicate_path"
    return pa.concat_tables([entries.filter(pc.invert(is_repeated)), pa.Table.from_pylist(rows, schema=entries.schema)])


def _in_order(row: dict[str, Any]) -> tuple[Any, ...]:
    columns = ((row[c] is not None, row[c] or "") for c in ("content_sha256", "reason", "detail", "origin"))
    return (row["reason"] is not None, *columns, -1 if row["text_task"] is None else row["text_task"])


def count(account: Account, entries: pa.Table) -> None:
    for row in entries.group_by("reason").aggregate([([], "count_all"), ("size_bytes", "sum")]).to_pylist():
        account.read_rows += row["count_all"]
        if row["reason"]:
            account.rejected[row["reason"]] = row["count_all"]
        else:
            account.read_bytes += row["size_bytes_sum"]


def read_files(entries: pa.Table) -> pa.Table:
    """Those that are no rejects."""
    return entries.filter(pc.is_null(entries["reason"]))


def file_rows(entries: pa.Table) -> pa.Table:
    return read_files(entries).select(FILES.names).cast(FILES.arrow_schema)


def reject_rows(entries: pa.Table) -> pa.Table:
    rejected = entries.filter(pc.is_valid(entries["reason"]))
    detail = pc.fill_null(rejected["detail"], "")
    columns = [rejected["repository"], rejected["path"], rejected["reason"], detail, rejected["size_bytes"], rejected["origin"]]
    return pa.Table.from_arrays(columns, REJECTS.names).cast(REJECTS.arrow_schema)


def unseen(entries: pa.Table) -> set[tuple[str, str]]:
    """(origin, beginning of paths), as `entries.unseen` has them."""
    found = set()
    for row in entries.filter(pc.is_valid(entries["reason"])).select(["origin", "path", "source_kind", "reason"]).to_pylist():
        is_table_part = row["source_kind"] == "table" and row["reason"] in BROKEN
        if is_table_part or row["path"] == "" or row["path"].endswith("/"):
            found.add((row["origin"], "" if is_table_part else row["path"]))
    return found


def to_read_again(entries: pa.Table) -> set[str]:
    """Labels of sources, as `entries.to_read_again` has them."""
    rows = entries.filter(pc.is_in(entries["reason"], pa.array([UNREADABLE, "missing", "corrupt"])))
    return {
        row["origin"]
        for row in rows.select(["origin", "path", "source_kind", "reason"]).to_pylist()
        if (row["reason"] == UNREADABLE and row["path"] == "") or (row["source_kind"] == "git" and row["reason"] != UNREADABLE)
    }
