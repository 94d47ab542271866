"""Ordering repositories beside a parse of every file: MB a second of one core.

`python -m benchmarks.repository_order [--megabytes N]`. Python files of installed packages, each package a repository, in memory: imports
are read, resolved to files, ordered, cut into parts. The alternative reads the imports by tree-sitter, with a query for what imports,
and does the rest the same. The limit is one look at every byte by a compiled loop that knows strings and comments, with nothing kept.
Said besides: the share of files whose imports are the same by both, and where the time goes.
"""

import argparse
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.imports_by_parser import parsed_imports
from benchmarks.measure import interleaved, report, result
from udfs.import_graph import import_graph
from udfs.import_scan import KINDS, python_imports
from udfs.imports import imports_of
from udfs.repository_parts import plan

WINDOW_BYTES = 114_688
Repositories = dict[str, dict[str, bytes]]
Reader = Callable[[bytes, str], tuple[list[str], bool]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=80)
    arguments = parser.parse_args()
    repositories = packages(arguments.megabytes * 1_000_000)
    texts = [text for files in repositories.values() for text in files.values()]
    size = sum(map(len, texts))
    seconds = {"read": 0.0, "resolve": 0.0, "order": 0.0}
    ordered(repositories, imports_of, {name: 0.0 for name in seconds})  # compiles the kernels
    least = interleaved(
        {
            "codemill": lambda: ordered(repositories, imports_of, seconds),
            "parse": lambda: ordered(repositories, parsed_imports, {name: 0.0 for name in seconds}),
            "look": lambda: looked(texts),
        },
        rounds=2,
        clock=time.process_time,
    )
    same = sum(set(imports_of(text, "Python")[0]) == set(parsed_imports(text, "Python")[0]) for text in texts)
    print(f"  {same:,} of {len(texts):,} files have the same imports by both")
    print("  of our time: " + ", ".join(f"{name} {share / sum(seconds.values()):.0%}" for name, share in seconds.items()))
    given = f"{len(repositories)} packages, {len(texts):,} Python files, {size / 1e6:.0f} MB, one core"
    best = ("tree-sitter with a query, then the same", size / 1e6 / least["parse"])
    limit = ("one compiled look at every byte", size / 1e6 / least["look"])
    report(result("repository_order", "MB/s", size / 1e6 / least["codemill"], best, limit, given))


def packages(most_bytes: int) -> Repositories:
    """Installed packages with their files by path: whole ones, by name, as long as they fit."""
    found: Repositories = {}
    size = 0
    root = Path(sysconfig.get_path("purelib"))
    for folder in sorted(path for path in root.iterdir() if (path / "__init__.py").exists()):
        files = {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.py")) if path.is_file()}
        if size + sum(map(len, files.values())) <= most_bytes:
            found[folder.name] = files
            size += sum(map(len, files.values()))
    return found


def ordered(repositories: Repositories, reader: Reader, seconds: dict[str, float]) -> None:
    for files in repositories.values():
        paths = sorted(files)
        languages = ["Python"] * len(paths)
        start = time.process_time()
        imports = [reader(files[path], "Python")[0] for path in paths]
        read = time.process_time()
        graph = import_graph(paths, languages, imports)
        resolved = time.process_time()
        plan(paths, languages, [len(files[path]) for path in paths], graph, WINDOW_BYTES, "seed")
        for name, spent in (("read", read - start), ("resolve", resolved - read), ("order", time.process_time() - resolved)):
            seconds[name] += spent


def looked(texts: list[bytes]) -> None:
    found = np.empty((1 << 16, 2), np.int64)
    for text in texts:
        python_imports(np.frombuffer(text, np.uint8), KINDS, found)


if __name__ == "__main__":
    main()
