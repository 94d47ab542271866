"""Cheap facts of every text: lines, longest line, share of alphanumerics, marks of generated files.

Reads   ingest/contents
Writes  annotate/text_facts, one row per content; a row annotator.
"""

from collections.abc import Iterator

import pyarrow as pa

from jobs.annotate.missing import annotate_texts
from jobs.runtime.job import Insert, Job, NoParams, Write, short_hash
from jobs.runtime.tables import Tables
from jobs.runtime.texts import located
from schemas.annotate import TEXT_FACTS
from schemas.ingest import CONTENTS
from udfs import text_facts


def version() -> str:
    return short_hash("text_facts", str(text_facts.VERSION))


def transform(tables: Tables, params: NoParams) -> Iterator[Write]:
    yield Insert(TEXT_FACTS, annotate_texts(tables, located(tables[CONTENTS]), TEXT_FACTS, version(), facts_of))


def facts_of(batch: pa.RecordBatch) -> pa.RecordBatch:
    return text_facts.text_facts(batch.column("text"))


JOB = Job(
    "annotate.text_facts",
    "counts lines, characters and marks of generated files",
    (CONTENTS,),
    (TEXT_FACTS,),
    transform,
    version=text_facts.VERSION,
)
