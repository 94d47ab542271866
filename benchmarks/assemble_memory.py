"""The most memory that a Python worker of `assemble.repositories` and of `assemble.document_checks` holds, at two sizes of one repository.

`python -m benchmarks.assemble_memory [--megabytes N]`. Files of 90 KB, nearly a document each: the worst case of a batch. N and four times
N. A worker's memory is what it alone holds (USS), looked at ten times a second; it should not grow with the input. The score is how often
the largest worker fits into 2 GB.
"""

import argparse
import contextlib
import hashlib
import tempfile
import threading
import time
from collections.abc import Iterator

import psutil
import pyarrow as pa

from benchmarks.code import distinct_texts
from benchmarks.measure import report, result
from jobs.annotate import imports
from jobs.assemble import document_checks, repositories
from jobs.assemble.document_checks import DocumentChecksParams
from jobs.assemble.repository_rows import RepositoriesParams
from jobs.runtime.job import NoParams
from jobs.runtime.session import start_session
from jobs.runtime.tables import Tables
from schemas.decide import KEPT
from schemas.ingest import CONTENTS, FILES
from schemas.lake import Lake
from schemas.spark import spark_schema

FILE_BYTES = 90_000
EXECUTOR_MB = 2_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=64)
    arguments = parser.parse_args()
    spark, found = start_session("benchmark"), {}
    for megabytes in (arguments.megabytes, 4 * arguments.megabytes):
        with tempfile.TemporaryDirectory() as folder:
            tables = Tables(spark, Lake.at(f"{folder}/lake"))
            tables.lake.create()
            write_lake(tables, megabytes << 20)
            for name, job, params in (
                ("imports", imports, NoParams()),
                ("repositories", repositories, RepositoriesParams()),
                ("document_checks", document_checks, DocumentChecksParams()),
            ):
                with watched() as most:
                    for write in job.transform(tables, params):  # type: ignore[attr-defined]
                        tables.apply(write)
                found[name, megabytes] = most[0] / 1e6
                print(f"  {name}, {megabytes} MB: {most[0] / 1e6:,.0f} MB in the largest worker", flush=True)
    most_mb = max(found.values())
    least = max(mb for (_, size), mb in found.items() if size == arguments.megabytes)
    same = (f"the same at {arguments.megabytes} MB", EXECUTOR_MB / least)
    report(result("assemble_memory", "of 2 GB a worker", EXECUTOR_MB / most_mb, same, same, f"{4 * arguments.megabytes} MB"))


def write_lake(tables: Tables, size: int) -> None:
    """One repository of kept Python files."""
    common = {"policy": "demo", "policy_hash": "x", "repository": "r", "path": "", "token_estimate": 1, "split": "train"}
    contents, files, kept = [], [], [common | {"kind": "repository", "candidate": "r", "size_bytes": size}]
    for number, text in zip(range(size // FILE_BYTES), long_texts(), strict=False):
        raw = text.encode()
        key = hashlib.sha256(raw).hexdigest()
        contents.append({"content_sha256": key, "text": text, "size_bytes": len(raw)})
        one = {"repository": "r", "path": f"m{number}.py", "content_sha256": key, "raw_sha256": key, "encoding": "utf-8"}
        files.append(one | {"size_bytes": len(raw), "language": "Python", "origin": "r"})
        kept.append(common | {"kind": "file", "candidate": key, "size_bytes": len(raw)})
    for table, rows in ((CONTENTS, contents), (FILES, files), (KEPT, kept)):
        arrow = pa.Table.from_pylist([{name: row.get(name) for name in table.names} for row in rows], table.arrow_schema)
        made = tables.spark.createDataFrame(arrow, spark_schema(table)).repartition(4)
        made.write.format("delta").save(tables.lake.spark_path(table.name))


def long_texts() -> Iterator[str]:
    held, number = "", 0
    while True:
        for text in distinct_texts():
            held += text
            while len(held) >= FILE_BYTES:
                yield f"import m{number // 2}\n{held[:FILE_BYTES]}"
                held, number = held[FILE_BYTES:], number + 1
        held = f"# {number}\n{held}"


@contextlib.contextmanager
def watched() -> Iterator[list[int]]:
    """The most that one Python worker held while the block ran, in bytes."""
    most, is_done = [0], threading.Event()

    def watch() -> None:
        while not is_done.is_set():
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    if "python" in process.name():
                        most[0] = max(most[0], process.memory_full_info().uss)
            time.sleep(0.1)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield most
    finally:
        is_done.set()
        watching.join()


if __name__ == "__main__":
    main()
