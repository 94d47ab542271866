"""Ingest in both of its ways, in the driver and by Spark, and entries as they would be if something had gone wrong while they were read."""

from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.ingest import files
from jobs.ingest.reading import ENTRIES

Row = dict[str, Any]


@pytest.fixture(params=["driver", "spark"])
def way(request, monkeypatch):
    """Who compares rows, however few they are."""
    if request.param == "spark":
        monkeypatch.setattr(files, "held_count", lambda lake: 1 << 40)
    return request.param


def read_otherwise(change: Callable[[Row], Iterable[Row]]) -> Callable[..., files.Read]:
    """In the place of `files.read_listed`: each entry becomes what `change` makes of it."""
    read_listed = files.read_listed

    def read(tables, listed, params, staging):
        found = read_listed(tables, listed, params, staging)
        for address in map(staging.address, found.names):
            rows = [other for row in pq.read_table(address).to_pylist() for other in change(row)]
            pq.write_table(pa.Table.from_pylist(rows, schema=ENTRIES), address)
        return found

    return read
