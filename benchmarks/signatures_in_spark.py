"""The job annotate.signatures, from the lake's texts to its table, beside the bare kernel after a bare Parquet scan of the same texts.

`python -m benchmarks.signatures_in_spark [--megabytes N]`. Processor seconds of all processes, the JVM's included, the commit too. The
limit is the bare work on as many cores, one process each: two at once take up to a fifth more processor time than one, which is shown too.
"""

import argparse
import multiprocessing
import shutil
import tempfile
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.code import copy_files
from benchmarks.lakes import ingested
from benchmarks.measure import cores, interleaved, report, result, tree_cpu_s
from jobs.annotate import signatures
from jobs.runtime.session import start_session
from schemas.annotate import SIGNATURES
from schemas.ingest import CONTENTS
from udfs import minhash
from udfs.minhash import SignatureParams

PARAMS = SignatureParams()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1600)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy_files(Path(folder) / "code", arguments.megabytes << 20)
        tables = ingested(start_session("benchmark"), folder, f"folder:{folder}/code")
        contents = sorted(map(str, Path(folder, "lake", CONTENTS.name).glob("*.parquet")))
        sizes = tables[CONTENTS].select("size_bytes").toArrow().column(0).to_pylist()

        def in_spark() -> None:
            shutil.rmtree(f"{folder}/lake/{SIGNATURES.name}", ignore_errors=True)
            for write in signatures.transform(tables, PARAMS):
                tables.apply(write)

        in_spark()  # a warm session
        variants = {"bare, one process": lambda: bare(contents), "bare": lambda: bare_on_all_cores(contents), "codemill": in_spark}
        seconds = interleaved(variants, arguments.rounds, tree_cpu_s)
    speeds = {name: sum(sizes) / 1e6 / spent for name, spent in seconds.items()}
    print(f"  the bare work in one process: {speeds['bare, one process']:.0f} MB/s")
    best = (f"the bare kernel after a bare Parquet scan, {cores()} processes", speeds["bare"])
    given = f"{len(sizes):,} texts, {sum(sizes) / 1e6:.0f} MB, {PARAMS.hashes} hashes"
    report(result("signatures_in_spark", "MB/s of processor time", speeds["codemill"], best, best, given))


def bare(paths: list[str]) -> None:
    for path in paths:
        for batch in pq.ParquetFile(path).iter_batches(1000, columns=["content_sha256", "text"]):
            minhash.signatures(batch.column("text"), PARAMS)


def bare_on_all_cores(paths: list[str]) -> None:
    context = multiprocessing.get_context("fork")
    running = [context.Process(target=bare, args=(paths[place :: cores()],)) for place in range(cores())]
    for process in running:
        process.start()
    for process in running:
        process.join()


if __name__ == "__main__":
    main()
