"""Near-duplicates end to end, from the lake's texts to groups, beside datatrove's MinHash deduplication on as many cores.

`python -m benchmarks.near_duplicates [--megabytes N]`. Wall-clock bytes per second, both jobs, their commits and the verification included.
With `--least-bytes 1500` the files of a Python installation have a mean of 16 KB, with `--most-bytes 16000` a median of 2 KB.
datatrove (its own environment: `make .venv-peers/.stamp`) is given part of the texts, spread evenly. The limit is the bare signature
kernel after a bare Parquet scan, one process a core.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.code import copy_files
from benchmarks.lakes import ingested
from benchmarks.measure import cores, interleaved, report, result, tree_cpu_s
from benchmarks.signatures_in_spark import PARAMS, bare
from jobs.annotate import duplicates, signatures
from jobs.annotate.duplicates import DuplicatesParams
from jobs.runtime.session import start_session
from jobs.runtime.tables import Tables
from schemas.annotate import DUPLICATE_PAIRS, DUPLICATES, SIGNATURES
from schemas.ingest import CONTENTS

ROOT = Path(__file__).parents[1]
PEER = (str(ROOT / ".venv-peers/bin/python"), str(ROOT / "benchmarks/peers/datatrove_minhash.py"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=800)
    parser.add_argument("--peer-megabytes", type=int, default=40, help="what datatrove is given")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--least-bytes", type=int, default=0, help="of a file")
    parser.add_argument("--most-bytes", type=int, help="of a file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy_files(Path(folder) / "code", arguments.megabytes << 20, arguments.least_bytes, arguments.most_bytes)
        tables = ingested(start_session("benchmark"), folder, f"folder:{folder}/code")
        contents = sorted(map(str, Path(folder, "lake", CONTENTS.name).glob("*.parquet")))
        files, size = tables[CONTENTS].selectExpr("count(*)", "sum(size_bytes)").first()  # type: ignore[misc]
        peer_size = write_part(contents, Path(folder) / "part", size // (arguments.peer_megabytes << 20) or 1)
        spent = peer_seconds(folder)
        print(f"  datatrove, {peer_size / 1e6:.0f} MB: {spent}", flush=True)
        grouped(tables)  # a warm session
        used = tree_cpu_s()
        seconds = interleaved({"bare": lambda: bare(contents), "codemill": lambda: grouped(tables)}, arguments.rounds)
        used = tree_cpu_s() - used - seconds["bare"] * arguments.rounds
        pairs = tables[DUPLICATE_PAIRS].count()
    per_core = size / 1e6 / (used / arguments.rounds)
    told = f"{per_core:.1f} MB and {files / used * arguments.rounds:,.0f} files a processor second"
    print(f"  codemill: {told}, {size / files:,.0f} bytes a file")
    peer = ("datatrove's MinHash, without verification", peer_size / 1e6 / sum(spent.values()))
    limit = ("the bare scan and kernel on every core", cores() * size / 1e6 / seconds["bare"])
    given = f"{files:,} texts, {size / 1e6:.0f} MB, {pairs:,} pairs, {cores()} cores; datatrove: {peer_size / 1e6:.0f} MB of them"
    report(result("near_duplicates", "MB/s", size / 1e6 / seconds["codemill"], peer, limit, given))


def grouped(tables: Tables) -> None:
    for table in (SIGNATURES, DUPLICATES, DUPLICATE_PAIRS):
        shutil.rmtree(tables.lake.path(table.name), ignore_errors=True)
    tables.spark.catalog.clearCache()
    for writes in (signatures.transform(tables, PARAMS), duplicates.transform(tables, DuplicatesParams())):
        for write in writes:  # one after the other: what a job puts aside is gone when it ends
            tables.apply(write)


def write_part(contents: list[str], folder: Path, one_in: int) -> int:
    """One text in so many, none empty, in one Parquet file a core; returns their bytes."""
    texts = pa.concat_tables(pq.read_table(path, columns=["content_sha256", "text"]) for path in contents)
    texts = texts.sort_by("content_sha256").take(pa.array(range(0, len(texts), one_in)))
    texts = texts.filter(pc.not_equal(texts.column("text"), ""))
    folder.mkdir()
    for share in range(cores()):
        pq.write_table(texts.take(pa.array(range(share, len(texts), cores()))), folder / f"{share}.parquet")
    return int(pc.sum(pc.binary_length(texts.column("text"))).as_py())


def peer_seconds(folder: str) -> dict[str, float]:
    """datatrove's seconds by stage; the start of Python is not counted."""
    if not Path(PEER[0]).exists():
        raise SystemExit("datatrove is not installed: make .venv-peers/.stamp")
    command = [*PEER, f"{folder}/part", f"{folder}/peer", "--workers", str(cores())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"datatrove failed: {done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
