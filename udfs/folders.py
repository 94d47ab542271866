"""Folders that appear whole or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder` to write to; it takes its place when the block ends, and is left behind where the block fails.

    All that `folder` held is gone then: whoever calls has asked whether it may go. The names beside it are hidden ones, so that a folder
    of the user's own, such as a backup `folder.old`, is none of them.
    """
    folder = folder.resolve()
    written, old = (folder.with_name(f".{folder.name}.{part}-of-codemill") for part in ("new", "old"))
    if old.exists() and not folder.exists():  # a kill came between the two renames below
        old.rename(folder)
    for leftover in (written, old):
        shutil.rmtree(leftover, ignore_errors=True)
    yield written
    if folder.exists():
        folder.rename(old)
    written.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
