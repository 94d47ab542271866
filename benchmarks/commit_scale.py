"""Time and memory of a task at a generated history of very many commits, in a repository of very many files.

`python -m benchmarks.commit_scale [--files N] [--commits N]`. git's fast-import makes it: files of 200 terms each, then commits that each
change one. A task lists it and reads a range, and makes the documents of the newest 300 commits, once of a tenth of the files and once of
all: what a commit costs must not grow with them. Peak memory is VmHWM of a process of its own and of the largest git beside it (what the
system says of ended children is at least the parent's); the JVM stands beside them.
"""

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.commit_documents import measured
from benchmarks.measure import report, result, tree_cpu_s
from jobs import sources
from jobs.ingest.commits import commit_row
from jobs.sources.bundles import commit_ids, open_bundle
from jobs.sources.history import read_commits

WORDS = [f"{first}{second}ing" for first in ("parse", "read", "find", "hold", "turn") for second in "abcdefghijklmnopqrstuvwxyz"]
RANGE, DOCUMENTS = 5000, 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=40_000)
    parser.add_argument("--commits", type=int, default=100_000)
    parser.add_argument("--measure", metavar="BUNDLE", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(looked_at(Path(arguments.measure))))
        return
    costs = {}
    for files in (arguments.files // 10, arguments.files):
        with tempfile.TemporaryDirectory() as folder:
            start = tree_cpu_s()
            generated(Path(folder) / "r", files, arguments.commits)
            print(f"  {files:,} files, {arguments.commits:,} commits, made in {tree_cpu_s() - start:.0f} s of processor time")
            sources.keep_history(sources.parse_source(f"git:{folder}/r"), Path(folder) / "bundle")
            command = [sys.executable, "-m", "benchmarks.commit_scale", "--measure", f"{folder}/bundle"]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        costs[files] = found["document_s"]
        print(f"  unpacked and listed in {found['list_s']:.1f} s, read at {RANGE / found['read_s']:,.0f} commits/s")
        print(f"  first snapshot {found['first_s']:.1f} s; then {1e3 * found['document_s']:.2f} ms a document")
        print(f"  peak memory {found['peak_mib']} MiB, git's {found['git_mib']} MiB; {found['indexed_files']:,} files in the index")
    small, large = (1 / costs[files] for files in sorted(costs))
    best = (f"with {arguments.files // 10:,} files", small)
    report(result("commit_scale", "commits/s", large, best, best, f"{arguments.commits:,} commits, {arguments.files:,} files, one core"))


def generated(path: Path, files: int, commits: int) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(path)], check=True)
    with subprocess.Popen(["git", f"--git-dir={path}", "fast-import", "--quiet"], stdin=subprocess.PIPE) as process:
        assert process.stdin
        for part in stream(files, commits):
            process.stdin.write(part)
    subprocess.run(["git", f"--git-dir={path}", "symbolic-ref", "HEAD", "refs/heads/main"], check=True)


def stream(files: int, commits: int) -> Iterator[bytes]:
    draw = random.Random(1)
    for number in range(commits):
        chosen = range(files) if not number else [draw.randrange(files)]
        message = f"Let {' and '.join(draw.sample(WORDS, 3))} go on".encode()
        yield b"commit refs/heads/main\ncommitter A <a@example.org> %d +0000\ndata %d\n%b\n" % (number, len(message), message)
        for file in chosen:
            text = "".join(f"{word}_{draw.randrange(10_000)}\n" for word in draw.choices(WORDS, k=120)).encode()
            yield b"M 100644 inline d%d/e%d/f%d.py\ndata %d\n%b\n" % (file % 40, file % 1600, file, len(text), text)


def looked_at(bundle: Path) -> dict[str, float]:
    with git_peaks() as peaks:
        return measured_at(bundle) | {"peak_mib": peak_mib("self")[1], "git_mib": max(peaks)}


def measured_at(bundle: Path) -> dict[str, float]:
    start = tree_cpu_s()
    with open_bundle(bundle) as repository:
        tip = bundle.open("rb").read(200).split(b"\n")[1].split(b" ")[0].decode()
        ids = list(commit_ids(repository, tip))
        listed = tree_cpu_s()
        count = sum(1 for one in read_commits(repository, ids[-RANGE:]) if commit_row("r", one))
        read = tree_cpu_s()
    seconds, rows, _ = measured(bundle, tip, DOCUMENTS)
    costs = {"list_s": listed - start, "read_s": (read - listed) * RANGE / count, "first_s": seconds["first snapshot"]}
    return costs | {"document_s": seconds["documents"] / len(rows), "indexed_files": rows[-1]["snapshot_files"]}


@contextmanager
def git_peaks() -> Iterator[list[int]]:
    """Peaks of the gits below this process, in MiB, as they are seen a hundred times a second."""
    found, is_done = [0], threading.Event()

    def look() -> None:
        while not is_done.wait(0.01):
            for child in psutil.Process().children(recursive=True):
                name, peak = peak_mib(str(child.pid))
                found.append(peak if name == "git" else 0)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    yield found
    is_done.set()
    thread.join()


def peak_mib(process: str) -> tuple[str, int]:
    """A process's name and VmHWM; nothing where it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return "", 0
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    return status.split("\t")[1].split("\n")[0], int(peak[1]) >> 10 if peak else 0


if __name__ == "__main__":
    main()
