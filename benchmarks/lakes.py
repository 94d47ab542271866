"""Lakes for benchmarks: real code brought in by the ingest job itself, or texts that are given."""

import shutil
from pathlib import Path

import pyarrow as pa
from pyspark.sql import SparkSession

from jobs.ingest import files
from jobs.ingest.files import IngestParams
from jobs.runtime.tables import Tables
from schemas.ingest import FILES
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


def files_of(keys: pa.Array) -> pa.Table:
    """Rows of ingest/files for contents that are given without files: one of each, named by its key."""
    filled = {"repository": "r", "encoding": "utf-8", "size_bytes": 0, "origin": "folder:r"}
    of_key = {"path", "content_sha256", "raw_sha256"}
    columns = [keys if f.name in of_key else pa.repeat(pa.scalar(filled.get(f.name), f.type), len(keys)) for f in FILES.arrow_schema]
    return pa.table(columns, schema=FILES.arrow_schema)
