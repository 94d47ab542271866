"""Makes documents of the repositories that a policy keeps: their files with paths, what is imported before what imports it.

Reads   decide/kept, decide/dropped, ingest/files, annotate/imports, ingest/contents, assemble/notebooks and their documents
Writes  assemble/repository_contexts, assemble/repository_parts: the rows of the layout are replaced; assemble/documents: those whose files
        are others now, and no text of another is read. Rows that older code wrote for the same choices are removed

A repository's files are those whose contents the policy keeps, wherever the occurrence lies that it picked, and those that are out for
nothing but a kept near-duplicate elsewhere: without them the repository had holes. Their split must be the repository's. A notebook stands
there as its own document has it, and not as JSON; one that has no document is left out. A task orders whole repositories by paths and
imports, without a text; the texts are then read where they lie and put together one document at a time.
"""

from collections.abc import Iterable, Iterator
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.annotate import imports as annotate_imports
from jobs.assemble.documents import HASH_DIGITS, with_text
from jobs.assemble.removed import is_kept, is_removed
from jobs.assemble.repository_rows import MADE, RepositoriesParams, ordered
from jobs.decide.survivors import NEAR_DUPLICATE
from jobs.runtime.errors import CountsError
from jobs.runtime.job import Change, Job, Replace, Write
from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from jobs.runtime.texts import located, map_texts, task_count
from schemas.annotate import IMPORTS
from schemas.assemble import DOCUMENTS, NOTEBOOKS, REPOSITORY_CONTEXTS, REPOSITORY_PARTS
from schemas.decide import DROPPED, KEPT
from schemas.ingest import CONTENTS, FILES
from schemas.spark import spark_schema
from udfs.notebooks import LAYOUT as NOTEBOOK_LAYOUT
from udfs.notebooks import SUFFIX, is_notebook, read_notebook
from udfs.repository_layout import FileText, piece_of, written

DOCUMENT = pa.schema([("candidate", pa.string()), ("layout", pa.string()), ("made_of", pa.string()), ("text", pa.string())])
TEXTS = pa.schema([*DOCUMENT, ("position", pa.int64()), ("files", pa.int64())])
KEY = list(DOCUMENTS.key)


def transform(tables: Tables, params: RepositoriesParams) -> Iterator[Write]:
    least_score = params.resolved().min_repository_score_percent
    repositories, files = members(tables, params.profile)
    order = partial(ordered, params=params, least_score=least_score)
    with Staging(tables.lake, tables.run) as staging:
        placed = repositories.join(files, ["repository", "split"], "left").drop("split").repartition(4 * tables.cores, "repository")
        placed = placed.sortWithinPartitions("repository", "path").mapInArrow(order, from_arrow_schema(MADE))
        layout = F.lit(params.layout).alias("layout")
        made = staging.keep(tables.spark, placed.select("*", layout), "made")
        contexts, parts = made.where("part is null"), made.where("part is not null")
        check_counts(tables, repositories.count(), contexts)
        yield Replace(REPOSITORY_CONTEXTS, contexts.select(*REPOSITORY_CONTEXTS.names), "layout", params.layout)
        yield Replace(REPOSITORY_PARTS, parts.select(*REPOSITORY_PARTS.names), "layout", params.layout)
        wanted = staging.keep(tables.spark, places_of(parts), "wanted")
        there = tables[DOCUMENTS].where((F.col("kind") == "repository") & (F.col("layout") == params.layout)).select(*KEY, "made_of")
        new = wanted if tables.is_forced else wanted.join(there, [*KEY, "made_of"], "left_anti")
        new = staging.keep(tables.spark, new, "new")
        gone = there.join(wanted, KEY, "left_anti").select(*KEY)
        yield Change(DOCUMENTS, documents(tables, new, parts), new.select(*KEY), gone)
        for old in outdated(tables, params):
            for table in (DOCUMENTS, REPOSITORY_PARTS, REPOSITORY_CONTEXTS):  # the last names what there is to remove
                yield Replace(table, tables.spark.createDataFrame([], spark_schema(table)), "layout", old)


def outdated(tables: Tables, params: RepositoriesParams) -> list[str]:
    """Layouts that are there and no longer wanted: of older code for the same choices, or named to be forgotten."""
    found = [row.layout for row in tables[REPOSITORY_CONTEXTS].select("layout").distinct().collect()]
    is_old = {one for one in found if one.endswith(params.choices) or one in params.forget}
    return sorted(is_old - {params.layout})


def members(tables: Tables, profile: str) -> tuple[DataFrame, DataFrame]:
    """Kept repositories (repository, split); and files of any repository that may be shown in that split, with scores and imports."""
    kept = tables[KEPT].where(F.col("policy") == profile)
    repositories = kept.where("kind = 'repository'").select(F.col("candidate").alias("repository"), "split")
    texts = kept.where("kind = 'file'").select("candidate", "split", "score_percent", "size_bytes")
    alike = tables[DROPPED].where((F.col("policy") == profile) & (F.col("kind") == "file"))
    alike = alike.where(F.col("reasons") == F.array(F.lit(NEAR_DUPLICATE))).select("candidate", "survivor", "size_bytes")
    survivors = texts.select(F.col("candidate").alias("survivor"), "split", "score_percent")
    alike = alike.join(survivors, "survivor").drop("survivor")
    contents = texts.unionByName(alike).withColumnRenamed("candidate", "content_sha256")
    known = tables[IMPORTS].where(F.col("version") == annotate_imports.version()).select("content_sha256", "language", "imports")
    files = tables[FILES].select("repository", "path", "language", "content_sha256").join(contents, "content_sha256")
    return repositories, as_shown(tables, files).join(known, ["content_sha256", "language"], "left")


def as_shown(tables: Tables, files: DataFrame) -> DataFrame:
    """The files with the sizes of what is shown of them; a notebook without a document is not shown."""
    is_notebook = F.lower("path").endswith(SUFFIX)
    made = tables[DOCUMENTS].where((F.col("kind") == "file") & (F.col("layout") == NOTEBOOK_LAYOUT))
    made = made.select(F.col("candidate").alias("content_sha256"), F.col("size_bytes").alias("shown_bytes"))
    notebooks = files.where(is_notebook).join(made, "content_sha256").withColumn("size_bytes", F.col("shown_bytes")).drop("shown_bytes")
    return files.where(~is_notebook).unionByName(notebooks)


def check_counts(tables: Tables, repositories: int, contexts: DataFrame) -> None:
    """Raises `CountsError` unless every kept repository has its row."""
    tables.account.read_rows = repositories
    counted = contexts.groupBy("reason").agg(F.count("*").alias("count"), F.sum("size_bytes").alias("size")).collect()
    tables.account.read_bytes = sum(row.size for row in counted)
    total = sum(row["count"] for row in counted)
    tables.account.rejected = {row.reason: row["count"] for row in counted if row.reason}
    if total != repositories:
        raise CountsError(f"{repositories} repositories are kept, but {total} were ordered")


def places_of(parts: DataFrame) -> DataFrame:
    """Of each document its key, `repository` and `part`, how many files and bytes stand in it, and the hash of what they are, in order."""
    place = F.struct("position", "path", "content_sha256", "piece", "pieces")
    made_of = F.sha2(F.to_json(F.array_sort(F.collect_list(place))), 256)
    return parts.groupBy("repository", "part", "layout").agg(
        F.lit("repository").alias("kind"),
        F.concat("repository", F.lit("#"), "part").alias("candidate"),
        F.count("*").alias("files"),
        F.sum("size_bytes").alias("bytes"),
        F.substring(made_of, 1, HASH_DIGITS).alias("made_of"),
    )


def documents(tables: Tables, new: DataFrame, parts: DataFrame) -> DataFrame:
    """Rows of assemble/documents, for rows of `places_of`. Texts are shuffled once, by document."""
    size = new.agg(F.coalesce(F.sum("bytes"), F.lit(0))).first()[0]  # type: ignore[index]
    wanted = parts.join(new.select("repository", "part", "candidate", "made_of", "files"), ["repository", "part"])
    wanted = wanted.select("candidate", "layout", "made_of", "position", "files", "path", "content_sha256", "piece", "pieces")
    wanted = wanted.join(located(tables[CONTENTS]), "content_sha256")
    tasks = task_count(size, tables.cores)
    texts = map_texts(wanted, written_batch, from_arrow_schema(TEXTS), tasks)
    grouped = texts.repartition(tasks, "candidate").sortWithinPartitions("candidate", "position")
    return with_text(grouped.mapInArrow(put_together, from_arrow_schema(DOCUMENT)), "repository")


def written_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Rows of TEXTS: each file, or its piece, as the layout writes it."""
    texts = []
    for row in batch.select(["path", "piece", "pieces", "text"]).to_pylist():
        text = read_notebook(row["text"]).text if is_notebook(row["path"]) else row["text"]
        if row["pieces"] > 1:
            text = piece_of(text.encode(), row["piece"], row["pieces"]).decode()
        texts.append(written(FileText(row["path"], text, row["piece"], row["pieces"])))
    columns = [pa.array(texts, pa.string()) if name == "text" else batch.column(name) for name in TEXTS.names]
    return pa.RecordBatch.from_arrays(columns, schema=TEXTS)


def put_together(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Rows of DOCUMENT of sorted rows of TEXTS, one document held at a time. Raises `CountsError` where a file of one is not there."""
    held: list[str] = []
    for batch in batches:
        for row in batch.to_pylist():
            if row["position"] != len(held):
                raise CountsError(f"the document {row['candidate']} has a file at {row['position']}; expected one at {len(held)}")
            held.append(row["text"])
            if len(held) == row["files"]:
                yield pa.RecordBatch.from_pylist([row | {"text": "".join(held)}], schema=DOCUMENT)
                held = []
    if held:
        raise CountsError(f"a document ends after {len(held)} files, before its last")


JOB = Job(
    "assemble.repositories",
    "makes documents of the repositories that are kept",
    reads=(KEPT, DROPPED, FILES, IMPORTS, CONTENTS, NOTEBOOKS),
    writes=(REPOSITORY_CONTEXTS, REPOSITORY_PARTS, DOCUMENTS),
    transform=transform,
    params=RepositoriesParams,
    check=RepositoriesParams.checked,
    identity=lambda params: params.layout,
    is_changed=lambda lake, params: is_removed(lake, is_kept(params.profile, "repository"), REPOSITORY_CONTEXTS, params.layout),
)
