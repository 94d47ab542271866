"""Small disks, for tests of full ones."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


def small_disk_at(folder: Path, size: str) -> Iterator[Path]:
    """A folder that is a disk of this size (`8m`), until the test ends. Skips where no disk can be mounted."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
