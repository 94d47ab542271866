"""Ingest of a git repository, beside `git archive` through a Python tar reader, SHA-256 and a PyArrow Parquet write, one pipe a core.

`python -m benchmarks.ingest_git [--megabytes N]`. Wall-clock bytes per second, commits of all tables included.
"""

import argparse
import subprocess
import sys
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from benchmarks.bare import write_parquet
from benchmarks.code import commit_all, copy_files
from benchmarks.lakes import ingested
from benchmarks.measure import cores, interleaved, report, result
from jobs.runtime.session import start_session

PIPE = "import sys; from benchmarks.ingest_git import read_tar; read_tar(sys.argv[1])"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = copy_files(folder / "repository", arguments.megabytes << 20)
        commit_all(folder / "repository")
        spark = start_session("benchmark")
        ours = partial(ingested, spark, folder, f"git:{folder / 'repository'}")
        ours()  # a warm session
        seconds = interleaved({"pipes": lambda: pipes(folder), "codemill": ours}, arguments.rounds)
        speeds = {label: size / 1e6 / spent for label, spent in seconds.items()}
        best = ("git archive | tarfile + SHA-256 + Parquet, one a core", speeds["pipes"])
        report(result("ingest_git", "MB/s", speeds["codemill"], best, best, f"one repository of {size / 1e6:.0f} MB, {cores()} cores"))


def pipes(folder: Path) -> None:
    """As many pipes as cores, each over its share of the top folders."""
    tops = sorted(path.name for path in (folder / "repository").iterdir() if path.name != ".git")
    shares = [tops[start :: cores()] for start in range(cores())]
    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(lambda number: pipe(folder, number, shares[number]), range(cores())))


def pipe(folder: Path, number: int, tops: list[str]) -> None:
    archive = subprocess.Popen(["git", "archive", "HEAD", *tops], cwd=folder / "repository", stdout=subprocess.PIPE)
    subprocess.run([sys.executable, "-c", PIPE, str(folder / f"pipe-{number}.parquet")], stdin=archive.stdout, check=True)
    archive.wait()


def read_tar(out: str) -> None:
    """The reader at the end of a pipe."""
    with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as tar:
        files = (member for member in tar if member.isfile())
        write_parquet(out, ((member.name, tar.extractfile(member).read()) for member in files))  # type: ignore[union-attr]


if __name__ == "__main__":
    main()
