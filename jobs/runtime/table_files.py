"""Files that tasks wrote into the folder of a table that delta-rs writes, and that no version of it names."""

import contextlib
from collections.abc import Iterable
from datetime import datetime, timedelta

import pyarrow.fs

from jobs.runtime.staging import LEFTOVER_DAYS
from schemas.lake import Lake
from schemas.table import Table


def remove_leftovers(lake: Lake, table: Table, now: datetime) -> None:
    """Removes files of killed runs: those that no version names and that are LEFTOVER_DAYS old. Two runs may do it at once."""
    filesystem, root = lake.filesystem()
    found = filesystem.get_file_info(pyarrow.fs.FileSelector(f"{root}/{table.name}", allow_not_found=True))
    old = [info.base_name for info in found if info.is_file and now - info.mtime > timedelta(days=LEFTOVER_DAYS)]
    if old:
        used = set(lake.file_names(table))
        remove(lake, table, [name for name in old if name not in used])


def remove(lake: Lake, table: Table, names: Iterable[str]) -> None:
    filesystem, root = lake.filesystem()
    for name in names:
        with contextlib.suppress(OSError):
            filesystem.delete_file(f"{root}/{table.name}/{name}")
