"""The formats by name, and the export of one shard."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pyarrow as pa

from udfs import export_flat, export_mds, export_megatron
from udfs.export_documents import DocumentStream
from udfs.exports import ExportFile, ShardExport, Target


@dataclass(frozen=True)
class Format:
    """`dtype(vocabulary_size)` names the type of a token; `write` makes the files of a shard; `describe`, at last, those of a split."""

    dtype: Callable[[int], str]
    write: Callable[[Target, DocumentStream], list[ExportFile]]
    describe: Callable[[Target, tuple[ShardExport, ...]], list[ExportFile]] | None = None


FORMATS = {
    export_megatron.FORMAT: Format(export_megatron.dtype, export_megatron.write),
    export_mds.FORMAT: Format(export_mds.dtype, export_mds.write, export_mds.describe),
    export_flat.FORMAT: Format(export_flat.dtype, export_flat.write, export_flat.describe),
}


def export_shard(format: str, target: Target, shard: str, batches: Iterable[pa.RecordBatch]) -> ShardExport:
    """Exports the rows of a shard; a shard without rows has no files."""
    stream = iter(batches)
    first = next((batch for batch in stream if batch.num_rows), None)
    if first is None:
        return ShardExport(shard, 0, 0, 0, 0, ())
    documents = DocumentStream(_chained(first, stream), target.end_id, target.vocabulary_size)
    files = tuple(FORMATS[format].write(target, documents))
    return ShardExport(shard, documents.rows, documents.tokens, documents.documents, documents.cut, files)


def _chained(first: pa.RecordBatch, rest: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
    yield first
    yield from rest
