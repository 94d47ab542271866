"""Where Numba keeps machine code of modules in a zip; it finds this class by its name (udfs/compiled.py)."""

from pathlib import Path
from typing import Any

import numba
from numba.core.caching import ZipCacheLocator


class InZip(ZipCacheLocator):  # type: ignore[misc]
    """Numba's own locator knows no folder but the user's, and looks at one module."""

    def __init__(self, py_func: Any, py_file: str) -> None:
        super().__init__(py_func, py_file)
        self._cache_path = str(Path(numba.config.CACHE_DIR) / Path(py_file).stem)

    def get_source_stamp(self) -> str:
        return Path(numba.config.CACHE_DIR).name
