"""Real code for benchmarks: Python's standard library and installed distributions, as plain files."""

import os
import site
import subprocess
import sysconfig
from collections.abc import Iterator
from itertools import count
from pathlib import Path

SUFFIXES = (".py", ".pyi", ".c", ".h", ".hpp", ".cpp", ".js", ".ts", ".css", ".html", ".json", ".rst", ".md", ".sh")
# gc.auto: else the commit starts a collection of its own, beside which `git gc` fails.
SETTINGS = ("user.name=A", "user.email=a@example.org", "commit.gpgsign=false", "gc.auto=0")


def text_files() -> Iterator[Path]:
    """Text-like files of this machine's Python, in a fixed order."""
    roots = [Path(sysconfig.get_path("stdlib")), *map(Path, site.getsitepackages())]
    for root in dict.fromkeys(roots):
        for folder, names, files in os.walk(root):
            names[:] = sorted(set(names) - {"__pycache__", "site-packages"})
            yield from (Path(folder) / name for name in sorted(files) if name.endswith(SUFFIXES))


def distinct_texts(most_bytes: int | None = None) -> Iterator[str]:
    """Texts of those files, each once; without those of larger files where a limit is given."""
    seen = set()
    for path in text_files():
        if most_bytes is None or path.stat().st_size <= most_bytes:
            text = path.read_bytes().decode(errors="replace")
            if text not in seen:
                seen.add(text)
                yield text


def real_texts(size: int, most_bytes: int | None = None) -> list[str]:
    """The first of `distinct_texts`, of so many characters together at most."""
    found: list[str] = []
    held = 0
    for text in distinct_texts(most_bytes):
        held += len(text)
        if held > size:
            break
        found.append(text)
    return found


def copy_files(target: Path, size_bytes: int, least: int = 0, most: int | None = None) -> int:
    """Copies files of `least` to `most` bytes each into a folder until it holds so much; returns what it holds.

    Where the real files run out they are taken again, each with a line at its end that makes it another text.
    """
    copied = number = 0
    for turn in count():
        for path in text_files():
            if not least <= path.stat().st_size <= (most or size_bytes):
                continue
            text = path.read_bytes() + (b"# %d %d\n" % (turn, number) if turn else b"")
            if copied + len(text) > size_bytes:
                return copied
            place = target / f"{number % 97:02}" / f"{number:06}-{path.name}"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(text)
            copied, number = copied + len(text), number + 1
    raise AssertionError


def commit_all(folder: Path) -> None:
    """Makes a folder a packed git repository of one commit."""
    settings = [part for text in SETTINGS for part in ("-c", text)]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"], ["gc", "-q"]):
        subprocess.run(["git", *settings, *command], cwd=folder, check=True)
