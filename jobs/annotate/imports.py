"""What does each file import?

Reads   ingest/files, ingest/contents
Writes  annotate/imports, one row per (content, language) in the languages whose imports are read; a row annotator.
"""

from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql import functions as F

from jobs.annotate.missing import annotate_texts
from jobs.runtime.job import Insert, Job, NoParams, Write, short_hash
from jobs.runtime.tables import Tables
from jobs.runtime.texts import located
from schemas.annotate import IMPORTS
from schemas.ingest import CONTENTS, FILES
from udfs import imports


def version() -> str:
    return short_hash("imports", str(imports.VERSION))


def transform(tables: Tables, params: NoParams) -> Iterator[Write]:
    occurring = tables[FILES].where(F.col("language").isin(*imports.LANGUAGES)).select("content_sha256", "language").distinct()
    candidates = located(tables[CONTENTS]).join(occurring, "content_sha256")
    yield Insert(IMPORTS, annotate_texts(tables, candidates, IMPORTS, version(), facts_of))


def facts_of(batch: pa.RecordBatch) -> pa.RecordBatch:
    return imports.imports_batch(batch.column("text"), batch.column("language"))


JOB = Job("annotate.imports", "reads what files import", (FILES, CONTENTS), (IMPORTS,), transform, version=imports.VERSION)
