"""Ingest of a folder, beside the bare read, SHA-256 and PyArrow Parquet write on as many cores.

`python -m benchmarks.ingest_folder [--megabytes N]`. Wall-clock bytes per second, commits of all tables included.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.code import copy_files
from benchmarks.ingest_git import ROW_GROUP_BYTES, ingest
from benchmarks.measure import cores, interleaved, report, result
from jobs.runtime.session import start_session

READ = "import sys; from benchmarks.ingest_folder import read_share; read_share(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = copy_files(folder / "code", arguments.megabytes << 20)
        ours = partial(ingest, start_session("benchmark"), folder, f"folder:{folder / 'code'}")
        ours()  # a warm session
        seconds = interleaved({"bare": lambda: bare(folder), "codemill": ours}, arguments.rounds)
        speeds = {label: size / 1e6 / spent for label, spent in seconds.items()}
        best = ("bare read + SHA-256 + Parquet, one process a core", speeds["bare"])
        report(result("ingest_folder", "MB/s", speeds["codemill"], best, best, f"one folder of {size / 1e6:.0f} MB, {cores()} cores"))


def bare(folder: Path) -> None:
    running = [subprocess.Popen([sys.executable, "-c", READ, str(folder), str(share), str(cores())]) for share in range(cores())]
    for process in running:
        if process.wait():
            raise RuntimeError("a bare reader failed")


def read_share(name: str, share: int, shares: int) -> None:
    """Every n-th file: its SHA-256, path and bytes into one Parquet file."""
    folder = Path(name)
    schema = pa.schema([("sha256", pa.string()), ("path", pa.string()), ("text", pa.binary())])
    paths = sorted((folder / "code").rglob("*"))
    rows: list[tuple[str, str, bytes]] = []
    held = 0
    with pq.ParquetWriter(folder / f"bare-{share}.parquet", schema, compression="zstd", compression_level=1) as writer:
        for path in (path for path in paths[share::shares] if path.is_file()):
            raw = path.read_bytes()
            rows.append((hashlib.sha256(raw).hexdigest(), str(path), raw))
            held += len(raw)
            if held >= ROW_GROUP_BYTES:
                writer.write_table(pa.Table.from_arrays([pa.array(column) for column in zip(*rows, strict=True)], schema=schema))
                rows, held = [], 0
        if rows:
            writer.write_table(pa.Table.from_arrays([pa.array(column) for column in zip(*rows, strict=True)], schema=schema))


if __name__ == "__main__":
    main()
