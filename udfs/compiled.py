"""Compiles a kernel with Numba, keeping the machine code where the disk allows it.

Kernels are compiled at their first call (about a second each) and read from a cache later. The cache lies beside the module, or in the
user's cache folder where the module came in a zip; an executor's user often has no home, and then every process compiles for itself.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(kernel: Kernel) -> Kernel:
    """The kernel in machine code. Integers wrap around; the interpreter's lock is released while it runs."""
    found: Kernel = numba.njit(kernel, cache=_CAN_CACHE, nogil=True, error_model="numpy")
    return found


def _can_cache() -> bool:
    """Whether Numba will find a place for its cache: it raises where it does not."""
    beside = Path(__file__).parent / "__pycache__"
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "numba"
    return any(_is_writable(place) for place in ([beside, user] if Path(__file__).exists() else [user]))


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


_CAN_CACHE = _can_cache()
