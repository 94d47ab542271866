"""Compiles a kernel with Numba, keeping the machine code where the disk allows it.

Kernels are compiled at their first call (about a second each, 30 s for those of pages) and read from a cache later, by every process that
finds the same folder. Numba, which takes a second to import, is loaded with the first kernel that is called: who asks for help or counts
waits for nothing. The folder lies beside the modules; where these came in a zip, in the user's cache folder; and where an executor's
user has no home, in a folder of that user's for temporary files.
"""

import functools
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

SOURCES: Traversable = importlib.resources.files(__package__)
USER_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "numba"
TEMPORARY = Path(tempfile.gettempdir()) / f"codemill-{os.getuid()}"
NUMBAS_LOCATORS = ("UserProvidedCacheLocator", "InTreeCacheLocator", "UserWideCacheLocator")  # Numba's own, for modules that are files
Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """The kernel in machine code. Integers wrap around; the interpreter's lock is released while it runs."""
    return Kernel(function)  # type: ignore[return-value]


class Kernel:
    """Calls the machine code of a function, which is made, or read, at the first call."""

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self.dispatcher(*arguments)

    def __reduce__(self) -> str:  # what holds a kernel names it
        return str(self._function.__qualname__)

    @functools.cached_property
    def dispatcher(self) -> Any:
        """Numba's own object."""
        import numba

        return numba.njit(self._function, cache=can_cache(), nogil=True, error_model="numpy")

    @property
    def _numba_type_(self) -> Any:
        """How Numba sees a kernel that another one calls."""
        return self.dispatcher._numba_type_


def is_kept(kernel: Any) -> bool:
    """Whether machine code of a kernel, be it another processor's, lies where the next process looks for it, or is in this one."""
    import numba

    name = f"{kernel.__module__.rpartition('.')[2]}.{kernel.__name__}-*.nbc"
    return bool(kernel.dispatcher.signatures) or (can_cache() and any(Path(numba.config.CACHE_DIR).rglob(name)))


@functools.cache
def can_cache() -> bool:
    """Whether Numba will find a place for its cache: it raises where it does not."""
    import numba

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
        numba.config.CACHE_LOCATOR_CLASSES = ",".join((f"{__package__}.kernels_in_zip.InZip", *NUMBAS_LOCATORS))
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
