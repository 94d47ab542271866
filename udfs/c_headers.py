"""Which file of a repository an include of C or C++ means.

In quotes: beside the includer first, as compilers do. Then, since nobody knows the compiler's options, any file whose path ends with the
name: nearest first. In angle brackets only below a folder that is usual for headers, or with a folder of its own in the name, and never a
header of the standard. Conditions of the preprocessor are not evaluated.
"""

import posixpath
from collections.abc import Sequence

from udfs.nearness import MOST_CANDIDATES, folder_of, joined, nearest

INCLUDE_ROOTS = frozenset({"", "include", "includes", "Include", "inc", "headers", "src", "lib"})
_STANDARD = """
alloca assert complex ctype dirent dlfcn errno fcntl fenv float getopt grp inttypes iso646 limits locale malloc math memory netdb
poll pthread pwd regex sched search semaphore setjmp signal spawn stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib
stdnoreturn string strings syslog termios tgmath threads time uchar unistd utime wchar wctype windows wordexp
"""
STANDARD = frozenset(f"{name}.h" for name in _STANDARD.split())


class CHeaders:
    """Files of a repository that can be included: all of them, since a header may have any name."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        self._index = {path: node for node, path in enumerate(paths)}
        self._by_name: dict[str, list[int]] = {}
        for node, path in enumerate(paths):
            same = self._by_name.setdefault(path.rpartition("/")[2], [])
            if len(same) < MOST_CANDIDATES:
                same.append(node)
        self._found: dict[tuple[str, str], tuple[int, ...]] = {}

    def resolve(self, importer: int, include: str) -> tuple[int, ...]:
        """The file that an include means, then others that it could have meant; empty where it is none of the repository."""
        folder = folder_of(self._paths[importer])
        key = (folder, include)
        if key not in self._found:
            self._found[key] = self._resolve(folder, include)
        return self._found[key]

    def _resolve(self, folder: str, include: str) -> tuple[int, ...]:
        if include[0] not in '"<':
            return ()
        name, is_quoted = include[1:-1].strip().replace("\\", "/"), include[0] == '"'
        beside = self._index.get(posixpath.normpath(joined(folder, name))) if is_quoted else None
        if beside is not None:
            return (beside,)
        name = posixpath.normpath(name).lstrip("./")
        candidates = {}
        for node in self._by_name.get(name.rpartition("/")[2], ()):
            path = self._paths[node]
            if path == name or path.endswith(f"/{name}"):
                candidates[node] = path[: len(path) - len(name)].rstrip("/").rpartition("/")[2] in INCLUDE_ROOTS
        usual = [node for node, is_usual in candidates.items() if is_usual]
        if not is_quoted and name in STANDARD:
            return ()
        eligible = list(candidates) if is_quoted or "/" in name else usual
        if not eligible:
            return ()
        first = nearest(folder, eligible, self._paths, usual)
        return (first, *(node for node in eligible if node != first))
