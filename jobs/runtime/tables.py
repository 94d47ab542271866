"""Reading and writing the lake's tables with Spark: contracts checked, writes idempotent.

A write is one Delta commit. Nothing else is visible, so a job that is killed leaves either the old table or the new one, and may
run again.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa
from delta.tables import DeltaTable
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.runtime.arrow_writes import is_small, written, written_anew, written_beside
from jobs.runtime.job import Account, AddFiles, Change, Insert, Replace, ReplaceFiles, ReplaceRows, Snapshot, SnapshotRows, Write
from jobs.runtime.local_rows import local_rows
from jobs.runtime.parquet_files import read_parquet
from jobs.runtime.snapshot_rows import snapshot_rows
from schemas.delta_files import OvertakenError, add_files, data_files, make, replace_rows
from schemas.lake import Lake
from schemas.spark import check_spark_schema, spark_schema, table_properties
from schemas.table import ContractError, Table

ATTEMPTS = 8
# Spark looks at each file that it is named; more than these, and Delta's own way is the shorter one.
FEW_FILES = 32


@dataclass
class Written:
    """Rows that a commit added or changed, and rows that it removed."""

    rows: int = 0
    removed: int = 0


@dataclass
class Tables:
    """The lake as a job sees it."""

    spark: SparkSession
    lake: Lake
    run: str = "local"
    account: Account = field(default_factory=Account)
    say: Callable[[str], None] = lambda line: None
    is_forced: bool = False  # to do again what the job's own bookkeeping says is done

    @property
    def cores(self) -> int:
        return int(self.spark.sparkContext.defaultParallelism)

    @property
    def is_local(self) -> bool:
        """Whether tasks run on this machine, as this user."""
        master = str(self.spark.sparkContext.master)
        return master == "local" or master.startswith("local[")

    def exists(self, table: Table) -> bool:
        return self.lake.version(table) is not None

    def __getitem__(self, table: Table) -> DataFrame:
        """The newest version of a table; without rows where it is not there yet. Raises `ContractError`."""
        return self.at(table, None)

    def at(self, table: Table, version: int | None) -> DataFrame:
        """A version of a table, None for the newest. Raises `ContractError`.

        Of a few files delta-rs says in milliseconds which they are, and Spark reads these; Delta would plan and run jobs of Spark's to find
        them, a quarter of the JVM's time in a small run (docs/decisions/0024).
        """
        if self.lake.is_local and not table.partitions:
            names = self.lake.file_names(table, version)
            if 0 < len(names) <= FEW_FILES:
                folder = self.lake.spark_path(table.name)
                return read_parquet(self.spark, spark_schema(table), (f"{folder}/{name}" for name in names))
        if not self.exists(table):
            return local_rows(self.spark, [], spark_schema(table))
        found = self._of_delta(table, version)  # without files too: `_metadata` is there
        check_spark_schema(table, found.schema, self.lake.spark_path(table.name))
        return found

    def _of_delta(self, table: Table, version: int | None = None) -> DataFrame:
        """A table that is there, by Delta's reader: a transaction of the table's own knows what was read of it."""
        reader = self.spark.read.format("delta")
        return (reader if version is None else reader.option("versionAsOf", version)).load(self.lake.spark_path(table.name))

    def missing(self, candidates: DataFrame, table: Table) -> DataFrame:
        """Rows of `candidates` whose key the table does not hold. `candidates` has all key columns of the table."""
        if not self.exists(table):
            return candidates
        return candidates.join(self[table].select(*table.key), list(table.key), "left_anti")

    def apply(self, write: Write) -> Written:
        """Commits one write; tried again where another run committed in between."""
        if isinstance(write, AddFiles | ReplaceFiles):
            make(self.lake, write.table)
        elif not isinstance(write, ReplaceRows | SnapshotRows):
            check_spark_schema(write.table, write.rows.schema, f"what is to be written to {write.table.name}")
        before = self.lake.version(write.table)
        for attempt in range(ATTEMPTS):
            try:
                self._commit(write)
                break
            except Exception as error:
                if not is_conflict(error) or attempt == ATTEMPTS - 1:
                    raise
                time.sleep(0.2 * 2**attempt)
        return self._written_since(write.table, -1 if before is None else before)

    def _commit(self, write: Write) -> None:
        if isinstance(write, AddFiles):
            self._add_files(write)
        elif isinstance(write, ReplaceFiles):
            self._replace_files(write)
        elif isinstance(write, ReplaceRows):
            if write.table.checks:  # delta-rs holds to none, and makes no table with them
                self._check(write.table, write.rows)
                if not self.exists(write.table):
                    self._begin(write.table, local_rows(self.spark, [], spark_schema(write.table)))
            replace_rows(self.lake, write.table, write.rows, write.where)
        elif isinstance(write, SnapshotRows):
            snapshot_rows(self.lake, write)
        elif not self.exists(write.table):
            self._begin(write.table, write.rows)
        elif isinstance(write, Insert):
            self._insert(write.table, write.rows)
        elif isinstance(write, Replace):
            self._replace(write)
        elif isinstance(write, Change):
            self._change(write)
        else:
            self._snapshot(write)

    def _check(self, table: Table, rows: pa.Table) -> None:
        """Raises `ContractError` where a row that the driver holds breaks a check. Spark is given the columns that checks name alone."""
        for check in table.checks:
            named = [name for name in table.names if re.search(rf"\b{name}\b", check.condition)]
            is_broken = ~F.coalesce(F.expr(check.condition), F.lit(False))
            broken = self.spark.createDataFrame(rows.select(named)).where(is_broken).count()
            if broken:
                raise ContractError(f"{broken:,} rows for {table.name} break the check {check.name}: {check.condition}")

    def _begin(self, table: Table, rows: DataFrame) -> None:
        """Makes a table with its first rows, in one commit: half the time of two. Of two runs that do so at once one has a conflict."""
        commented = rows.select(*(F.col(c.name).alias(c.name, metadata={"comment": c.meaning}) for c in table.columns))
        commented.write.format("delta").options(**table_properties(table)).save(self.lake.spark_path(table.name))

    def _insert(self, table: Table, rows: DataFrame) -> None:
        """Adds what an anti-join with the newest version of the table leaves, on top of that version: where another commit comes first it
        is refused, and not a double row (docs/decisions/0001). Unlike MERGE, no row's text is shuffled."""
        version = self.lake.version(table)
        assert version is not None, table.name
        self._append(table, rows.join(self.at(table, version).select(*table.key), list(table.key), "left_anti"), version)

    def _append(self, table: Table, rows: DataFrame, version: int) -> None:
        """Adds rows whose keys that version does not hold."""
        files = written(table, self.lake.path(table.name), rows)
        if files:
            add_files(self.lake, table, files, version)

    def _add_files(self, write: AddFiles) -> None:
        version = self.lake.version(write.table)
        assert version is not None, write.table.name
        files = write.choose(version)
        if files:
            add_files(self.lake, write.table, files, version)

    def _replace_files(self, write: ReplaceFiles) -> None:
        version = self.lake.version(write.table)
        assert version is not None, write.table.name
        old = data_files(self.lake, write.table, version, **{write.column: write.value})
        if write.files or old:
            add_files(self.lake, write.table, write.files, version, tuple(old))

    def _replace(self, write: Replace) -> None:
        table, version = write.table, self.lake.version(write.table)
        assert version is not None, table.name
        if not table.partitions and is_small(old := data_files(self.lake, table, version)):
            is_other = None if write.column is None else ~F.col(write.column).eqNullSafe(F.lit(write.value))
            others = None if is_other is None else self.at(table, version).where(is_other)
            made = written_beside(table, self.lake.path(table.name), others, write.rows, write.column, write.value)
            total, before = (sum(file.row_count for file in files) for files in (made.files, old))
            if made.files or old:
                add_files(self.lake, table, made.files, version, tuple(old), (made.own_count, before - (total - made.own_count)))
            return
        writer = write.rows.select(*write.table.names).write.format("delta").mode("overwrite")
        if write.column is not None:
            writer = writer.option("replaceWhere", f"`{write.column}` = '{write.value}'")
        writer.save(self.lake.spark_path(write.table.name))

    def _change(self, write: Change) -> None:
        """An append where the table holds none of the keys, which is less work than a MERGE."""
        table, key, version = write.table, list(write.table.key), self.lake.version(write.table)
        assert version is not None, table.name
        touched = write.keys.select(*key).union(write.gone.select(*key))
        there = self.at(table, version).select(*key, F.lit(True).alias("is_there"))
        touched_count, there_count = touched.join(there, key, "left").agg(F.count("*"), F.count("is_there")).first()  # type: ignore[misc]
        if touched_count and not there_count:
            self._append(table, write.rows, version)
        if not there_count:
            return
        rows, gone = (rows.withColumn("is_gone", F.lit(n == 1)) for n, rows in enumerate((write.rows, write.gone.select(*key))))
        self._merge(table, rows.unionByName(gone, allowMissingColumns=True))

    def _snapshot(self, write: Snapshot) -> None:
        """One commit of what differs: rows to add or change, and keys of the scopes that are gone.

        Where there is nothing but new keys it is an append, which is less work than a MERGE. Where the scope is no part of the key, a key
        that stands in another scope moves into this one.
        """
        table, version = write.table, self.lake.version(write.table)
        assert version is not None, table.name
        changes = self._changes(write, version).localCheckpoint(eager=True)
        counted = (F.count("*"), F.count(F.when(F.col("is_new"), 1)), F.count(F.when(F.col("is_gone"), 1)))
        count, new, gone = changes.agg(*counted).first()  # type: ignore[misc]
        if count and count == new and write.scopes is not None and write.scopes.columns[0] not in table.key:
            new = changes.join(self.at(table, version).select(*table.key), list(table.key), "left_anti").count()
        if not count:
            return
        old = [] if count == new else data_files(self.lake, table, version)
        if not table.partitions and is_small(old, count):
            held = self.at(table, version) if old else None
            files = written_anew(table, self.lake.path(table.name), held, changes)
            add_files(self.lake, table, files, version, tuple(old), (count - gone, gone))
        elif count > new:
            self._merge(table, changes)
        else:
            self._append(table, changes, version)

    def _changes(self, write: Snapshot, version: int) -> DataFrame:
        """The table's columns of rows that differ, with is_new (no row has its key) and is_gone (the row of now is to go)."""
        table, old, how = write.table, self.at(write.table, version), "left"
        if write.scopes is not None:
            old, how = old.join(write.scopes.distinct(), write.scopes.columns[0], "left_semi"), "full"
        # One join, or the plan of the rows would be computed twice.
        new, old = (rows.select(*table.key, F.struct(*table.names).alias(side)) for rows, side in ((write.rows, "new"), (old, "old")))
        changes = new.join(old, list(table.key), how).where(~F.col("new").eqNullSafe(F.col("old")))
        is_new, is_gone = F.col("old").isNull().alias("is_new"), F.col("new").isNull().alias("is_gone")
        return changes.select(F.coalesce("new", "old").alias("row"), is_new, is_gone).select("row.*", "is_new", "is_gone")

    def _merge(self, table: Table, changes: DataFrame) -> None:
        target = DeltaTable.forPath(self.spark, self.lake.spark_path(table.name))
        on = " AND ".join(f"target.`{k}` = changes.`{k}`" for k in table.key)
        merge = target.alias("target").merge(changes.alias("changes"), on).whenMatchedDelete("changes.is_gone")
        if others := [name for name in table.names if name not in table.key]:
            merge = merge.whenMatchedUpdate(set={n: f"changes.`{n}`" for n in others})
        merge.whenNotMatchedInsert("NOT changes.is_gone", {n: f"changes.`{n}`" for n in table.names}).execute()

    def _written_since(self, table: Table, version: int) -> Written:
        """What this session's commits after `version` wrote, by Delta's own metrics. A commit of another run may be among them."""
        written = Written()
        for row in self.lake.history(table, ATTEMPTS):
            metrics = row.get("operationMetrics") or {}
            if row["version"] <= version:
                continue
            if row["operation"] == "MERGE":
                written.rows += int(metrics["numTargetRowsInserted"]) + int(metrics["numTargetRowsUpdated"])
                written.removed += int(metrics["numTargetRowsDeleted"])
            elif row["operation"] == "WRITE":
                written.rows += int(metrics.get("numOutputRows", 0))
                written.removed += int(metrics.get("numDeletedRows", 0))
        return written


def is_conflict(error: Exception) -> bool:
    """Whether a commit failed only because another one came first."""
    if isinstance(error, OvertakenError):
        return True
    text = type(error).__name__ + str(error)[:2000]
    return any(f"io.delta.exceptions.{name}" in text or f"DELTA_{code}" in text for name, code in CONFLICTS.items())


CONFLICTS = {
    "ConcurrentAppendException": "CONCURRENT_APPEND",
    "ConcurrentDeleteReadException": "CONCURRENT_DELETE_READ",
    "ConcurrentDeleteDeleteException": "CONCURRENT_DELETE_DELETE",
    "ConcurrentTransactionException": "CONCURRENT_TRANSACTION",
    "ConcurrentWriteException": "CONCURRENT_WRITE",
    "MetadataChangedException": "METADATA_CHANGED",
    "PathExists": "PATH_EXISTS",  # another run made the table between our look and our first write
    "ProtocolChangedException": "PROTOCOL_CHANGED",
}

__all__ = ["ContractError", "PySparkException", "Tables", "Written", "is_conflict"]
