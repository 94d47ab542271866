"""What does each text share with benchmarks: any ten words in a row, with the benchmark's item and the place.

Reads   ingest/contents, files of benchmarks
Writes  annotate/benchmark_items; annotate/contamination, one row per content, a row annotator; then annotate/benchmarks, which names the
        benchmarks of now

The lake remembers the benchmarks: a run that names none compares new texts with those of the last run that did. `none` forgets them. Where
none was ever named, nothing is compared, and the policy asks nothing.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame

from jobs.annotate.missing import annotate_texts
from jobs.runtime.errors import UsageError
from jobs.runtime.job import Insert, Job, Replace, Write, parameter, short_hash
from jobs.runtime.tables import Tables
from jobs.runtime.texts import located
from jobs.sources.benchmarks import read_benchmarks
from schemas.contamination import BENCHMARK_ITEMS, BENCHMARKS, CONTAMINATION
from schemas.ingest import CONTENTS
from schemas.lake import Lake
from schemas.spark import spark_schema
from schemas.table import Table
from udfs import contamination, ngrams, notebooks, words
from udfs.contamination import Benchmark, Facts, Wanted, wanted_of
from udfs.notebooks import NotebookError, read_notebook

NONE = ("none",)
MOST_TABLE_BYTES = 1 << 30  # of the n-grams' tables, which every task holds: about 40 million n-grams


@dataclass(frozen=True)
class ContaminationParams:
    benchmark: tuple[str, ...] = parameter(
        (),
        "[NAME=]PATH[?text=FIELD,...[&item=FIELD]] (repeatable): JSON Lines, Parquet, or a folder of files; `none` forgets those that the "
        "lake remembers (default: these)",
    )

    def checked(self) -> list[Benchmark]:
        """The benchmarks that are named here, read. Raises `UsageError`."""
        return [] if self.benchmark in ((), NONE) else read_benchmarks(self.benchmark)


def version(benchmarks: Sequence[Benchmark]) -> str:
    named = (part for one in benchmarks for part in (one.name, one.sha256))
    return short_hash("contamination", *contamination.versions(), str(notebooks.VERSION), *named)


def transform(tables: Tables, params: ContaminationParams) -> Iterator[Write]:
    benchmarks = params.checked() or ([] if params.benchmark == NONE else remembered(tables.lake))
    if not benchmarks:
        tables.account.remark = "no benchmark is named, nothing is compared, the policy asks nothing"
        if tables.lake.read(BENCHMARKS).num_rows:
            yield Replace(BENCHMARKS, rows_of(tables, BENCHMARKS, []))
        return
    wanted, facts = wanted_of(benchmarks)
    if wanted.grams.size_bytes > MOST_TABLE_BYTES:
        raise UsageError(
            f"the benchmarks have {len(wanted.grams.hashes):,} n-grams, tables of {wanted.grams.size_bytes >> 20:,} MiB in every task; "
            f"expected at most {MOST_TABLE_BYTES >> 20:,} MiB. Name fewer at once."
        )
    name = version(benchmarks)
    if params.benchmark:
        yield Insert(BENCHMARK_ITEMS, rows_of(tables, BENCHMARK_ITEMS, item_rows(benchmarks)))
    yield Insert(CONTAMINATION, annotate_texts(tables, located(tables[CONTENTS]), CONTAMINATION, name, partial(facts_of, wanted=wanted)))
    rows = benchmark_rows(benchmarks, facts, name)
    if rows != [tuple(row.values()) for row in remembered_rows(tables.lake)]:
        yield Replace(BENCHMARKS, rows_of(tables, BENCHMARKS, rows))


def facts_of(batch: pa.RecordBatch, wanted: Wanted) -> pa.RecordBatch:
    return contamination.contamination(readable(batch.column("text")), wanted)


def readable(texts: pa.Array) -> pa.Array:
    """The texts as they are trained on: of a notebook what a reader sees, for in its JSON line ends are letters, and words run together."""
    is_notebook = np.asarray(pc.and_(pc.starts_with(pc.utf8_ltrim_whitespace(texts), "{"), pc.match_substring(texts, '"nbformat"')))
    if not is_notebook.any():
        return texts
    found = texts.to_pylist()
    for place in np.flatnonzero(is_notebook):
        with contextlib.suppress(NotebookError):
            found[place] = read_notebook(found[place]).text
    return pa.array(found, texts.type)


def remembered_rows(lake: Lake) -> list[dict[str, Any]]:
    """Rows of annotate/benchmarks in order of names."""
    return sorted(lake.read(BENCHMARKS).to_pylist(), key=lambda row: str(row["benchmark"]))


def remembered(lake: Lake) -> list[Benchmark]:
    """The benchmarks of the last run that named some, out of the lake."""
    found = []
    for row in remembered_rows(lake):
        items = lake.read(BENCHMARK_ITEMS, None, pc.field("sha256") == row["sha256"]).sort_by("position").to_pylist()
        found.append(Benchmark(row["benchmark"], tuple((item["item"], item["text"]) for item in items)))
    return found


def item_rows(benchmarks: Sequence[Benchmark]) -> list[tuple[str, int, str, str]]:
    rows = {(one.sha256, place): (item, text) for one in benchmarks for place, (item, text) in enumerate(one.items)}
    return [(*key, *rows[key]) for key in sorted(rows)]


def benchmark_rows(benchmarks: Sequence[Benchmark], facts: Sequence[Facts], version: str) -> list[tuple[str, str, str, int, int, int]]:
    return [
        (one.name, version, one.sha256, fact.item_count, fact.ignored_count, fact.ngram_count)
        for one, fact in zip(benchmarks, facts, strict=True)
    ]


def rows_of(tables: Tables, table: Table, rows: Sequence[tuple[object, ...]]) -> DataFrame:
    return tables.spark.createDataFrame(rows, spark_schema(table))


def is_changed(lake: Lake, params: ContaminationParams) -> bool:
    """Whether the files that are named hold other items than the lake remembers, or this code or Python reads them otherwise."""
    benchmarks = params.checked() or ([] if params.benchmark == NONE else remembered(lake))
    return {version(benchmarks)} != {row["version"] for row in remembered_rows(lake)} and bool(benchmarks)


def idle(lake: Lake, params: ContaminationParams) -> str | None:
    is_asked = params.benchmark not in ((), NONE) or lake.has_rows(BENCHMARKS)
    return None if is_asked else "no benchmark is named, nothing is compared, the policy asks nothing"


JOB = Job(
    "annotate.contamination",
    "finds what texts share with benchmarks, where some are named",
    (CONTENTS,),
    (BENCHMARK_ITEMS, CONTAMINATION, BENCHMARKS),
    transform,
    ContaminationParams,
    version=words.VERSION + ngrams.VERSION,
    check=ContaminationParams.checked,
    is_changed=is_changed,
    idle=idle,
)
