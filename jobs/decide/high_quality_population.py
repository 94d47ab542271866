"""What high-quality sets are made from: of every kept file its words, packages, documentation and score, in one pass over the texts."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.runtime.tables import Tables
from jobs.runtime.texts import located, map_texts, task_count
from schemas.decide import FEATURES, KEPT
from schemas.ingest import CONTENTS
from udfs.docstrings import docstring_share
from udfs.draws import uniform
from udfs.imported_packages import imported_packages
from udfs.languages import LANGUAGES
from udfs.notebooks import NotebookError, is_notebook, read_notebook
from udfs.quality_classifier import words
from udfs.rubric import rate
from udfs.syntax import SyntaxLimits

POPULATION = pa.schema(
    [
        pa.field("candidate", pa.string()),
        pa.field("repository", pa.string()),
        pa.field("language", pa.string()),  # of a notebook its kernel's
        pa.field("split", pa.string()),
        pa.field("is_validation", pa.bool_()),  # of a repository that is kept from training, to measure with
        pa.field("is_notebook", pa.bool_()),
        pa.field("token_estimate", pa.int64()),
        pa.field("score", pa.int64()),  # whole percent; null where nobody scored it
        pa.field("comment_share", pa.float64()),  # documentation strings included, of a notebook its prose; null where unknown
        pa.field("packages", pa.list_(pa.string())),
        pa.field("draw", pa.float64()),
        pa.field("words", pa.string()),
    ]
)
DRAW_SEED, VALIDATION_SEED = "high-quality", "high-quality-validation"
_BY_LOWER = {language.lower(): language for language in LANGUAGES}


@dataclass(frozen=True)
class Reading:
    """`rated_share`: of files that no scorer scored, what share the rubric rates, by the draw.

    `is_teaching` false: nothing is trained, so what only seeds are chosen by is left null and no file is rated.
    """

    rated_share: float
    validation_rate: float
    is_teaching: bool = True


@dataclass(frozen=True)
class Shown:
    """A file as a reader of the set sees it. `code` is what the rubric parses."""

    text: str
    code: str
    language: str | None
    comment_share: float | None


def population(
    tables: Tables, profile: str, candidates: DataFrame, rated_files: int, validation_rate: float, is_teaching: bool
) -> DataFrame:
    """Rows of POPULATION, of the policy's kept files among the candidates. A notebook that cannot be read is left out: it has no document.

    Scores are those of the verdicts; where no scorer was asked, the rubric rates about `rated_files` of them instead. `is_teaching` as
    in `Reading`.
    """
    kept = tables[KEPT].where((F.col("policy") == profile) & (F.col("kind") == "file"))
    unscored = kept.where("score_percent is null").count()
    kept = kept.join(candidates, "candidate", "left_semi")
    columns = (
        "candidate",
        "repository",
        "path",
        "language",
        "split",
        "token_estimate",
        F.col("score_percent").alias("score"),
        "comment_share",
    )
    rows = kept.join(occurrences(tables), ["candidate", "repository", "path"], "left").select(*columns)
    placed = rows.join(located(tables[CONTENTS]), rows["candidate"] == F.col("content_sha256")).drop("size_bytes")
    tables.account.read_rows, size = kept.agg(F.count("*"), F.coalesce(F.sum("size_bytes"), F.lit(0))).first()  # type: ignore[misc]
    tables.account.read_bytes = size
    reading = Reading(rated_files / max(unscored, 1), validation_rate, is_teaching)
    return map_texts(placed, partial(read_files, reading=reading), from_arrow_schema(POPULATION), task_count(size, tables.cores))


def occurrences(tables: Tables) -> DataFrame:
    """What the syntax of each occurrence says of comments."""
    rows = tables[FEATURES].where("kind = 'file'").select("candidate", F.explode("occurrences").alias("one"))
    return rows.select("candidate", "one.repository", "one.path", "one.comment_share").dropDuplicates(["candidate", "repository", "path"])


def read_files(batch: pa.RecordBatch, reading: Reading) -> pa.RecordBatch:
    """Rows of POPULATION for a batch of the placed rows with their text."""
    shown = [shown_file(row, reading.is_teaching) for row in batch.to_pylist()]
    is_shown = np.array([one is not None for one in shown], bool)
    rows, files = batch.filter(pa.array(is_shown)), [one for one in shown if one is not None]
    draws = uniform(rows.column("candidate"), DRAW_SEED)
    columns = {
        "language": pa.array([file.language for file in files], pa.string()),
        "is_validation": pa.array(uniform(rows.column("repository"), VALIDATION_SEED) < reading.validation_rate),
        "is_notebook": pa.array([is_notebook(path) for path in rows.column("path").to_pylist()], pa.bool_()),
        "score": scores(rows.column("score"), files, (draws < reading.rated_share) & reading.is_teaching),
        "comment_share": pa.array([file.comment_share for file in files], pa.float64()),
        "packages": pa.array(
            [imported_packages(file.code, file.language) if reading.is_teaching else None for file in files], pa.list_(pa.string())
        ),
        "draw": pa.array(draws),
        "words": pa.array([words(file.text) for file in files], pa.string()),
    }
    return pa.RecordBatch.from_arrays(
        [columns[name] if name in columns else rows.column(name) for name in POPULATION.names], schema=POPULATION
    )


def shown_file(row: dict[str, object], has_share: bool = True) -> Shown | None:
    """None for a notebook that cannot be read. `has_share` false: the share of comments is not looked for, and null."""
    text, language, share = str(row["text"]), row["language"], row["comment_share"]
    if is_notebook(str(row["path"])):
        try:
            notebook = read_notebook(text)
        except NotebookError:
            return None
        prose = notebook.markdown_bytes / max(notebook.markdown_bytes + notebook.code_bytes + notebook.output_bytes, 1)
        return Shown(notebook.text, notebook.code, _BY_LOWER.get(notebook.language or ""), prose)
    known = share if isinstance(share, float) and has_share else None
    if language == "Python" and has_share:
        known = (known or 0.0) + docstring_share(text)
    return Shown(text, text, language if isinstance(language, str) else None, known)


def scores(given: pa.Array, files: list[Shown], is_drawn: np.ndarray) -> pa.Array:
    """The scores there are, and the rubric's of those that are drawn and have none; null where it cannot rate."""
    found = given.to_pylist()
    wanted = [place for place, score in enumerate(found) if score is None and is_drawn[place] and files[place].language]
    if wanted:
        texts = pa.array([files[place].code for place in wanted], pa.large_string())
        rated = rate(texts, pa.array([files[place].language for place in wanted], pa.string()), SyntaxLimits())
        for place, score in zip(wanted, rated.column("score").to_pylist(), strict=True):
            found[place] = None if score is None else int(10 * score + 0.5)
    return pa.array(found, pa.int64())
