"""Processor time of near-duplicates, signatures to groups, per byte: 1, 4 and 16 times the input, and with a bucket of a third of it.

`python -m benchmarks.duplicates_scaling [--megabytes N]`. Two executor processes of one core each; what 1 MB takes is the fixed cost. Real
texts, each taken once; where they run out they are taken again with every letter moved on by one in the alphabet: as long, as many tokens,
as alike among each other as before, and unlike all earlier turns, so that neither the share of duplicates nor the sizes change with the
input. In the last input half of the texts are nine tenths of one template and one tenth their own: every band has a bucket of about
0.9**rows of those.
"""

import argparse
import contextlib
import hashlib
import json
import os
import string
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
from deltalake import WriterProperties, write_deltalake

from benchmarks.code import distinct_texts
from benchmarks.lakes import files_of
from benchmarks.measure import report, result, tree_cpu_s
from jobs.annotate import duplicates, signatures
from jobs.annotate.duplicates import DuplicatesParams
from jobs.runtime.session import JAVA_OPTIONS, start_session
from jobs.runtime.tables import Tables
from schemas.annotate import DUPLICATE_PAIRS
from schemas.ingest import CONTENTS, FILES
from schemas.lake import Lake
from udfs.minhash import SignatureParams

ROOT = Path(__file__).parents[1]
LETTERS = string.ascii_lowercase
MOST_BYTES, FILE_BYTES = 1 << 20, 32 << 20
HEAP_MB = 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=256, help="the least input")
    parser.add_argument("--times", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--by-spark", action="store_true", help="however few the texts, as lakes that the driver cannot hold")
    parser.add_argument("--run", metavar="LAKE", help="the jobs alone, under spark-submit")
    arguments = parser.parse_args()
    if arguments.run:
        print(json.dumps(measured(arguments.run, arguments.by_spark)))
        return
    inputs = [("fixed cost", texts(), 1 << 20)]
    inputs += [(f"{times}x", texts(), times * arguments.megabytes << 20) for times in arguments.times]
    inputs.append((f"{arguments.times[0]}x, half of one template", of_template(), arguments.times[0] * arguments.megabytes << 20))
    titles = "input                          texts      MB     pairs   CPU s  s/GB beyond fixed   MB/s  shuffled/bytes  GB an executor"
    print(f"{titles}  of the driver")
    fixed, speeds = 0.0, {}
    for name, found, size in inputs:
        with tempfile.TemporaryDirectory() as folder:
            write_contents(folder, found, size)
            done, memory = submitted(folder, arguments.by_spark)
        fixed = fixed or done["cpu_s"]
        speeds[name] = done["bytes"] / 1e6 / max(done["cpu_s"] - fixed, 1e-9)
        print(
            f"{name:26} {done['texts']:9,} {done['bytes'] / 1e6:7,.0f} {done['pairs']:9,} {done['cpu_s']:7.1f}"
            f" {(done['cpu_s'] - fixed) / done['bytes'] * 1e9:18.1f} {done['bytes'] / 1e6 / done['wall_s']:6.1f}"
            f" {done['shuffled'] / done['bytes']:15.3f} {memory['executor'] / 1e9:15.2f} {memory['driver'] / 1e9:14.2f}",
            flush=True,
        )

    least, most = (f"{times}x" for times in (arguments.times[0], arguments.times[-1]))
    same = (f"the same code at {least}", speeds[least])
    given = f"{most} of {arguments.megabytes} MB, two executors of one core and {HEAP_MB} MB of heap{', by Spark' * arguments.by_spark}"
    report(result("duplicates_scaling", "MB per processor second beyond the fixed cost", speeds[most], same, same, given))


def texts() -> Iterator[str]:
    for turn in range(len(LETTERS)):
        moved = str.maketrans(LETTERS + LETTERS.upper(), "".join(case[turn:] + case[:turn] for case in (LETTERS, LETTERS.upper())))
        for text in distinct_texts(MOST_BYTES):
            yield text.translate(moved) if turn else text
    raise SystemExit("this machine has too little code for so much input: take fewer --megabytes")


def of_template() -> Iterator[str]:
    """Every second text replaced by as many bytes of a template as the average has, and a tenth as many of its own."""
    seen: set[str] = set()
    template = next(text for text in texts() if 10_000 < len(text) < 12_000)
    for number, text in enumerate(texts()):
        made = template + text[: len(template) // 10] if number % 2 else text
        if made not in seen:  # some texts begin alike, and a lake has each content once
            seen.add(made)
            yield made


def write_contents(folder: str, found: Iterator[str], size: int) -> None:
    """`folder` as a lake of so many bytes of texts."""
    lake = Lake.at(folder)
    lake.create()
    written = 0
    while written < size:
        batch: list[str] = []
        held = 0
        for text in islice(found, 100_000):
            batch.append(text)
            held += len(text)
            if held >= min(FILE_BYTES, size - written):
                break
        raw = [text.encode() for text in batch]
        rows = pa.table(
            {
                "content_sha256": pa.array([hashlib.sha256(text).hexdigest() for text in raw]),
                "text": pa.array(batch, pa.string()),
                "size_bytes": pa.array([len(text) for text in raw], pa.int64()),
            }
        ).select(CONTENTS.names)
        properties = WriterProperties(compression="ZSTD", compression_level=1, max_row_group_size=2000)
        write_deltalake(lake.path(CONTENTS.name), rows, mode="append", writer_properties=properties)
        write_deltalake(lake.path(FILES.name), files_of(rows.column("content_sha256").combine_chunks()), mode="append")
        written += held


def submitted(folder: str, by_spark: bool) -> tuple[dict[str, Any], dict[str, int]]:
    """What the jobs say of themselves, and the most memory (bytes, PSS) that an executor, and the driver, held with their Python."""
    submit = [
        str(Path(sys.executable).with_name("spark-submit")), "--master", f"local-cluster[2,1,{HEAP_MB}]", "--driver-memory", "1g",
        "--conf", f"spark.executor.memory={HEAP_MB}m", "--conf", "spark.ui.enabled=false", "--conf", "spark.driver.host=127.0.0.1",
        "--conf", f"spark.executor.extraJavaOptions={JAVA_OPTIONS}", "--conf", "spark.sql.shuffle.partitions=32",
        "--jars", ",".join(map(str, (Path(sys.prefix) / "jars").glob("*.jar"))),
        str(Path(__file__)), "--run", folder, *["--by-spark"] * by_spark,
    ]  # fmt: skip
    environment = os.environ | {"PYSPARK_PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryFile("w+") as errors:
        running = subprocess.Popen(submit, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
        highest = {"executor": 0, "driver": 0}

        def watch() -> None:
            while running.poll() is None:
                with contextlib.suppress(psutil.NoSuchProcess):  # it ended meanwhile
                    for kind, held in memory_held(psutil.Process(running.pid)):
                        highest[kind] = max(highest[kind], held)
                time.sleep(0.5)

        watching = threading.Thread(target=watch)
        watching.start()
        output, _ = running.communicate()
        watching.join()
        if running.returncode:
            errors.seek(0)
            raise SystemExit(f"the jobs failed: {output[-3000:]}\n{errors.read()[-1000:]}")  # Python's own errors are in the output
    return json.loads(output.splitlines()[-1]), highest


def memory_held(root: psutil.Process) -> Iterator[tuple[str, int]]:
    """Of each executor with what runs below it, and of the driver: Java's process and the Python that it started."""
    yield "driver", sum(map(memory, [root, *(process for process in root.children() if "python" in process.name())]))
    for process in root.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if "CoarseGrainedExecutorBackend" in " ".join(process.cmdline()):
                yield "executor", sum(map(memory, [process, *process.children(recursive=True)]))


def memory(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.NoSuchProcess):
        return int(process.memory_full_info().pss)
    return 0


def measured(folder: str, by_spark: bool) -> dict[str, Any]:
    """Runs both jobs over the lake."""
    spark = start_session("duplicates_scaling")
    tables = Tables(spark, Lake.at(folder))
    texts, size = tables[CONTENTS].selectExpr("count(*)", "sum(size_bytes)").first()  # type: ignore[misc]
    used, start = cluster_cpu_s(), time.perf_counter()
    params = DuplicatesParams(most_texts_in_memory=0) if by_spark else DuplicatesParams()
    for writes in (signatures.transform(tables, SignatureParams()), duplicates.transform(tables, params)):
        for write in writes:
            tables.apply(write)
    wall_s, cpu_s = time.perf_counter() - start, cluster_cpu_s() - used
    known = spark.sparkContext._jsc.sc().statusStore().executorList(False)  # type: ignore[union-attr]
    return {
        "texts": texts,
        "bytes": size,
        "pairs": tables[DUPLICATE_PAIRS].count(),
        "cpu_s": cpu_s,
        "wall_s": wall_s,
        "shuffled": sum(known.apply(place).totalShuffleWrite() for place in range(known.size())),
    }


def cluster_cpu_s() -> float:
    """Of everything below spark-submit: driver, executors, their Python."""
    return tree_cpu_s(psutil.Process().parent())


if __name__ == "__main__":
    main()
