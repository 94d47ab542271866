"""Ingest of a history's commits, beside git printing the same and a reader that only hashes.

`python -m benchmarks.ingest_commits [--repository PATH] [--commits N]`. Commits a second of processor time, git's included: from the open
repository to rows of ingest/commits in Arrow. The alternative is `git log --raw` and `git cat-file --batch` of the commits and of the blobs
that they bring, read to the end by a loop that only hashes. The limit is git with the line counts that the rows hold, which git has to
compare the blobs for.
"""

import argparse
import hashlib
import subprocess
from collections.abc import Callable

import pyarrow as pa

from benchmarks.histories import add_arguments, history_of
from benchmarks.measure import interleaved, report, result, tree_cpu_s
from jobs.ingest.commits import ROWS, commit_row
from jobs.sources.history import read_commits
from jobs.sources.quarantine import Quarantine
from schemas.ingest import COMMITS

LOG = ("log", "--no-walk=unsorted", "--stdin", "--raw", "--no-abbrev", "--diff-merges=first-parent", "--root", "--find-renames")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser, 5000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with history_of(arguments.repository, arguments.commits) as (repository, ids):
        blobs = changed_blobs(repository, ids)
        variants: dict[str, Callable[[], object]] = {
            "codemill": lambda: rows(repository, ids),
            "log + commits": lambda: (hashed(repository, LOG, ids), hashed(repository, ("cat-file", "--batch"), ids)),
            "log + commits + blobs": lambda: (hashed(repository, LOG, ids), hashed(repository, ("cat-file", "--batch"), ids + blobs)),
            "log with line counts": lambda: hashed(repository, (*LOG, "--numstat"), ids),
        }
        least = interleaved(variants, arguments.rounds, tree_cpu_s)
    speeds = {name: len(ids) / seconds for name, seconds in least.items()}
    for name in ("log + commits", "log with line counts"):
        print(f"  {speeds[name]:,.0f} commits/s: {name}, hashed")
    best = ("git log --raw + cat-file --batch of commits and changed blobs, hashed", speeds["log + commits + blobs"])
    limit = ("git log --raw --numstat, hashed", speeds["log with line counts"])
    report(result("ingest_commits", "commits/s", speeds["codemill"], best, limit, f"{len(ids):,} commits, one core"))


def rows(repository: Quarantine, ids: list[str]) -> int:
    held, count = [], 0
    for commit in read_commits(repository, ids):
        held.append(commit_row("r", commit))
        if len(held) == ROWS:
            count += pa.RecordBatch.from_pylist(held, schema=COMMITS.arrow_schema).num_rows
            held = []
    return count + pa.RecordBatch.from_pylist(held, schema=COMMITS.arrow_schema).num_rows


def hashed(repository: Quarantine, command: tuple[str, ...], ids: list[str]) -> bytes:
    digest = hashlib.sha256()
    with repository.stream(*command, stdin="".join(f"{one}\n" for one in ids).encode()) as process:
        assert process.stdout
        while block := process.stdout.read(1 << 20):
            digest.update(block)
        if process.wait():
            raise subprocess.CalledProcessError(process.returncode, command)
    return digest.digest()


def changed_blobs(repository: Quarantine, ids: list[str]) -> list[str]:
    """Ids of the blobs that are new in a commit, each once, in the order of the commits."""
    found: dict[str, None] = {}
    for commit in read_commits(repository, ids):
        found |= {change.new_blob: None for change in commit.changes if change.new_blob and change.new_mode != "160000"}
    return list(found)


if __name__ == "__main__":
    main()
