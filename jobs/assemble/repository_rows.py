"""The rows of a repository's documents: its files in order, from paths and imports alone.

A task holds one repository at a time, and of it no text; one that is too large even so is a row with that reason.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from jobs.decide.profiles import PolicyParams
from jobs.runtime.errors import UsageError
from jobs.runtime.job import parameter
from schemas.assemble import REPOSITORY_CONTEXTS, REPOSITORY_PARTS
from udfs import import_graph, imports, notebooks, repository_parts
from udfs.import_graph import ImportGraph
from udfs.repository_layout import LAYOUT
from udfs.repository_parts import plan

# Rows of both tables, but for the layout: it is the same in all.
_CONTEXT = [field for field in REPOSITORY_CONTEXTS.arrow_schema if field.name != "layout"]
_PART = [field for field in REPOSITORY_PARTS.arrow_schema if field.name not in ("repository", "layout", "size_bytes")]
MADE = pa.schema([*_CONTEXT, *(pa.field(field.name, field.type) for field in _PART)])


@dataclass(frozen=True)
class RepositoriesParams(PolicyParams):
    window_bytes: int = parameter(114_688, "of a document: 32,768 tokens at 3.5 bytes; a repository that is longer is cut", least=1024)
    min_files: int = parameter(2, "of a repository: what has fewer is a file document already", least=1)
    max_files: int = parameter(200_000, "of a repository, ordered by one task", least=1)
    max_imports: int = parameter(5_000_000, "of a repository, ordered by one task: some 100 bytes of memory each", least=1)
    seed: str = parameter("repository-order", "of the order of files without imports")
    forget: tuple[str, ...] = parameter((), "layouts of earlier runs to remove, such as those of another window (repeatable)")

    @property
    def layout(self) -> str:
        """Names how a document is written. Which files are in it the profile says, so its documents are replaced and not added to."""
        versions = f"{LAYOUT}.{imports.VERSION}.{import_graph.VERSION}.{repository_parts.VERSION}.{notebooks.VERSION}"
        return versions + self.choices

    @property
    def choices(self) -> str:
        """The end of a layout's name: what was chosen, and not what code wrote it."""
        return f"/{self.profile}/{self.window_bytes}/{self.seed}"

    def checked(self) -> None:
        self.resolved()
        if not self.seed.replace("-", "").replace("_", "").isalnum():
            raise UsageError(f"assemble.repositories.seed={self.seed}: expected letters, digits, - and _")


def ordered(batches: Iterable[pa.RecordBatch], params: RepositoriesParams, least_score: int | None) -> Iterator[pa.RecordBatch]:
    """Rows of MADE: one of each repository, without a part, and one of each place in its documents.

    batches: files, sorted by repository and path; a repository without files is a row without a path.
    """
    for files in by_repository(batches, params):
        yield pa.RecordBatch.from_pylist(rows_of(files, params, least_score), schema=MADE)


@dataclass
class Files:
    """What a task holds of one repository. `rows` are empty where it is too large."""

    repository: str
    rows: list[dict[str, Any]]
    count: int = 0
    size_bytes: int = 0
    imports: int = 0
    is_too_large: bool = False


def by_repository(batches: Iterable[pa.RecordBatch], params: RepositoriesParams) -> Iterator[Files]:
    held: Files | None = None
    for batch in batches:
        for row in batch.to_pylist():
            if held is None or held.repository != row["repository"]:
                if held is not None:
                    yield held
                held = Files(row["repository"], [])
            if row["path"] is None:  # a repository without a file
                continue
            held.count += 1
            held.size_bytes += row["size_bytes"]
            held.imports += len(row["imports"] or ())
            held.is_too_large |= held.count > params.max_files or held.imports > params.max_imports
            if held.is_too_large:
                held.rows.clear()
            else:
                held.rows.append(row)
    if held is not None:
        yield held


def rows_of(files: Files, params: RepositoriesParams, least_score: int | None) -> list[dict[str, Any]]:
    scores = [row["score_percent"] for row in files.rows if row["score_percent"] is not None]
    mean = sum(scores) / len(scores) if scores else None
    reason = None
    if files.count == 0:
        reason = "no_files"
    elif files.is_too_large:
        reason = "too_large"
    elif files.count < params.min_files:
        reason = "too_few_files"
    elif least_score is not None and mean is not None and mean < least_score:
        reason = "low_score"
    common = {"repository": files.repository}
    context = common | {"reason": reason, "file_count": files.count, "size_bytes": files.size_bytes, "mean_score_percent": mean}
    rows = files.rows if reason is None else []
    paths, languages = [row["path"] for row in rows], [row["language"] for row in rows]
    graph = import_graph.import_graph(paths, languages, [row["imports"] or [] for row in rows])
    found = plan(paths, languages, [row["size_bytes"] for row in rows], graph, params.window_bytes, params.seed)
    places = []
    for place in found.places:
        row = rows[place.node]
        own = {name: row[name] for name in ("path", "language", "content_sha256", "size_bytes")}
        own |= {name: getattr(place, name) for name in ("part", "position", "piece", "pieces", "island", "cycle")}
        own["needs"] = [paths[target] for target in graph.targets[place.node]] if place.piece == 1 else []
        places.append(_NO_CONTEXT | common | own)
    cut = len({place.node for place in found.places if place.pieces > 1})
    return [context | _counts(graph) | _shape(found, cut), *places]


def _counts(graph: ImportGraph) -> dict[str, int]:
    return {
        "resolved_imports": graph.resolved,
        "unresolved_imports": graph.unresolved,
        "ambiguous_imports": graph.ambiguous,
        "edge_count": graph.edges,
    }


def _shape(found: repository_parts.Plan, cut_files: int) -> dict[str, int]:
    return {
        "island_count": found.islands,
        "cycle_count": found.cycles,
        "cycle_files": found.cycle_files,
        "largest_cycle": found.largest_cycle,
        "part_count": found.parts,
        "cut_files": cut_files,
        "crossing_edges": found.crossing,
    }


# Columns of a context that rows of parts have no use for, and that are never null.
_NO_CONTEXT = {field.name: 0 for field in _CONTEXT if not field.nullable and field.name not in ("repository", "size_bytes")}
