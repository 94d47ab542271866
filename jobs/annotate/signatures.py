"""MinHash signatures: what texts are compared by.

Reads   ingest/contents
Writes  annotate/signatures, one row per content; a row annotator.
"""

from collections.abc import Iterator
from functools import partial

import pyarrow as pa

from jobs.annotate.annotated_files import annotate_into_files
from jobs.runtime.errors import UsageError
from jobs.runtime.job import Job, Write, parameters_json, short_hash
from jobs.runtime.tables import Tables
from schemas.annotate import SIGNATURES
from schemas.ingest import CONTENTS
from udfs import minhash, shingles
from udfs.minhash import SignatureParams


def version(params: SignatureParams) -> str:
    return short_hash("signatures", str(shingles.VERSION), str(minhash.VERSION), parameters_json(params))


def check(params: SignatureParams) -> None:
    try:
        params.checked()
    except ValueError as error:
        raise UsageError(f"annotate.signatures: {error}") from None


def transform(tables: Tables, params: SignatureParams) -> Iterator[Write]:
    facts = partial(signatures_of, params=params)
    yield from annotate_into_files(tables, CONTENTS, SIGNATURES, version(params), facts)


def signatures_of(batch: pa.RecordBatch, params: SignatureParams) -> pa.RecordBatch:
    return minhash.signatures(batch.column("text"), params)


JOB = Job(
    "annotate.signatures",
    "computes MinHash signatures",
    (CONTENTS,),
    (SIGNATURES,),
    transform,
    SignatureParams,
    version=minhash.VERSION + shingles.VERSION,
    check=check,
    identity=version,
)
