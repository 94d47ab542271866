"""Lakes for benchmarks: real code brought in by the ingest job itself."""

import shutil
from pathlib import Path

from pyspark.sql import SparkSession

from jobs.ingest import files
from jobs.ingest.files import IngestParams
from jobs.runtime.tables import Tables
from schemas.lake import Lake


def ingested(spark: SparkSession, folder: str | Path, source: str) -> Tables:
    """`folder/lake`, made anew, with one source in it."""
    shutil.rmtree(f"{folder}/lake", ignore_errors=True)
    lake = Lake.at(f"{folder}/lake")
    lake.create()
    tables = Tables(spark, lake)
    for write in files.transform(tables, IngestParams((source,))):
        tables.apply(write)
    return tables
