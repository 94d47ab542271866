"""A handful of rows that the driver knows, as a DataFrame.

Given to Spark by Arrow they become a part of the plan. A list of tuples becomes a job: pickled, spread over tasks and read row by row.
Of such a part the optimiser sees that it has no rows, and leaves out what would be joined with it: a table that is not there yet.
"""

from collections.abc import Sequence
from typing import Any, cast

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType


def local_rows(spark: SparkSession, rows: Sequence[tuple[Any, ...]], schema: StructType | str) -> DataFrame:
    """`rows` have the schema's columns in its order; a text as schema is DDL."""
    fields = to_arrow_schema(cast(StructType, StructType.fromDDL(schema)) if isinstance(schema, str) else schema)
    columns = [pa.array([row[place] for row in rows], field.type) for place, field in enumerate(fields)]
    return spark.createDataFrame(pa.Table.from_arrays(columns, schema=fields))
