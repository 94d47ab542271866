"""Ingest of a folder, beside the bare read, SHA-256 and PyArrow Parquet write on as many cores.

`python -m benchmarks.ingest_folder [--megabytes N]`. Wall-clock bytes per second, commits of all tables included.
"""

import argparse
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.bare import write_parquet
from benchmarks.code import copy_files
from benchmarks.lakes import ingested
from benchmarks.measure import cores, interleaved, report, result
from jobs.runtime.session import start_session

READ = "import sys; from benchmarks.ingest_folder import read_share; read_share(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = copy_files(folder / "code", arguments.megabytes << 20)
        ours = partial(ingested, start_session("benchmark"), folder, f"folder:{folder / 'code'}")
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
    """Every n-th file into one Parquet file."""
    folder = Path(name)
    paths = [path for path in sorted((folder / "code").rglob("*"))[share::shares] if path.is_file()]
    write_parquet(str(folder / f"bare-{share}.parquet"), ((str(path), path.read_bytes()) for path in paths))


if __name__ == "__main__":
    main()
