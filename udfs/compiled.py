"""Compiles a kernel with Numba, keeping the machine code where the disk allows it.

Kernels are compiled at their first call (about a second each, 30 s for those of pages) and read from a cache later, by every process that
finds the same folder. It lies beside the modules; where these came in a zip, in the user's cache folder; and where an executor's user has
no home, in a folder of that user's for temporary files.
"""

import hashlib
import importlib.resources
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core.caching import ZipCacheLocator

SOURCES: Traversable = importlib.resources.files(__package__)
USER_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "numba"
TEMPORARY = Path(tempfile.gettempdir()) / f"codemill-{os.getuid()}"
LOCATORS = ("UserProvidedCacheLocator", "InTreeCacheLocator", "UserWideCacheLocator")  # Numba's own, for modules that are files
Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(kernel: Kernel) -> Kernel:
    """The kernel in machine code. Integers wrap around; the interpreter's lock is released while it runs."""
    found: Kernel = numba.njit(kernel, cache=_CAN_CACHE, nogil=True, error_model="numpy")
    return found


def is_kept(kernel: Any) -> bool:
    """Whether machine code of a kernel, be it another processor's, lies where the next process looks for it, or is in this one."""
    name = f"{kernel.__module__.rpartition('.')[2]}.{kernel.__name__}-*.nbc"
    return bool(kernel.signatures) or (_CAN_CACHE and any(Path(numba.config.CACHE_DIR).rglob(name)))


class InZip(ZipCacheLocator):  # type: ignore[misc]
    """Where Numba keeps machine code of a module in a zip. Its own locator knows no folder but the user's, and looks at one module."""

    def __init__(self, py_func: Any, py_file: str) -> None:
        super().__init__(py_func, py_file)
        self._cache_path = str(Path(numba.config.CACHE_DIR) / Path(py_file).stem)

    def get_source_stamp(self) -> str:
        return Path(numba.config.CACHE_DIR).name


def _can_cache() -> bool:
    """Whether Numba will find a place for its cache: it raises where it does not."""
    beside = [SOURCES / "__pycache__"] if isinstance(SOURCES, Path) else []
    place = next((place for place in (*beside, USER_CACHE, TEMPORARY) if _is_ours(place)), None)
    if place is None:
        return False
    # Numba looks at a kernel's own module, and not at the modules whose functions and constants are compiled into it.
    folder = place / f"kernels-{sources_hash()}"
    if place in beside and not folder.exists():
        for old in place.glob("kernels-*"):
            shutil.rmtree(old, ignore_errors=True)
    numba.config.CACHE_DIR = str(folder)
    if not beside:
        numba.config.CACHE_LOCATOR_CLASSES = ",".join((f"{__name__}.{InZip.__name__}", *LOCATORS))
    return True


def sources_hash() -> str:
    """Changes with any module beside this one."""
    found = hashlib.sha256()
    for path in sorted((path for path in SOURCES.iterdir() if path.name.endswith(".py")), key=lambda path: path.name):
        found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:16]


def _is_ours(folder: Path) -> bool:
    """Whether files can be written there; and nobody else can, who would write our machine code, where it is a folder of everybody's."""
    if not folder.is_absolute():  # of a user who has no home
        return False
    try:
        folder.mkdir(mode=0o700 if folder == TEMPORARY else 0o777, parents=True, exist_ok=True)
        found = folder.lstat()
        is_private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
        if folder == TEMPORARY and not is_private:
            return False
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


_CAN_CACHE = _can_cache()
