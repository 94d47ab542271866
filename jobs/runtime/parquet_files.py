"""Reading Parquet files by their names with Spark."""

import re
from collections.abc import Iterable

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType


def read_parquet(spark: SparkSession, schema: StructType, paths: Iterable[str]) -> DataFrame:
    """Rows of files, or of folders of them. Spark takes paths for patterns, and a lake may lie in a folder named `data[1]`."""
    return spark.read.schema(schema).parquet(*(re.sub(r"([\\\[\]{}*?])", r"\\\1", path) for path in paths))
