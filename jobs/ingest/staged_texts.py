"""Texts on their way from sources to ingest/contents: put aside by the task that read them, written again by one that knows which are new.

An Arrow IPC file of (content_sha256, text), each text of the task once. On a local disk it is not compressed: it is read once, by memory
map, and compressing it would cost as much as all the reading of the sources.
"""

import uuid
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs

from schemas.lake import filesystem_of

SCHEMA = pa.schema([("content_sha256", pa.string()), ("text", pa.string())])
BATCH_BYTES = 16 << 20


class StagedTexts:
    """Writes one file under a random name: a task that is tried again writes another, and only what a finished task names is read."""

    def __init__(self, folder: str) -> None:
        self.name = f"{uuid.uuid4().hex}.arrow"
        self.size_bytes = 0  # of its texts
        filesystem, path = filesystem_of(folder)
        codec = None if isinstance(filesystem, pyarrow.fs.LocalFileSystem) else "lz4"
        self._sink = filesystem.open_output_stream(f"{path}/{self.name}")
        self._writer = pa.ipc.new_file(self._sink, SCHEMA, options=pa.ipc.IpcWriteOptions(compression=codec))
        self._seen: set[str] = set()
        self._keys: list[str] = []
        self._texts: list[bytes] = []
        self._held_bytes = 0

    def add(self, key: str, text: bytes) -> None:
        """A text that was added before is left out. `text` is UTF-8."""
        if key in self._seen:
            return
        self._seen.add(key)
        self._keys.append(key)
        self._texts.append(text)
        self.size_bytes += len(text)
        self._held_bytes += len(text)
        if self._held_bytes >= BATCH_BYTES:
            self._flush()

    def _flush(self) -> None:
        # A view of binary as string: the bytes are known to be UTF-8 and are not decoded again.
        texts = pa.array(self._texts, pa.binary()).view(pa.string())
        self._writer.write_batch(pa.RecordBatch.from_arrays([pa.array(self._keys, pa.string()), texts], schema=SCHEMA))
        self._keys, self._texts, self._held_bytes = [], [], 0

    def close(self) -> None:
        if self._keys:
            self._flush()
        self._writer.close()
        self._sink.close()


def texts_of(address: str, keys: pa.Array) -> Iterator[pa.RecordBatch]:
    """Batches of SCHEMA with the texts of these keys, one batch of the file at a time. Raises KeyError where one is not there."""
    filesystem, path = filesystem_of(address)
    is_local = isinstance(filesystem, pyarrow.fs.LocalFileSystem)
    found = 0
    with pa.memory_map(path) if is_local else filesystem.open_input_file(path) as source, pa.ipc.open_file(source) as file:
        for number in range(file.num_record_batches):
            batch = file.get_batch(number)
            batch = batch.filter(pc.is_in(batch.column("content_sha256"), keys))
            found += batch.num_rows
            if batch.num_rows:
                yield batch
    if found != len(keys):
        raise KeyError(f"{len(keys) - found} of {len(keys)} texts are not in {address}")
