"""The graph of a repository's files: which file imports which, in all languages of which imports are known."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from udfs.c_headers import CHeaders
from udfs.imports import LANGUAGES
from udfs.java_types import JavaTypes
from udfs.python_modules import PythonModules

VERSION = 1
C_LANGUAGES = frozenset({"C", "C++", "CUDA"})


@dataclass
class ImportGraph:
    """`targets[i]` are the files that file i imports, sorted, itself never among them.

    Counts are of imports as they are written, each once a file; of Java's those of import statements. `ambiguous`: the nearest of several
    was taken.
    """

    targets: list[list[int]]
    resolved: int = 0
    unresolved: int = 0
    ambiguous: int = 0
    unresolved_names: list[list[str]] = field(default_factory=list)

    @property
    def edges(self) -> int:
        return sum(map(len, self.targets))


def import_graph(paths: Sequence[str], languages: Sequence[str | None], imports: Sequence[Sequence[str]]) -> ImportGraph:
    """Paths are distinct and sorted: an edge leads to an index in them. Files of other languages have no edges of their own."""
    graph = ImportGraph([[] for _ in paths], unresolved_names=[[] for _ in paths])
    by_language: dict[str | None, list[int]] = {}
    for node, language in enumerate(languages):
        by_language.setdefault("C" if language in C_LANGUAGES else language, []).append(node)
    if "Python" in by_language:
        modules = PythonModules(paths, by_language["Python"])
        for node in by_language["Python"]:
            _resolve(graph, node, imports[node], modules)
    if "C" in by_language:
        headers = CHeaders(paths)
        for node in by_language["C"]:
            _resolve(graph, node, imports[node], headers)
    if "Java" in by_language:
        types = JavaTypes(paths, by_language["Java"], imports)
        for node in by_language["Java"]:
            targets, unresolved, ambiguous = types.resolve_all(node, imports[node])
            graph.targets[node] = sorted(targets)
            graph.unresolved_names[node] = unresolved
            graph.resolved += sum(one.startswith(("import ", "static ")) for one in imports[node]) - len(unresolved)
            graph.unresolved += len(unresolved)
            graph.ambiguous += ambiguous
    return graph


def _resolve(graph: ImportGraph, node: int, imports: Sequence[str], resolver: PythonModules | CHeaders) -> None:
    targets = set()
    for one in imports:
        found = resolver.resolve(node, one)
        if found:
            targets.add(found[0])
            graph.resolved += 1
            graph.ambiguous += len(found) > 1
        else:
            graph.unresolved_names[node].append(one)
            graph.unresolved += 1
    graph.targets[node] = sorted(targets - {node})


__all__ = ["LANGUAGES", "ImportGraph", "import_graph"]
