"""Tables of the phase assemble: documents of all kinds, in one shape."""

import pyarrow as pa

from schemas.table import Column, Table

DOCUMENTS = Table(
    name="assemble/documents",
    meaning="what becomes training text: references to texts in order. A function of candidate and layout alone, not of a policy",
    columns=(
        Column("kind", pa.string(), "as in decide/kept"),
        Column("candidate", pa.string(), "as in decide/kept"),
        Column("layout", pa.string(), "name and version of how its parts are put together"),
        Column("contents", pa.list_(pa.string()), "content_sha256 of its texts, in order"),
        Column("size_bytes", pa.int64(), "of all its texts"),
    ),
    key=("kind", "candidate", "layout"),
)
