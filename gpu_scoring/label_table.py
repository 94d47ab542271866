"""annotate/labels as a run adds to it: a rating stays, and what is none gives way to a newer row with its key.

Writes  annotate/labels
"""

import random
import time

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

from schemas.annotate import LABELS
from schemas.delta_files import INSERT_ATTEMPTS, DataFile, OvertakenError, add_rows, data_files, make
from schemas.lake import Lake, filesystem_of, storage_options

_KEY = list(LABELS.key)
_READ = [*_KEY, "status"]


class LabelTable:
    """Keys of each file of the table are read once, in whatever number of commits: 64 bytes and more a label stay in memory."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._filesystem, self._root = filesystem_of(lake.path(LABELS.name))
        self._held: dict[str, pa.Table] = {}  # by file: key and status of its rows

    def put(self, rows: pa.Table) -> None:
        """In one commit, made on top of whatever others commit. Safe to repeat."""
        for attempt in range(INSERT_ATTEMPTS):
            version = self._lake.version(LABELS)
            if version is None:
                make(self._lake, LABELS)
                continue
            try:
                return self._put_on(version, rows)
            except OvertakenError:
                if attempt == INSERT_ATTEMPTS - 1:
                    raise
                time.sleep(random.uniform(0, 0.05 * 2 ** min(attempt, 5)))
        raise OvertakenError(f"{self._lake.path(LABELS.name)} cannot be made")

    def _put_on(self, version: int, rows: pa.Table) -> None:
        files = data_files(self._lake, LABELS, version)
        self._held = {file.name: self._held[file.name] if file.name in self._held else self._read(file, _READ) for file in files}
        held = pa.concat_tables([LABELS.arrow_schema.empty_table().select(_READ), *self._held.values()])
        new = _without(rows, held.filter(pc.equal(held.column("status"), "rated")))
        if not new.num_rows:
            return
        replaced = [file for file in files if _common(self._held[file.name], new)]
        left = [_without(self._read(file, LABELS.names), new) for file in replaced]
        at = DeltaTable(self._lake.path(LABELS.name), version=version, storage_options=storage_options())
        add_rows(self._lake, LABELS, pa.concat_tables([*left, new]), at, tuple(replaced))

    def _read(self, file: DataFile, columns: list[str]) -> pa.Table:
        found = pq.read_table(f"{self._root}/{file.name}", columns=columns, filesystem=self._filesystem)
        return found.select(columns).cast(LABELS.arrow_schema.empty_table().select(columns).schema)


def _without(rows: pa.Table, others: pa.Table) -> pa.Table:
    """Rows whose key the others do not have."""
    return rows.join(others.select(_KEY), _KEY, join_type="left anti").select(rows.column_names).cast(rows.schema)


def _common(one: pa.Table, other: pa.Table) -> bool:
    return bool(one.select(_KEY).join(other.select(_KEY), _KEY, join_type="left semi").num_rows)
