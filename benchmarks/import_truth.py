"""Edges between files, as `udfs.import_graph` finds them, beside those that an interpreter or a compiler sees.

`python -m benchmarks.import_truth [--python FOLDER ...] [--c FOLDER[:INCLUDE...] ...] [--java SOURCES.jar:CLASSES.jar ...]`.
Precision and recall of pairs (file, file that it needs):

- Python: the standard library's `modulefinder` reads the byte code of a package and looks its imports up in real folders. As here, the
  edge leads to the module that is named, and not to the packages that hold it.
- C: `gcc -MM` names all that a file includes, directly or not, so the pairs are those of the closure. It follows one branch of each
  condition, and we follow all.
- Java: `jdeps` reads class files. What they do not hold (constants that were copied, imports that only a comment uses) it cannot see.

Without arguments: packages of this Python, and the headers of Python and NumPy.
"""

import argparse
import json
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from modulefinder import Module, ModuleFinder
from pathlib import Path
from types import CodeType
from typing import Any

from udfs.import_graph import ImportGraph, import_graph
from udfs.imports import imports_of
from udfs.languages import language_of

PACKAGES = ("asyncio", "email", "concurrent", "importlib", "unittest", "xml", "idlelib", "lib2to3")
INSTALLED = ("pyspark", "torch/_inductor", "scipy", "numpy", "hypothesis", "transformers/models", "networkx", "botocore")
Edges = set[tuple[str, str]]


@dataclass(frozen=True)
class Agreement:
    """Of pairs: those that both have, and those that one has alone."""

    name: str
    files: int
    both: int
    ours_alone: int
    truth_alone: int

    @property
    def precision(self) -> float:
        return self.both / max(1, self.both + self.ours_alone)

    @property
    def recall(self) -> float:
        return self.both / max(1, self.both + self.truth_alone)


def agreement(name: str, files: int, ours: Edges, truth: Edges) -> Agreement:
    return Agreement(name, files, len(ours & truth), len(ours - truth), len(truth - ours))


def graph_of(texts: Mapping[str, bytes]) -> tuple[list[str], ImportGraph]:
    """Sorted paths and the graph of files, as the jobs make it."""
    paths = sorted(texts)
    languages = [language_of(path, texts[path][:4096]) for path in paths]
    imports = [imports_of(texts[path], language or "")[0] for path, language in zip(paths, languages, strict=True)]
    return paths, import_graph(paths, languages, imports)


def edges_of(texts: Mapping[str, bytes]) -> Edges:
    paths, graph = graph_of(texts)
    return {(paths[node], paths[target]) for node, found in enumerate(graph.targets) for target in found}


def texts_below(root: Path, folder: Path, suffixes: Iterable[str]) -> dict[str, bytes]:
    found = (path for suffix in suffixes for path in folder.rglob(f"*{suffix}"))
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found if path.is_file()}


class _Finder(ModuleFinder):
    """Notes who imports what while byte code is scanned. Other top-level packages than those of `tops` are not looked for."""

    def __init__(self, root: Path, tops: set[str]) -> None:
        super().__init__(path=[str(root)])
        self._tops = tops
        self.edges: set[tuple[str, str]] = set()
        self._scanned: list[Module] = []

    def find_module(self, name: str, path: Any, parent: Module | None = None) -> Any:
        if path is None and name not in self._tops:
            raise ImportError(name)
        try:
            return super().find_module(name, path, parent)  # type: ignore[misc]
        except AttributeError:  # of a folder without __init__.py, which it does not know
            raise ImportError(name) from None

    def scan_code(self, co: CodeType, m: Module) -> None:
        self._scanned.append(m)
        super().scan_code(co, m)
        self._scanned.pop()

    def _safe_import_hook(self, name: str, caller: Module | None, fromlist: list[str] | None, level: int = -1) -> None:
        super()._safe_import_hook(name, caller, fromlist, level=level)  # type: ignore[misc]
        try:
            head, tail = self.find_head_package(self.determine_parent(caller, level=level), name)  # type: ignore[attr-defined]
            found = self.load_tail(head, tail)  # type: ignore[attr-defined]
        except (ImportError, SyntaxError):
            return
        members = [self.modules.get(f"{found.__name__}.{member}") for member in fromlist or ()]
        for module in [member or found for member in members] or [found]:
            if module.__file__ and self._scanned and self._scanned[-1].__file__:
                self.edges.add((self._scanned[-1].__file__, module.__file__))


def python_truth(root: Path, paths: Iterable[str]) -> tuple[Edges, set[str]]:
    """Edges by `modulefinder`, and the files that it could read; those of folders that are no packages it cannot."""
    finder = _Finder(root, {path.partition("/")[0].removesuffix(".py") for path in paths})
    sys.setrecursionlimit(20_000)
    for path in sorted(paths):
        parts = path.removesuffix(".py").removesuffix("/__init__").split("/")
        try:
            finder.import_hook(".".join(parts))  # type: ignore[attr-defined]
        except (ImportError, SyntaxError, ValueError):
            continue
    found = (module.__file__ for module in finder.modules.values() if module.__file__)
    files = {file: Path(file).relative_to(root).as_posix() for file in found}
    edges = {(files[a], files[b]) for a, b in finder.edges if a in files and b in files and a != b}
    return edges, set(files.values())


def python_agreement(root: Path, folder: Path) -> Agreement:
    texts = texts_below(root, folder, [".py"])
    truth, read = python_truth(root, texts)
    both = read & texts.keys()
    ours = {(a, b) for a, b in edges_of(texts) if a in both and b in both}
    return agreement(folder.name, len(both), ours, {(a, b) for a, b in truth if a in both and b in both})


def c_agreement(root: Path, includes: Iterable[str]) -> Agreement:
    """Of the closure, over the files that gcc can preprocess."""
    texts = texts_below(root, root, [".c", ".h"])
    paths, graph = graph_of(texts)
    ours: Edges = set()
    truth: Edges = set()
    read = 0
    options = [option for include in includes for option in ("-I", str(root / include))]
    for node, path in enumerate(paths):
        command = ["gcc", "-MM", "-MG", *options, str(root / path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            continue
        read += 1
        seen = done.stdout.partition(":")[2].replace("\\\n", " ").split()
        inside = {Path(one).resolve() for one in seen}
        truth |= {(path, one.relative_to(root).as_posix()) for one in inside if one.is_relative_to(root) and one != (root / path).resolve()}
        ours |= {(path, paths[target]) for target in _reached(graph, node)}
    return agreement(root.name, read, ours, truth)


def _reached(graph: ImportGraph, node: int) -> set[int]:
    seen, open_ = {node}, [node]
    while open_:
        for target in graph.targets[open_.pop()]:
            if target not in seen:
                seen.add(target)
                open_.append(target)
    return seen - {node}


def java_agreement(name: str, texts: Mapping[str, bytes], classes: Path) -> Agreement:
    """Paths are `package/Type.java` below any folder. A class without a file of its name is left out."""
    command = ["jdeps", "-verbose:class", "-filter:none", "--multi-release", "base", str(classes)]
    by_class = {path.removesuffix(".java"): path for path in texts}
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    def file_of(name: str) -> str | None:
        return by_class.get(name.partition("$")[0].replace(".", "/"))

    truth: Edges = set()
    for line in done.stdout.splitlines():
        left, arrow, right = line.strip().partition(" -> ")
        if arrow and line.startswith(" "):
            one, other = file_of(left.split()[0]), file_of(right.split()[0])
            if one and other and one != other:
                truth.add((one, other))
    known = {path for pair in truth for path in pair}
    ours = {(a, b) for a, b in edges_of(texts) if a in known and b in known}
    return agreement(name, len(known), ours, truth)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for language, form in (("python", "FOLDER"), ("c", "FOLDER[:INCLUDE...]"), ("java", "SOURCES.jar:CLASSES.jar")):
        parser.add_argument(f"--{language}", action="append", default=[], metavar=form)
    arguments = parser.parse_args()
    python, c = arguments.python, arguments.c
    if not (python or c or arguments.java):
        library, installed = Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("purelib"))
        python = [str(library / name) for name in PACKAGES] + [str(installed / name) for name in INSTALLED if (installed / name).is_dir()]
        c = [f"{sysconfig.get_path('include')}:.:internal:cpython", f"{installed}/numpy/_core/include:."]
    found: list[tuple[str, Agreement]] = []
    for one in python:
        folder = Path(one)
        root = folder
        while (root / "__init__.py").exists():
            root = root.parent
        found.append(("Python", python_agreement(root, folder)))
    for one in c:
        folder, *includes = one.split(":")
        found.append(("C", c_agreement(Path(folder).resolve(), includes)))
    for one in arguments.java:
        sources, classes = one.split(":")
        with zipfile.ZipFile(sources) as archive:
            texts = {name: archive.read(name) for name in archive.namelist() if name.endswith(".java") and not name.startswith("META-INF")}
        found.append(("Java", java_agreement(Path(classes).stem, texts, Path(classes))))
    print_table(found)


def print_table(found: list[tuple[str, Agreement]]) -> None:
    rows: list[dict[str, Any]] = []
    for language in dict.fromkeys(language for language, _ in found):
        mine = [one for kind, one in found if kind == language]
        total = Agreement("all", *(sum(getattr(one, name) for one in mine) for name in ("files", "both", "ours_alone", "truth_alone")))
        for one in [*mine, total]:
            print(f"{language:<7}{one.name:<28}{one.files:>7,} files {one.both + one.truth_alone:>8,} pairs", end="")
            print(
                f"   precision {one.precision:.4f}   recall {one.recall:.4f}   {one.ours_alone} ours alone, {one.truth_alone} theirs alone"
            )
        rows.append({"language": language, "files": total.files, "precision": round(total.precision, 5), "recall": round(total.recall, 5)})
    print(json.dumps({"name": "import_truth", "languages": rows}))


if __name__ == "__main__":
    main()
