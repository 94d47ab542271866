"""What packed sequences hold, counted from their pieces: by split, kind and language."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from udfs.token_values import ids_of

LABELS = ("split", "kind", "language")
COUNTS = ("document_count", "distinct_document_count", "fim_document_count", "cut_document_count", "token_count", "text_bytes")
SCHEMA = pa.schema([(name, pa.string()) for name in LABELS] + [(name, pa.int64()) for name in COUNTS])


def counted(batch: pa.RecordBatch, split: str, end_id: int) -> pa.Table:
    """Rows of SCHEMA, of packed rows. A document counts where it starts, and as cut unless it ends there too."""
    pieces = batch.column("pieces").flatten()
    tokens = ids_of(batch)
    sizes = np.asarray(pieces.field("token_count"))
    is_first = np.asarray(pieces.field("token_offset")) == 0
    is_fim = pieces.field("is_fim").to_numpy(zero_copy_only=False).astype(bool)
    ends_late = tokens[np.cumsum(sizes) - 1] != end_id if len(pieces) else is_first
    marks = (is_first, is_first & (np.asarray(pieces.field("epoch")) == 0), is_first & is_fim, is_first & ends_late)
    columns = [pa.array(mark.astype(np.int64)) for mark in marks] + [pieces.field(name) for name in ("token_count", "text_bytes")]
    labels = [pa.repeat(split, len(pieces)), pieces.field("kind"), pieces.field("language")]
    return summed([pa.Table.from_arrays([*labels, *columns], names=SCHEMA.names)])


def summed(parts: Iterable[pa.Table]) -> pa.Table:
    """Rows of SCHEMA, each of the labels once and in order."""
    table = pa.concat_tables([SCHEMA.empty_table(), *(part.cast(SCHEMA) for part in parts)])
    found = table.group_by(list(LABELS)).aggregate([(name, "sum") for name in COUNTS])
    found = found.rename_columns([name.removesuffix("_sum") for name in found.column_names]).select(SCHEMA.names).cast(SCHEMA)
    return found.take(pc.sort_indices(found, [(name, "ascending") for name in LABELS]))
