"""Folders that appear whole or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder` to write to; it takes its place when the block ends, and is left behind where the block fails."""
    written, old = folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
    for leftover in (written, old):
        shutil.rmtree(leftover, ignore_errors=True)
    yield written
    if folder.exists():
        folder.rename(old)
    written.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
