"""The most memory that a Python worker of `assemble.repositories` and of `assemble.document_checks` holds, at two sizes of one repository.

`python -m benchmarks.assemble_memory [--megabytes N]`. Files of 90 KB, nearly a document each: the worst case of a batch. N and four times
N. A worker's memory is what it alone holds (USS), looked at ten times a second; it should not grow with the input. The score is how often
the largest worker fits into 2 GB.
"""

import argparse
import contextlib
import hashlib
import itertools
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pyarrow as pa
from deltalake import WriterProperties, write_deltalake

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
from schemas.table import Table

FILE_BYTES = 90_000
EXECUTOR_MB = 2_000
FILES_AT_ONCE = 700  # 63 MB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=64)
    arguments = parser.parse_args()
    spark, found = start_session("benchmark"), {}
    for megabytes in (arguments.megabytes, 4 * arguments.megabytes):
        with tempfile.TemporaryDirectory() as folder:
            tables = Tables(spark, Lake.at(f"{folder}/lake"))
            tables.lake.create()
            write_lake(tables.lake, megabytes << 20)
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


def write_lake(lake: Lake, size: int) -> None:
    """One repository of kept Python files, in pieces: no process holds the whole."""
    common = {"policy": "demo", "policy_hash": "x", "repository": "r", "path": "", "token_estimate": 1, "split": "train"}
    put(lake, KEPT, [common | {"kind": "repository", "candidate": "r", "size_bytes": size}])
    texts = enumerate(itertools.islice(long_texts(), size // FILE_BYTES))
    while numbered := list(itertools.islice(texts, FILES_AT_ONCE)):
        contents, files, kept = [], [], []
        for number, text in numbered:
            raw = text.encode()
            key = hashlib.sha256(raw).hexdigest()
            contents.append({"content_sha256": key, "text": text, "size_bytes": len(raw)})
            one = {"repository": "r", "path": f"m{number}.py", "content_sha256": key, "raw_sha256": key, "encoding": "utf-8"}
            files.append(one | {"size_bytes": len(raw), "language": "Python", "origin": "r"})
            kept.append(common | {"kind": "file", "candidate": key, "size_bytes": len(raw)})
        put(lake, CONTENTS, contents)
        put(lake, FILES, files)
        put(lake, KEPT, kept)


def put(lake: Lake, table: Table, rows: list[dict[str, Any]]) -> None:
    """Row groups as Spark writes them here: some 16 MB."""
    properties = WriterProperties(compression="ZSTD", max_row_group_size=(16 << 20) // FILE_BYTES)
    arrow = pa.Table.from_pylist(rows, table.arrow_schema)
    write_deltalake(lake.path(table.name), arrow, mode="append", writer_properties=properties)


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
