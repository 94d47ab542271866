"""What the lake holds of the sources that are read, and of others that have a repository with them in common.

A row belongs to the source that it was read from, its origin: one repository can be spread over many tables, and lie in a folder besides.
"""

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.runtime.local_rows import local_rows
from jobs.runtime.tables import Tables
from schemas.ingest import FILES, REJECTS, REPOSITORIES
from schemas.spark import spark_schema
from schemas.table import Table


@dataclass(frozen=True)
class Held:
    """Rows of the lake as they were before this run wrote. `origins`: labels of the sources that are read; `unseen` as entries.py has it,
    null where everything was seen."""

    files: DataFrame
    rejects: DataFrame
    repositories: DataFrame
    origins: DataFrame
    unseen: DataFrame | None

    @property
    def unread(self) -> DataFrame:
        """(origin): sources that were not read to their end."""
        return self.origins.limit(0) if self.unseen is None else self.unseen.select("origin").distinct()

    def with_unseen(self, files: DataFrame) -> DataFrame:
        """The rows that ingest/files is to have of these sources: `files`, and what it has where they were not seen."""
        if self.unseen is None:
            return files
        hidden = self.unseen.withColumnRenamed("origin", "hidden")
        is_hidden = (F.col("origin") == F.col("hidden")) & F.col("path").startswith(F.col("beginning"))
        staying = self.files.join(hidden, is_hidden, "left_semi")
        return files.unionByName(staying.join(files.select(*FILES.key), list(FILES.key), "left_anti"))

    def with_others(self, table: Table, rows: DataFrame, touched: DataFrame) -> DataFrame:
        """All rows that a table will have of the repositories `touched`: `rows`, and those of other origins whose key these do not take."""
        held = self.files if table is FILES else self.rejects
        others = held.join(touched, touched.columns, "left_semi").join(self.origins, "origin", "left_anti")
        return rows.unionByName(others.join(rows.select(*table.key), list(table.key), "left_anti"))


def held_rows(tables: Tables, origins: DataFrame, unseen: DataFrame | None) -> Held:
    return Held(_before(tables, FILES), _before(tables, REJECTS), _before(tables, REPOSITORIES), origins, unseen)


def _before(tables: Tables, table: Table) -> DataFrame:
    """The table at the version that it has now, whatever is written later."""
    version = tables.lake.version(table)
    return local_rows(tables.spark, [], spark_schema(table)) if version is None else tables.at(table, version)
