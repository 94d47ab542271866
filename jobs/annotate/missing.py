"""The one way of a row annotator: find the rows that are missing, read their texts where they lie, add what was found out."""

from collections.abc import Callable

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.runtime.tables import Tables
from jobs.runtime.texts import map_texts, task_count
from schemas.spark import spark_schema
from schemas.table import Table


def annotate_texts(
    tables: Tables, candidates: DataFrame, table: Table, version: str, facts: Callable[[pa.RecordBatch], pa.RecordBatch]
) -> DataFrame:
    """Rows of `table` for the candidates that have none of this version yet.

    candidates: `located` contents, joined with whatever else the key needs. `facts` is given batches of the key columns and `text`, and
    returns the columns after the key, row by row. It is pickled: a module's function or a partial of one.
    """
    keys = [name for name in table.key if name != "version"]
    missing = tables.missing(candidates.withColumn("version", F.lit(version)), table).persist()
    rows, size = missing.agg(F.count("*"), F.coalesce(F.sum("size_bytes"), F.lit(0))).first()  # type: ignore[misc]
    tables.account.read_rows += rows
    tables.account.read_bytes += size
    schema = table.arrow_schema

    def annotate(batch: pa.RecordBatch) -> pa.RecordBatch:
        found = facts(batch)
        columns = {name: batch.column(name) for name in [*keys, "version"]} | {name: found.column(name) for name in found.schema.names}
        return pa.RecordBatch.from_arrays([columns[name].cast(schema.field(name).type) for name in schema.names], schema=schema)

    return map_texts(missing, annotate, spark_schema(table), task_count(size, tables.cores))
