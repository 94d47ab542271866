"""What is seen of a document's text: its n-grams of benchmarks, and the signatures of its sections. One pass, in Python workers."""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.runtime.texts import bounded
from udfs import minhash
from udfs.contamination import MATCH, Wanted
from udfs.contamination import contamination as matches_of
from udfs.document_sections import sections, without_escapes
from udfs.minhash import SignatureParams

LEAST_SHINGLES = 32  # of a section that is compared: some ten lines; shorter ones are alike by chance
DOCUMENT = ("kind", "candidate", "layout", "split", "text_hash")
# One row of a document, without a section, and one of each of its sections.
LOOKED = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in (*DOCUMENT, "section")),
        pa.field("matches", pa.list_(MATCH)),
        pa.field("match_count", pa.int64()),
        pa.field("node", pa.int64()),
        pa.field("signature", pa.binary()),
    ]
)


def looked(batches: Iterable[pa.RecordBatch], wanted: Wanted | None, params: SignatureParams) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for part in bounded(batch):
            yield with_matches(part, wanted)
            yield with_signatures(part, params)


def with_matches(batch: pa.RecordBatch, wanted: Wanted | None) -> pa.RecordBatch:
    """Rows of LOOKED without a section."""
    rows = batch.num_rows
    columns: dict[str, pa.Array] = {name: batch.column(name) for name in DOCUMENT}
    if wanted is None:
        columns |= {"matches": pa.array([[]] * rows, pa.list_(MATCH)), "match_count": pa.nulls(rows, pa.int64())}
    else:
        texts = pa.array([without_escapes(text) for text in batch.column("text").to_pylist()], pa.large_string())
        found = matches_of(texts, wanted)
        columns |= {name: found.column(name) for name in ("matches", "match_count")}
    return _rows(columns, rows)


def with_signatures(batch: pa.RecordBatch, params: SignatureParams) -> pa.RecordBatch:
    """Rows of LOOKED of the sections that are long enough to be compared."""
    pairs = zip(batch.column("kind").to_pylist(), batch.column("text").to_pylist(), strict=True)
    found = [(row, name, text) for row, (kind, text) in enumerate(pairs) for name, text in sections(kind, text)]
    signed = minhash.signatures(pa.array([text for _, _, text in found], pa.large_string()), params)
    places = pa.array(np.array([row for row, _, _ in found], np.int64))
    columns: dict[str, pa.Array] = {name: batch.column(name).take(places) for name in DOCUMENT}
    columns |= {"section": pa.array([name for _, name, _ in found], pa.string())}
    columns |= {name: signed.column(name) for name in ("node", "signature")}
    return _rows(columns, len(found)).filter(pc.greater_equal(signed.column("shingle_count"), LEAST_SHINGLES))


def _rows(columns: dict[str, pa.Array], count: int) -> pa.RecordBatch:
    given = [columns[field.name] if field.name in columns else pa.nulls(count, field.type) for field in LOOKED]
    return pa.RecordBatch.from_arrays([array.cast(field.type) for array, field in zip(given, LOOKED, strict=True)], schema=LOOKED)
