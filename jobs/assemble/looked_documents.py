"""What is seen of a document's text: its n-grams of benchmarks, and the signatures of its sections. One pass, in Python workers."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from jobs.runtime.texts import bounded
from schemas.document_checks import DOCUMENT_LOOKS, SECTION
from udfs import minhash
from udfs.contamination import Wanted
from udfs.contamination import contamination as matches_of
from udfs.document_sections import sections, without_escapes
from udfs.minhash import SignatureParams

LEAST_SHINGLES = 32  # of a section that is compared: some ten lines; shorter ones are alike by chance
LOOKED = DOCUMENT_LOOKS.arrow_schema


def looked(batches: Iterable[pa.RecordBatch], wanted: Wanted | None, params: SignatureParams) -> Iterator[pa.RecordBatch]:
    """Rows of assemble/document_looks of rows with kind, candidate, layout, text_hash, version and text."""
    for batch in batches:
        for part in bounded(batch):
            matches, counts = matches_in(part.column("text"), wanted)
            seen = {"matches": matches, "match_count": counts, "sections": signed_sections(part, params)}
            columns = [seen[field.name] if field.name in seen else part.column(field.name) for field in LOOKED]
            yield pa.RecordBatch.from_arrays([array.cast(field.type) for array, field in zip(columns, LOOKED, strict=True)], schema=LOOKED)


def matches_in(texts: pa.Array, wanted: Wanted | None) -> tuple[pa.Array, pa.Array]:
    """`matches` and `match_count` of each text."""
    if wanted is None:
        return pa.array([[]] * len(texts), LOOKED.field("matches").type), pa.nulls(len(texts), pa.int64())
    found = matches_of(pa.array([without_escapes(text) for text in texts.to_pylist()], pa.large_string()), wanted)
    return found.column("matches"), found.column("match_count")


def signed_sections(batch: pa.RecordBatch, params: SignatureParams) -> pa.Array:
    """Of each document its sections that are long enough."""
    pairs = zip(batch.column("kind").to_pylist(), batch.column("text").to_pylist(), strict=True)
    found = [(row, name, text) for row, (kind, text) in enumerate(pairs) for name, text in sections(kind, text)]
    signed = minhash.signatures(pa.array([text for _, _, text in found], pa.large_string()), params)
    is_long = pc.greater_equal(signed.column("shingle_count"), LEAST_SHINGLES).to_pylist()
    rows: list[list[dict[str, object]]] = [[] for _ in range(batch.num_rows)]
    nodes, signatures = signed.column("node").to_pylist(), signed.column("signature").to_pylist()
    for (row, name, _), node, signature, is_wanted in zip(found, nodes, signatures, is_long, strict=True):
        if is_wanted:
            rows[row].append({"section": name, "node": node, "signature": signature})
    return pa.array(rows, pa.list_(SECTION))
