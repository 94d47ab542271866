"""Parquet files of ingest/contents, written by tasks with Arrow: text does not pass through the JVM.

A file lies in the table's folder under a random name, and is seen by nobody until a commit names it.
"""

import uuid

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.delta_files import DataFile
from schemas.ingest import CONTENTS
from schemas.lake import filesystem_of

ROW_GROUP_BYTES = 16 << 20  # what a task that reads texts holds at a time


class ContentFile:
    """`folder` is an address as `filesystem_of` reads it. A file of which nothing was added is not made."""

    def __init__(self, folder: str) -> None:
        self._name = f"{uuid.uuid4().hex}.parquet"
        self._filesystem, path = filesystem_of(folder)
        self._path = f"{path}/{self._name}"
        self._writer: pq.ParquetWriter | None = None
        self._held: list[pa.RecordBatch] = []
        self._held_bytes = 0
        self._row_count = 0

    def add(self, texts: pa.RecordBatch) -> None:
        """texts: columns content_sha256 and text, UTF-8."""
        sizes = pc.binary_length(texts.column("text")).cast(pa.int64())
        columns = [texts.column("content_sha256"), texts.column("text"), sizes]
        self._held.append(pa.RecordBatch.from_arrays(columns, schema=CONTENTS.arrow_schema))
        self._held_bytes += pc.sum(sizes).as_py() or 0
        if self._held_bytes >= ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        rows = pa.Table.from_batches(self._held)
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self._path,
                CONTENTS.arrow_schema,
                filesystem=self._filesystem,
                compression="zstd",
                compression_level=1,
                use_dictionary=False,  # no value comes twice
                write_statistics=["content_sha256"],
            )
        self._writer.write_table(rows, row_group_size=rows.num_rows)
        self._row_count += rows.num_rows
        self._held, self._held_bytes = [], 0

    def close(self) -> DataFile | None:
        """What was written; None where nothing was added."""
        if self._held:
            self._flush()
        if self._writer is None:
            return None
        self._writer.close()
        return DataFile(self._name, self._row_count, self._filesystem.get_file_info(self._path).size)
