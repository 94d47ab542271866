"""The lake's tables as the report reads them: by SQL in deltalake's DataFusion, without Spark.

A query streams narrow columns and gives a few rows back, so memory does not grow with the lake. A table that is not there is no error:
the section that needs it says so.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder

from schemas import ALL_TABLES
from schemas.lake import Lake, storage_options
from schemas.table import Table


@dataclass(frozen=True)
class Missing:
    """What a section needs and the lake does not have."""

    names: tuple[str, ...]

    @property
    def command(self) -> str:
        """What makes it, where the phases before it have run."""
        phase = self.names[0].split("/")[0]
        return "codemill run --lake LAKE --source PATH" if phase in ("ingest", "ledger") else f"codemill {phase} --lake LAKE"


class LakeTables:
    """The tables that are there, each checked against its declaration, for queries.

    In SQL a table is called `<phase>_<table>`. Raises `LakeError` where there is no lake, `ContractError` where a table is not as declared.
    """

    def __init__(self, lake: Lake) -> None:
        lake.check_format()
        self.lake = lake
        self._queries = QueryBuilder()
        self._found: set[str] = set()
        for table in ALL_TABLES:
            self._open(table)

    def _open(self, table: Table) -> None:
        uri = self.lake.path(table.name)
        if not DeltaTable.is_deltatable(uri, storage_options()):
            return
        delta = DeltaTable(uri, storage_options=storage_options())
        table.check_schema(pa.schema(delta.schema().to_arrow()), uri)
        self._queries.register(sql_name(table), delta)
        self._found.add(table.name)

    def has(self, table: Table) -> bool:
        return table.name in self._found

    def missing(self, *tables: Table) -> Missing | None:
        """Which of these tables are not there; None where all are."""
        names = tuple(t.name for t in tables if not self.has(t))
        return Missing(names) if names else None

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """All rows of a query as dictionaries. Only for queries whose result is small whatever the lake holds."""
        return [dict(row) for row in pa.RecordBatchReader.from_stream(self._queries.execute(sql)).read_all().to_pylist()]


def sql_name(table: Table) -> str:
    return table.name.replace("/", "_")


def literal(text: str) -> str:
    """A string as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def literals(texts: Iterable[str]) -> str:
    """A parenthesised list for `in`; matches nothing where it is empty."""
    return "(" + (", ".join(literal(t) for t in texts) or "null") + ")"
