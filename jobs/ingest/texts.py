"""Which of the texts that were put aside become rows of ingest/contents, and writing them there.

What is compared and shuffled are keys. Each task then takes new texts from the staged files that it was given and writes one file of the
table.
"""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.ingest.content_file import ContentFile
from jobs.ingest.staged_texts import texts_of
from jobs.runtime.local_rows import local_rows
from jobs.runtime.staging import LEFTOVER_DAYS
from jobs.runtime.tables import Tables
from jobs.runtime.texts import KEY, task_count
from schemas.delta_files import DataFile
from schemas.ingest import CONTENTS
from schemas.lake import Lake

PLACED = pa.schema([("text_task", pa.int32()), (KEY, pa.string())])
COMMITTED = pa.schema([("name", pa.string()), ("row_count", pa.int64()), ("size_bytes", pa.int64())])


@dataclass(frozen=True)
class StagedFile:
    """A file of texts in staging, and the number of the task that wrote it."""

    task: int
    name: str
    size_bytes: int


@dataclass
class NewTexts:
    """Texts in staged files. `keys` has columns content_sha256, text_task; a key may stand in several files."""

    tables: Tables
    keys: DataFrame
    folder: str
    staged: list[StagedFile]
    written: list[DataFile] = field(default_factory=list)

    def write(self, version: int) -> list[DataFile]:
        """Writes each text that this version of the table lacks once; gives the files, which a commit has to name."""
        if not self.staged:
            return []
        new = self.keys.groupBy(KEY).agg(F.min("text_task").alias("text_task"))
        if self.tables.lake.file_names(CONTENTS, version):
            new = new.join(self.tables.at(CONTENTS, version).select(KEY), KEY, "left_anti")
        tasks = min(len(self.staged), task_count(sum(file.size_bytes for file in self.staged), self.tables.cores))
        shares = local_rows(self.tables.spark, shared_out(self.staged, tasks), "text_task int, task int")
        placed = new.join(F.broadcast(shares), "text_task").repartitionById(tasks, "task").select("text_task", KEY)
        names = {file.task: f"{self.folder}/{file.name}" for file in self.staged}
        writing = partial(write_new, staged=names, folder=self.tables.lake.path(CONTENTS.name))
        rows = placed.mapInArrow(writing, from_arrow_schema(COMMITTED)).collect()
        written = [DataFile(row.name, row.row_count, row.size_bytes) for row in rows]
        self.written += written
        return written

    def forget_unused(self) -> None:
        """After the commit: removes files of an attempt that another run overtook."""
        remove_unused(self.tables.lake, self.written)


def shared_out(staged: list[StagedFile], tasks: int) -> list[tuple[int, int]]:
    """(number of the staged file, number of the task that writes its texts): the largest first, each to the task that has least."""
    held = [0] * tasks
    placed = []
    for file in sorted(staged, key=lambda file: (-file.size_bytes, file.task)):
        task = held.index(min(held))
        held[task] += file.size_bytes
        placed.append((file.task, task))
    return placed


def write_new(batches: Iterable[pa.RecordBatch], staged: dict[int, str], folder: str) -> Iterator[pa.RecordBatch]:
    """batches: columns text_task, content_sha256. Writes the texts of these keys into one file; yields its row of COMMITTED, or nothing."""
    target = ContentFile(folder)
    rows = pa.Table.from_batches(batches, PLACED)
    for task in sorted(pc.unique(rows.column("text_task")).to_pylist()):
        keys = rows.filter(pc.equal(rows.column("text_task"), task)).column(KEY).combine_chunks()
        for texts in texts_of(staged[task], keys):
            target.add(texts)
    file = target.close()
    if file:
        row = {"name": file.name, "row_count": file.row_count, "size_bytes": file.size_bytes}
        yield pa.RecordBatch.from_pylist([row], schema=COMMITTED)


def remove_unused(lake: Lake, written: Iterable[DataFile]) -> None:
    """Removes files that no version names, after their run's commit."""
    used = set(lake.file_names(CONTENTS))
    remove(lake, [file.name for file in written if file.name not in used])


def remove_leftovers(lake: Lake, now: datetime) -> None:
    """Removes files of killed runs: those that no version names and that are LEFTOVER_DAYS old. Two runs may do it at once."""
    filesystem, root = lake.filesystem()
    found = filesystem.get_file_info(pyarrow.fs.FileSelector(f"{root}/{CONTENTS.name}", allow_not_found=True))
    old = [info.base_name for info in found if info.is_file and now - info.mtime > timedelta(days=LEFTOVER_DAYS)]
    if old:
        used = set(lake.file_names(CONTENTS))
        remove(lake, [name for name in old if name not in used])


def remove(lake: Lake, names: list[str]) -> None:
    filesystem, root = lake.filesystem()
    for name in names:
        with contextlib.suppress(OSError):
            filesystem.delete_file(f"{root}/{CONTENTS.name}/{name}")
