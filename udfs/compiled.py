"""Compiles a kernel with Numba, keeping the machine code where the disk allows it.

Kernels are compiled at their first call (about a second each) and read from a cache later. The cache lies beside the module, or in the
user's cache folder where the module came in a zip; an executor's user often has no home, and then every process compiles for itself.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba

SOURCES = Path(__file__).parent
USER_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "numba"
Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(kernel: Kernel) -> Kernel:
    """The kernel in machine code. Integers wrap around; the interpreter's lock is released while it runs."""
    found: Kernel = numba.njit(kernel, cache=_CAN_CACHE, nogil=True, error_model="numpy")
    return found


def _can_cache() -> bool:
    """Whether Numba will find a place for its cache: it raises where it does not."""
    if not SOURCES.is_dir():  # in a zip, which is as old as the youngest module in it
        return _is_writable(USER_CACHE)
    place = next((place for place in (SOURCES / "__pycache__", USER_CACHE) if _is_writable(place)), None)
    if place is None:
        return False
    # Numba looks at the time of a kernel's own module, and not at the modules whose functions and constants are compiled into it.
    folder = place / f"kernels-{sources_hash()}"
    if not folder.exists():
        for old in place.glob("kernels-*"):
            shutil.rmtree(old, ignore_errors=True)
    numba.config.CACHE_DIR = str(folder)
    return True


def sources_hash() -> str:
    """Changes with any module beside this one."""
    found = hashlib.sha256()
    for path in sorted(SOURCES.glob("*.py")):
        found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:16]


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


_CAN_CACHE = _can_cache()
