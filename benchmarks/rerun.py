"""A second run over unchanged input, and one over 5 % new input, beside the first run of the same pipeline.

`python -m benchmarks.rerun [--megabytes N]`. The pipeline up to the shards; each run is a process of its own, session start included. The
probe is left out: it trains for a fixed time, whatever the input.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.code import copy_files
from benchmarks.measure import report, result
from jobs.runtime.ledger import runs
from schemas.lake import Lake

SOURCES = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=400)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = copy_files(folder / "code", arguments.megabytes << 20)
        tops = sorted((folder / "code").iterdir())
        groups = [tops[start::SOURCES] for start in range(SOURCES)]
        for number, group in enumerate(groups):  # 20 sources of about equal size
            (folder / f"source-{number:02}").mkdir()
            for top in group:
                top.rename(folder / f"source-{number:02}" / top.name)
        known = [str(folder / f"source-{number:02}") for number in range(SOURCES - 1)]
        first = timed(folder, known)
        second = timed(folder, known)
        written = [row for row in runs(Lake.at(str(folder / "lake"))) if row["started_at"].timestamp() > second[1]]
        rows = sum(row["written_rows"] + row["removed_rows"] for row in written)
        more = timed(folder, [*known, str(folder / f"source-{SOURCES - 1:02}")])
        print(f"first {first[0]:.1f} s; second {second[0]:.1f} s ({second[0] / first[0]:.1%}), which wrote {rows} rows")
        print(f"5 % new input {more[0]:.1f} s ({more[0] / first[0]:.1%})")
        given = f"{size / 1e6:.0f} MB in {SOURCES} sources; 5 % new input takes {more[0] / first[0]:.3f} of the first run"
        whole = ("running it all again", 1.0)
        report(result("rerun", "first time over second", first[0] / second[0], whole, ("10, the target", 10.0), given))


def timed(folder: Path, sources: list[str]) -> tuple[float, float]:
    """Seconds of a run, and when it started."""
    started, start = time.time(), time.perf_counter()
    named = [part for source in sources for part in ("--source", source)]
    command = [sys.executable, "-m", "jobs", "run", "--lake", str(folder / "lake"), *named, "--until", "mix", "--quiet"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start, started


if __name__ == "__main__":
    main()
