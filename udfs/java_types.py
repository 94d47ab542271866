"""Which files of a repository a Java file needs: what it imports, and the types of its package that it names.

A file stands for the type that has its name, in the package that it declares. Types that have no file of their own, and names that only
the compiler can read (a nested type of a superclass, a type that a variable hides) are not known. An import of a single
type hides one of that name in the package, which hides those of imports with a star, as the language has it.
"""

from collections.abc import Sequence

from udfs.nearness import MOST_CANDIDATES, folder_of, nearest


class JavaTypes:
    """Types of a repository. `nodes`: the indices, in `paths`, of its Java files; `imports` by index."""

    def __init__(self, paths: Sequence[str], nodes: Sequence[int], imports: Sequence[Sequence[str]]) -> None:
        self._paths = paths
        self._types: dict[str, list[int]] = {}  # by package and name
        self._packages: dict[int, str] = {}
        for node in nodes:
            package = next((one.removeprefix("package ") for one in imports[node] if one.startswith("package ")), "")
            name = paths[node].rpartition("/")[2].partition(".")[0]
            self._packages[node] = package
            same = self._types.setdefault(f"{package}.{name}" if package else name, [])
            if len(same) < MOST_CANDIDATES:
                same.append(node)

    def resolve_all(self, importer: int, imports: Sequence[str]) -> tuple[set[int], list[str], int]:
        """Files that one needs, the imports that are none of the repository's, and how often the nearest of several was taken."""
        package = self._packages[importer]
        found: list[list[int]] = []
        unresolved, stars, single = list[str](), list[str](), set[str]()
        for one in imports:
            kind, _, name = one.partition(" ")
            if kind not in ("import", "static"):
                continue
            if kind == "import" and name.endswith(".*") and not self._longest(name[:-2]):
                stars.append(name[:-2])
                continue
            single.add(name.rpartition(".")[2])
            if files := self._longest(name.removesuffix(".*")):
                found.append(files)
            else:
                unresolved.append(one)
        used = set[str]()
        for one in imports:
            kind, _, name = one.partition(" ")
            if kind != "name":
                continue
            first = name.partition(".")[0]
            if not first[:1].isupper():
                found.append(self._longest(name))
            elif first not in single:
                files = self._types.get(f"{package}.{first}" if package else first, [])
                for star in () if files else stars:
                    files = self._types.get(f"{star}.{first}", [])
                    if files:
                        used.add(star)
                        break
                found.append(files)
        unresolved += [f"import {star}.*" for star in stars if star not in used]
        folder = folder_of(self._paths[importer])
        targets = {files[0] if len(files) == 1 else nearest(folder, files, self._paths) for files in found if files}
        return targets - {importer}, unresolved, sum(len(files) > 1 for files in found)

    def _longest(self, name: str) -> list[int]:
        """Files of the longest start of a dotted name that is a type."""
        while name:
            if files := self._types.get(name):
                return files
            name = name.rpartition(".")[0]
        return []
