"""Which file of a repository a Python import means.

A folder with `__init__.py` is a package; what holds the topmost package of a chain is a source root, and so are the top of the repository
and folders called src, lib or python. An absolute import is looked for in the importer's own root (that of a script, in no package, is
its folder), then in the other roots, nearest first. Folders without `__init__.py` are namespace packages below a root. An import is of
the module that it names; that its parent packages are run first makes no edge, else every package were one cycle.
"""

from collections.abc import Sequence
from functools import lru_cache

from udfs.nearness import folder_of, joined, shared_parts

SUFFIXES = (".py", ".pyi", ".pyw")  # of two files of one module the first counts
MOST_ROOTS = 64  # that have a module of one name, besides an importer's own; the first by path
ROOT_NAMES = frozenset({"src", "lib", "Lib", "python"})
# Top-level modules of CPython 3.8 to 3.13: never a file of another root, however it is called.
_STANDARD = """
__future__ abc aifc argparse array ast asynchat asyncio asyncore atexit audioop base64 bdb binascii binhex bisect builtins bz2
cProfile calendar cgi cgitb chunk cmath cmd code codecs codeop collections colorsys compileall concurrent configparser contextlib
contextvars copy copyreg crypt csv ctypes curses dataclasses datetime dbm decimal difflib dis distutils doctest email encodings
ensurepip enum errno faulthandler fcntl filecmp fileinput fnmatch formatter fractions ftplib functools gc genericpath getopt
getpass gettext glob graphlib grp gzip hashlib heapq hmac html http idlelib imaplib imghdr imp importlib inspect io ipaddress
itertools json keyword lib2to3 linecache locale logging lzma mailbox mailcap marshal math mimetypes mmap modulefinder msilib
msvcrt multiprocessing netrc nis nntplib nt ntpath nturl2path numbers opcode operator optparse os ossaudiodev parser pathlib pdb
pickle pickletools pipes pkgutil platform plistlib poplib posix posixpath pprint profile pstats pty pwd py_compile pyclbr pydoc
pydoc_data pyexpat queue quopri random re readline reprlib resource rlcompleter runpy sched secrets select selectors shelve shlex
shutil signal site smtpd smtplib sndhdr socket socketserver spwd sqlite3 sre_compile sre_constants sre_parse ssl stat statistics
string stringprep struct subprocess sunau symbol symtable sys sysconfig syslog tabnanny tarfile telnetlib tempfile termios
textwrap this threading time timeit tkinter token tokenize tomllib trace traceback tracemalloc tty turtle turtledemo types typing
unicodedata unittest urllib uu uuid venv warnings wave weakref webbrowser winreg winsound wsgiref xdrlib xml xmlrpc zipapp zipfile
zipimport zlib zoneinfo
"""
STANDARD = frozenset(_STANDARD.split())


class PythonModules:
    """Modules of a repository. `nodes`: the indices, in `paths`, of its Python files."""

    def __init__(self, paths: Sequence[str], nodes: Sequence[int]) -> None:
        self._paths = paths
        self._files: dict[str, int] = {}  # path without suffix
        for suffix in SUFFIXES:
            for node in nodes:
                if paths[node].endswith(suffix):
                    self._files.setdefault(paths[node].removesuffix(suffix), node)
        self._packages = {folder_of(name) for name in self._files if name == "__init__" or name.endswith("/__init__")}
        self._packages.discard("")
        own = {folder: self._root(folder) for folder in {folder_of(paths[node]) for node in nodes}}  # a script may have no suffix
        self._own_roots = own
        above = {root for folder, root in own.items() if root != folder}
        self._roots = self._tops({""} | above | {folder for name in self._files for folder in _named_roots(name)})
        self._others = lru_cache(1 << 16)(self._other_roots)

    def _root(self, folder: str) -> str:
        while folder in self._packages:
            folder = folder_of(folder)
        return folder

    def _tops(self, roots: set[str]) -> dict[str, list[str]]:
        """Roots, in the order of their names, by the first part of the modules that lie below them."""
        found: dict[str, set[str]] = {}
        for name in self._files:
            folder, rest = name, ""
            while folder:
                folder, _, part = folder.rpartition("/")
                rest = part
                if folder in roots:
                    found.setdefault(rest, set()).add(folder)
        return {name: sorted(folders)[:MOST_ROOTS] for name, folders in found.items()}

    def _other_roots(self, folder: str, top: str) -> tuple[str, ...]:
        """Where else a module may lie whose name begins with `top`, nearest first."""
        others = () if top in STANDARD else self._roots.get(top, ())
        return tuple(sorted(others, key=lambda other: (-shared_parts(folder, other), other.count("/"), other)))

    def resolve(self, importer: int, name: str) -> tuple[int, ...]:
        """The file that an import means, then others that it could have meant; empty where it is none of the repository."""
        module, _, member = name.partition(":")
        level = len(module) - len(module.lstrip("."))
        folder = folder_of(self._paths[importer])
        parts = [part for part in module[level:].split(".") if part]
        if level:
            for _ in range(level - 1):
                if not folder:
                    return ()
                folder = folder_of(folder)
            found = self._below(folder, parts, member)
            return () if found is None else (found,)
        if not parts:
            return ()
        if (own := self._below(self._own_roots[folder], parts, member)) is not None:
            return (own,)
        places = (self._below(root, parts, member) for root in self._others(folder, parts[0]))
        return tuple(dict.fromkeys(place for place in places if place is not None))

    def _below(self, root: str, parts: Sequence[str], member: str) -> int | None:
        """A module named by its parts below a folder: that of the member, if it is one, else that which has it."""
        base = joined(root, "/".join(parts)) if parts else root
        if member and member != "*" and (found := self._module(joined(base, member.replace(".", "/")))) is not None:
            return found
        return self._module(base) if base else self._files.get("__init__")

    def _module(self, name: str) -> int | None:
        package = self._files.get(f"{name}/__init__")
        return self._files.get(name) if package is None else package


def _named_roots(name: str) -> list[str]:
    parts = name.split("/")[:-1]
    return ["/".join(parts[: place + 1]) for place, part in enumerate(parts) if part in ROOT_NAMES]
