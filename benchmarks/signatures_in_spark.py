"""The job annotate.signatures, from the lake's texts to its table, beside the bare kernel after a bare Parquet scan of the same texts.

`python -m benchmarks.signatures_in_spark [--megabytes N]`. Processor seconds of all processes, the JVM's included, the commit too.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.code import copy_files
from benchmarks.lakes import ingested
from benchmarks.measure import interleaved, report, result, tree_cpu_s
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
        seconds = interleaved({"bare scan and kernel": lambda: bare(contents), "codemill": in_spark}, arguments.rounds, tree_cpu_s)
    speeds = {name: sum(sizes) / 1e6 / spent for name, spent in seconds.items()}
    best = ("the bare kernel after a bare Parquet scan", speeds["bare scan and kernel"])
    given = f"{len(sizes):,} texts, {sum(sizes) / 1e6:.0f} MB, {PARAMS.hashes} hashes"
    report(result("signatures_in_spark", "MB/s of processor time", speeds["codemill"], best, best, given))


def bare(paths: list[str]) -> None:
    for path in paths:
        for batch in pq.ParquetFile(path).iter_batches(1000, columns=["content_sha256", "text"]):
            minhash.signatures(batch.column("text"), PARAMS)


if __name__ == "__main__":
    main()
