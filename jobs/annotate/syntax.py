"""How much of each file could tree-sitter not parse?

Reads   ingest/files, ingest/contents
Writes  annotate/syntax, one row per (content, language) that occurs; a row annotator.
"""

from collections.abc import Iterator
from functools import partial

import pyarrow as pa

from jobs.annotate.missing import annotate_texts
from jobs.runtime.job import Insert, Job, Write, parameters_json, short_hash
from jobs.runtime.tables import Tables
from jobs.runtime.texts import located
from schemas.annotate import SYNTAX
from schemas.ingest import CONTENTS, FILES
from udfs import syntax
from udfs.syntax import SyntaxLimits


def version(limits: SyntaxLimits) -> str:
    libraries = (f"{name} {found}" for name, found in sorted(syntax.library_versions().items()))
    return short_hash("syntax", str(syntax.VERSION), *libraries, parameters_json(limits))


def transform(tables: Tables, params: SyntaxLimits) -> Iterator[Write]:
    occurring = tables[FILES].where("language is not null").select("content_sha256", "language").distinct()
    candidates = located(tables[CONTENTS]).join(occurring, "content_sha256")
    yield Insert(SYNTAX, annotate_texts(tables, candidates, SYNTAX, version(params), partial(parse, limits=params)))


def parse(batch: pa.RecordBatch, limits: SyntaxLimits) -> pa.RecordBatch:
    return syntax.parse_batch(batch.column("text"), batch.column("language"), limits)


JOB = Job(
    "annotate.syntax", "parses every file that has a grammar", (FILES, CONTENTS), (SYNTAX,), transform, SyntaxLimits, version=syntax.VERSION
)
