"""The high-quality sets: one for each of the report's kinds [2.2.4], each a rule that names its population and its seeds.

The report says that seeds are chosen by score, language, comment ratio and imported packages, about 100,000 a kind, and gives no values.
All values here are choices. A share of the best scores is asked, and no score itself: scorers differ in what their scores mean.
"""

import dataclasses
from dataclasses import dataclass

from jobs.runtime.errors import UsageError
from jobs.runtime.job import parameters_json, short_hash
from udfs.imported_packages import LANGUAGES as SCANNED


@dataclass(frozen=True)
class HighQualitySet:
    """`population` fields say what may be a member at all, the others what a seed must be besides."""

    name: str
    population_languages: tuple[str, ...] = ()  # empty: all
    population_is_notebooks: bool = False  # notebooks alone; else everything but notebooks
    seed_packages: tuple[str, ...] = ()  # a seed imports at least one of them; empty: not asked
    best_share: float = 0.2  # by score, of what has one in the population
    poor_share: float = 0.5  # below it a file is poor: found, it is a hard negative; it is never added to the positives
    min_comment_share: float = 0.03  # comments and documentation strings, of a notebook its prose; unknown is none
    max_comment_share: float = 0.5

    @property
    def hash(self) -> str:
        return short_hash("high_quality_set", parameters_json(self))


MAJOR_LANGUAGES = (
    "C", "C#", "C++", "Go", "Java", "JavaScript", "Kotlin", "PHP", "Python", "Ruby", "Rust", "SQL", "Scala", "Shell", "Swift", "TypeScript",
)  # fmt: skip
# What programs of algorithms import, by language: containers, queues, numbers, graphs.
ALGORITHM_PACKAGES = (
    "array", "bisect", "collections", "decimal", "fractions", "functools", "heapq", "itertools", "math", "networkx", "numpy", "scipy",
    "random", "sympy",  # Python
    "algorithm", "bitset", "boost", "deque", "limits", "map", "numeric", "queue", "set", "stack", "unordered_map", "vector",  # C++
    "assert", "stdint", "string",  # C
    "java.util", "kotlin.math", "scala.collection", "System.Collections", "System.Linq",
    "container/heap", "container/list", "math/big", "math/bits", "sort", "std::cmp", "std::collections", "petgraph", "rand",
)  # fmt: skip
# What applications are built with: servers, pages, screens, data bases, clouds.
APPLICATION_PACKAGES = (
    "aiohttp", "boto3", "celery", "click", "django", "fastapi", "flask", "kivy", "pydantic", "pygame", "redis", "requests", "sqlalchemy",
    "starlette", "tkinter", "tornado", "PyQt5", "PyQt6", "httpx", "argparse", "asyncio",  # Python
    "@angular/core", "@nestjs/common", "axios", "electron", "express", "jquery", "koa", "next", "react", "react-dom", "react-native",
    "react-redux", "redux", "socket.io", "svelte", "vue",  # JavaScript, TypeScript
    "android.app", "android.content", "android.os", "androidx.compose", "javax.servlet", "jakarta.servlet", "org.springframework",
    "io.ktor", "play.api", "akka.actor",  # Java, Kotlin, Scala
    "Microsoft.AspNetCore", "System.Windows", "UnityEngine", "Illuminate", "Symfony", "rails", "sinatra", "active_record",
    "net/http", "database/sql", "github.com/gin-gonic/gin", "github.com/spf13/cobra", "google.golang.org/grpc", "actix_web", "axum", "clap",
    "tokio", "hyper", "SwiftUI", "UIKit", "Foundation", "flutter", "QApplication", "SDL", "gtk",
)  # fmt: skip

SETS = {
    one.name: one
    for one in (
        HighQualitySet("major_languages", population_languages=MAJOR_LANGUAGES),
        HighQualitySet("algorithms", population_languages=tuple(sorted(SCANNED)), seed_packages=ALGORITHM_PACKAGES),
        HighQualitySet("applications", population_languages=tuple(sorted(SCANNED)), seed_packages=APPLICATION_PACKAGES),
        HighQualitySet("notebooks", population_is_notebooks=True, min_comment_share=0.1, max_comment_share=0.8),
        HighQualitySet("general"),
    )
}


def chosen(names: tuple[str, ...], changes: tuple[str, ...] = ()) -> list[HighQualitySet]:
    """The sets of these names, in the order of their names; `changes` are SET.FIELD=NUMBER. Raises `UsageError`."""
    for name in names:
        if name not in SETS:
            raise UsageError(f"there is no high-quality set {name!r}. There are: {', '.join(SETS)} (jobs/decide/high_quality_sets.py)")
    found = {name: SETS[name] for name in sorted(set(names))}
    numbers = [field.name for field in dataclasses.fields(HighQualitySet) if field.type is float]
    for change in changes:
        key, equals, text = change.partition("=")
        name, _, field = key.partition(".")
        if name not in found or field not in numbers or not equals:
            raise UsageError(
                f"rule {change}: expected SET.FIELD=SHARE with SET of {', '.join(found) or 'no set'} and FIELD of {', '.join(numbers)}"
            )
        try:
            value = float(text)
            if not 0 <= value <= 1:
                raise ValueError
        except ValueError:
            raise UsageError(f"rule {change}: expected a share from 0 to 1") from None
        found[name] = dataclasses.replace(found[name], **{field: value})  # type: ignore[arg-type]
    return list(found.values())
