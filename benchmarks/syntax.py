"""Syntax facts inside Spark, isolation on, from the lake, beside the bare loop that computes the same facts from the same bytes.

`python -m benchmarks.syntax [--megabytes N]`. Both in bytes per processor second, the JVM's included.
"""

import argparse
import tempfile
from pathlib import Path

import pyarrow as pa
from pyspark.sql import functions as F

from benchmarks.code import copy_files
from benchmarks.lakes import ingested
from benchmarks.measure import interleaved, report, result, tree_cpu_s
from jobs.annotate import syntax
from jobs.runtime.session import start_session
from jobs.runtime.tables import Tables
from jobs.runtime.texts import located, map_texts, task_count
from schemas.annotate import SYNTAX
from schemas.ingest import CONTENTS, FILES
from schemas.spark import spark_schema
from udfs.syntax import SyntaxLimits, parse_batch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy_files(Path(folder) / "code", arguments.megabytes << 20)
        tables = ingested(start_session("benchmark"), folder, f"folder:{folder}/code")
        measure(tables, arguments.rounds)


def measure(tables: Tables, rounds: int) -> None:
    occurring = tables[FILES].where("language is not null").select("content_sha256", "language").distinct()
    texts = tables[CONTENTS].join(occurring, "content_sha256").select("text", "language").toArrow().combine_chunks()
    size = sum(len(text.as_buffer()) for text in texts.column("text").combine_chunks())
    limits = SyntaxLimits()

    def bare() -> None:
        for start in range(0, texts.num_rows, 1000):
            part = texts.slice(start, 1000).combine_chunks()
            parse_batch(part.column("text").chunk(0), part.column("language").chunk(0), limits, is_isolated=False)

    def in_spark() -> None:
        """The job's own map with a write that is thrown away after it: every run parses everything."""
        candidates = located(tables[CONTENTS]).join(occurring, "content_sha256").withColumn("version", F.lit("benchmark"))
        found = map_texts(candidates, Annotate(limits), spark_schema(SYNTAX), task_count(size, tables.cores))
        found.write.format("delta").mode("overwrite").save(tables.lake.spark_path("benchmark/syntax"))

    in_spark()  # a warm session
    seconds = interleaved({"bare loop": bare, "codemill": in_spark}, rounds, tree_cpu_s)
    speeds = {name: size / 1e6 / spent for name, spent in seconds.items()}
    given = f"{texts.num_rows:,} real files, {size / 1e6:.0f} MB"
    bare_speed = speeds["bare loop"]
    report(
        result(
            "syntax",
            "MB/s of processor time",
            speeds["codemill"],
            ("bare loop, one process", bare_speed),
            ("the bare loop", bare_speed),
            given,
        )
    )


class Annotate:
    """The job's function with its key columns."""

    def __init__(self, limits: SyntaxLimits) -> None:
        self.limits = limits

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        found = syntax.parse(batch, self.limits)
        columns = [*(batch.column(name) for name in SYNTAX.key), *found.columns]
        return pa.RecordBatch.from_arrays(columns, schema=SYNTAX.arrow_schema)


if __name__ == "__main__":
    main()
