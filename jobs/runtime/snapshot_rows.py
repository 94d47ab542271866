"""A snapshot of rows that the driver holds, committed by delta-rs: what differs goes into one file, beside the files of which no row goes.

Spark would need some ten jobs for the same (docs/decisions/0024).
"""

from dataclasses import dataclass
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

from jobs.runtime.job import SnapshotRows
from schemas.delta_files import add_rows, data_files, make
from schemas.lake import Lake, filesystem_of, storage_options
from schemas.table import Table

FOLDED_BYTES = 8 << 20  # smaller files are written again with what is new, or each run would leave one more


def snapshot_rows(lake: Lake, write: SnapshotRows) -> None:
    """No commit where nothing differs. Raises `ContractError` where a row is not one of the table's, `OvertakenError` where another commit
    comes first."""
    table, rows = write.table, write.rows
    assert not table.checks, f"{table.name} has checks, to which delta-rs does not hold"
    table.check_rows(rows)
    make(lake, table)
    at = DeltaTable(lake.path(table.name), storage_options=storage_options())
    files = data_files(lake, table, at.version())
    filesystem, root = filesystem_of(lake.path(table.name))
    parts = [pq.ParquetFile(f"{root}/{f.name}", filesystem=filesystem).read(table.names).cast(table.arrow_schema) for f in files]
    held = pa.concat_tables([table.arrow_schema.empty_table(), *parts])
    found = differences(table, held, rows, pc.is_in(held[write.column], write.scope))
    if not found.new.num_rows and not found.is_going.any():
        return
    replaced, staying, start = [], [], 0
    for file, part in zip(files, parts, strict=True):
        is_going = found.is_going[start : start + part.num_rows]
        start += part.num_rows
        if is_going.any() or file.size_bytes < FOLDED_BYTES:
            replaced.append(file)
            staying.append(part.filter(pa.array(~is_going)))
    rows = pa.concat_tables([found.new, *staying])
    add_rows(lake, table, rows, at, tuple(replaced), (found.new.num_rows, found.gone_count))


@dataclass(frozen=True)
class Differences:
    """`new`: rows to write. `is_going`: which of those that are held are not to stay; `gone_count` of them have nothing in their place."""

    new: pa.Table
    is_going: np.ndarray
    gone_count: int


def differences(table: Table, held: pa.Table, rows: pa.Table, is_in_scope: pa.ChunkedArray) -> Differences:
    key = list(table.key)
    ours, theirs = (t.select(key).append_column(n, pa.array(np.arange(t.num_rows))) for t, n in ((rows, "new"), (held, "old")))
    both = ours.join(theirs, key, join_type="inner")
    new, old = both["new"].combine_chunks(), both["old"].combine_chunks()
    is_same = _equal(table, rows.take(new), held.take(old))
    is_going = np.array(is_in_scope, dtype=bool)
    is_going[old.to_numpy()] = ~is_same
    is_written = np.ones(rows.num_rows, bool)
    is_written[new.to_numpy()] = ~is_same
    return Differences(rows.filter(pa.array(is_written)), is_going, int(is_going.sum() - (~is_same).sum()))


def _equal(table: Table, one: pa.Table, other: pa.Table) -> np.ndarray:
    """Which rows are the same in all columns; two nulls are."""
    columns = [name for name in table.names if name not in table.key]
    equal = (
        np.array(pc.fill_null(pc.equal(one[c], other[c]), False)) | (np.array(pc.is_null(one[c])) & np.array(pc.is_null(other[c])))
        for c in columns
    )
    return reduce(np.logical_and, equal, np.ones(one.num_rows, bool))
