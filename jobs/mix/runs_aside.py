"""Runs that wait until it is known how often each document is taken: tasks put them aside as Arrow files, and tell what is in them."""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.mix.pack import Packets
from jobs.mix.runs import RUNS
from schemas.lake import filesystem_of

# What is weighed of a run, and where it lies.
ASIDE = pa.schema(
    [
        ("split", pa.string()),
        ("lot", pa.int32()),
        ("kind", pa.string()),
        ("candidate", pa.string()),
        ("token_offset", pa.int64()),
        ("token_count", pa.int64()),
        ("file", pa.string()),
    ]
)


@dataclass
class Aside:
    """Rows of RUNS into one file of the folder, in a Python worker. A task that is tried again writes another; only what a finished task
    names is read."""

    folder: str
    kind: np.dtype  # of the tokens
    schema = ASIDE

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        filesystem, path = filesystem_of(self.folder)
        name = f"{uuid.uuid4().hex}.arrow"
        codec = None if isinstance(filesystem, pyarrow.fs.LocalFileSystem) else "lz4"
        options = pa.ipc.IpcWriteOptions(compression=codec)
        with filesystem.open_output_stream(f"{path}/{name}") as sink, pa.ipc.new_file(sink, RUNS, options=options) as writer:
            for batch in batches:
                writer.write_batch(batch)
                yield self.told(batch, f"{self.folder}/{name}")

    def told(self, runs: pa.RecordBatch, file: str) -> pa.RecordBatch:
        counts = pc.divide(pc.binary_length(runs.column("tokens")).cast(pa.int64()), self.kind.itemsize)
        columns = [runs.column(name) for name in ASIDE.names[:-2]]
        return pa.RecordBatch.from_arrays([*columns, counts, pa.repeat(file, runs.num_rows)], schema=ASIDE)


def packets_of(rows: DataFrame, packets: Packets) -> DataFrame:
    """Packets of all runs that are in the files of rows of ASIDE: a task for each that put some aside."""
    files = rows.select("file").distinct()
    tasks = max(1, files.count())

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return packets(runs for batch in batches for file in batch.column("file").to_pylist() for runs in runs_of(file))

    return files.repartition(tasks, "file").mapInArrow(run, from_arrow_schema(packets.schema))


def runs_of(address: str) -> Iterator[pa.RecordBatch]:
    """Rows of RUNS of a file, a batch at a time."""
    filesystem, path = filesystem_of(address)
    is_local = isinstance(filesystem, pyarrow.fs.LocalFileSystem)
    with pa.memory_map(path) if is_local else filesystem.open_input_file(path) as source, pa.ipc.open_file(source) as file:
        for number in range(file.num_record_batches):
            yield file.get_batch(number)
