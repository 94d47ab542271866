"""What `texts.py` does, for keys that the driver can hold: each writing task is given a file of the keys whose texts it takes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.ingest.texts import COMMITTED, PLACED, StagedFile, remove_unused, shared_out, write_new
from jobs.runtime.tables import Tables
from jobs.runtime.texts import KEY, task_count
from schemas.delta_files import DataFile, data_files
from schemas.ingest import CONTENTS
from schemas.lake import Lake, filesystem_of


@dataclass
class FewNewTexts:
    """As `NewTexts`. `text_folder` has the staged files, `folder` is for files of keys."""

    tables: Tables
    keys: pa.Table
    text_folder: str
    folder: str
    staged: list[StagedFile]
    written: list[DataFile] = field(default_factory=list)

    def write(self, version: int) -> list[DataFile]:
        """Writes each text that this version of the table lacks once; gives the files, which a commit has to name."""
        new = without_held(self.tables.lake, version, self.keys.group_by(KEY).aggregate([("text_task", "min")]))
        if not new.num_rows:
            return []
        wanted = set(pc.unique(new["text_task_min"]).to_pylist())
        staged = [file for file in self.staged if file.task in wanted]
        count = min(len(staged), task_count(sum(file.size_bytes for file in staged), self.tables.cores))
        shares: list[list[int]] = [[] for _ in range(count)]
        for number, task in shared_out(staged, count):
            shares[task].append(number)
        paths = [write_keys(f"{self.folder}/{version}-{task}.arrow", new, numbers) for task, numbers in enumerate(shares)]
        names = {file.task: f"{self.text_folder}/{file.name}" for file in staged}
        writing = partial(write_named, paths=paths, staged=names, folder=self.tables.lake.path(CONTENTS.name))
        rows = self.tables.spark.range(0, count, 1, count).mapInArrow(writing, from_arrow_schema(COMMITTED)).collect()
        written = [DataFile(row.name, row.row_count, row.size_bytes) for row in rows]
        self.written += written
        return written

    def forget_unused(self) -> None:
        """As that of `NewTexts`."""
        remove_unused(self.tables.lake, self.written)


def without_held(lake: Lake, version: int, keys: pa.Table) -> pa.Table:
    """Keys that a version of the table lacks; one file of it is looked at after the other."""
    filesystem, root = filesystem_of(lake.path(CONTENTS.name))
    for file in data_files(lake, CONTENTS, version):
        with pq.ParquetFile(f"{root}/{file.name}", filesystem=filesystem) as held:
            keys = keys.filter(pc.invert(pc.is_in(keys[KEY], held.read([KEY])[KEY].combine_chunks())))
    return keys


def write_keys(address: str, new: pa.Table, numbers: list[int]) -> str:
    """Rows of PLACED of these staged files, as an Arrow file."""
    filesystem, path = filesystem_of(address)
    rows = new.filter(pc.is_in(new["text_task_min"], pa.array(numbers, pa.int32()))).select(["text_task_min", KEY])
    with filesystem.open_output_stream(path) as sink, pa.ipc.new_file(sink, PLACED) as writer:
        writer.write_table(rows.rename_columns(PLACED.names))
    return address


def write_named(batches: Iterable[pa.RecordBatch], paths: list[str], staged: dict[int, str], folder: str) -> Iterator[pa.RecordBatch]:
    """batches: column id, the places in `paths` of the files of keys that this task is to write."""
    for place in (place for batch in batches for place in batch.column("id").to_pylist()):
        filesystem, path = filesystem_of(paths[place])
        with filesystem.open_input_file(path) as source, pa.ipc.open_file(source) as file:
            yield from write_new(file.read_all().to_batches(), staged, folder)
