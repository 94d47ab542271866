"""Which packages a file imports, by a light scan of its text: the names that stand at the start of what is imported.

A line is read by the form of an import in its language, wherever it stands, so that one inside a string or a block comment counts too:
this is for choosing files by what they are about. What a file of the same project is called by is left out where the form shows it
(relative paths, quoted headers). `udfs.imports`-like resolution, which needs all files of a repository, is another matter.
"""

import re
from collections.abc import Callable

VERSION = 1
MOST_PACKAGES = 64  # of a file: the first by name

_Found = Callable[[str], list[str]]
_NAME = r"[A-Za-z_][\w]*"


def _top(pattern: str, parts: int = 1, separator: str = ".") -> _Found:
    """The first `parts` parts of what the pattern's group matches."""
    search = re.compile(pattern, re.MULTILINE)
    return lambda text: [separator.join(found.split(separator)[:parts]) for found in search.findall(text)]


_PYTHON = re.compile(rf"^[ \t]*(?:from[ \t]+({_NAME})[\w.]*[ \t]+import\b|import[ \t]+([\w., \t]+))", re.MULTILINE)


def _python(text: str) -> list[str]:
    """`import a.b as c, d` gives a and d; `from .a import b` nothing."""
    found = []
    for whole, listed in _PYTHON.findall(text):
        found += [whole] if whole else [part.split()[0].split(".")[0] for part in listed.split(",") if part.strip()]
    return found


_SCRIPT = re.compile(
    r"""(?:^[ \t]*(?:import|export)\b[^'"\n;]{0,300}?|^[ \t]*\}[ \t]*from[ \t]*|\brequire[ \t]*\([ \t]*|\bimport[ \t]*\([ \t]*)"""
    r"""["'](?:node:)?(@[\w.-]+/[\w.-]+|[\w][\w.-]*)""",
    re.MULTILINE,
)
_GO_BLOCK = re.compile(r"^import[ \t]*(?:\(([^)]*)\)|(?:[\w.]+[ \t]+)?(\"[^\"\n]+\"))", re.MULTILINE)
_QUOTED = re.compile(r'"([^"\n]+)"')


def _go(text: str) -> list[str]:
    """A path of the standard library whole, of a host its first three parts."""
    paths = [path for block, one in _GO_BLOCK.findall(text) for path in _QUOTED.findall(block or one)]
    return ["/".join(path.split("/")[:3]) if "." in path.split("/")[0] else path for path in paths if not path.startswith(".")]


_RUST = re.compile(r"^[ \t]*(?:pub(?:\([\w ]+\))?[ \t]+)?(?:use[ \t]+(?:::)?(std::\w+|\w+)|extern[ \t]+crate[ \t]+(\w+))", re.MULTILINE)


def _rust(text: str) -> list[str]:
    found = [used or crate for used, crate in _RUST.findall(text)]
    return [name for name in found if name not in ("crate", "self", "super")]


_HEADERS = re.compile(r"^[ \t]*#[ \t]*(?:include|import)[ \t]*<([\w+.-]+)(/?)", re.MULTILINE)


def _headers(text: str) -> list[str]:
    """Of `<vector>` and `<stdio.h>` the name without its ending, of `<boost/graph.hpp>` the folder."""
    return [name if slash else re.sub(r"\.\w+$", "", name) for name, slash in _HEADERS.findall(text)]


_JVM = _top(rf"^[ \t]*import[ \t]+(?:static[ \t]+)?({_NAME}(?:\.{_NAME})+)", parts=2)
_SCANS: dict[str, _Found] = {
    "Python": _python,
    "JavaScript": _SCRIPT.findall,
    "TypeScript": _SCRIPT.findall,
    "Go": _go,
    "Rust": _rust,
    "C": _headers,
    "C++": _headers,
    "CUDA": _headers,
    "Java": _JVM,
    "Kotlin": _JVM,
    "Groovy": _JVM,
    "Scala": _JVM,
    "C#": _top(rf"^[ \t]*(?:global[ \t]+)?using[ \t]+(?:static[ \t]+)?({_NAME}(?:\.{_NAME})*)[ \t]*;", parts=2),
    "PHP": _top(rf"^[ \t]*use[ \t]+(?:function[ \t]+|const[ \t]+)?\\?({_NAME}(?:\\{_NAME})+)", separator="\\"),
    "Ruby": _top(r"^[ \t]*require[ \t(]+['\"]([\w-]+(?:/[\w-]+)*)['\"]", separator="/"),
    "Perl": _top(rf"^[ \t]*use[ \t]+({_NAME}(?:::{_NAME})*)", parts=2, separator="::"),
    "R": _top(r"\b(?:library|require|requireNamespace)[ \t]*\([ \t]*['\"]?([A-Za-z][\w.]*)", separator="("),
    "RMarkdown": _top(r"\b(?:library|require|requireNamespace)[ \t]*\([ \t]*['\"]?([A-Za-z][\w.]*)", separator="("),
    "Julia": _top(r"^[ \t]*(?:using|import)[ \t]+([A-Za-z]\w*)"),
    "Swift": _top(r"^[ \t]*(?:@testable[ \t]+)?import[ \t]+(\w+)"),
    "Haskell": _top(r"^import[ \t]+(?:qualified[ \t]+)?([A-Z]\w*(?:\.[A-Z]\w*)*)", parts=2),
    "Dart": _top(r"^[ \t]*import[ \t]+['\"](?:package:|dart:)([\w]+)"),
}
LANGUAGES = frozenset(_SCANS)


def imported_packages(text: str, language: str | None) -> list[str]:
    """Names of packages, sorted, without repetition; at most MOST_PACKAGES. Empty for a language that has no scan. Never raises."""
    scan = _SCANS.get(language or "")
    return sorted(set(scan(text)))[:MOST_PACKAGES] if scan else []
