"""Commits to documents, end to end: what is read, flagged, walked and written, in commits a second of one core.

`python -m benchmarks.commit_documents [--repository PATH] [--commits N]`. Processor time with git's, from the bundle on, without Spark and
Delta. The alternative is git alone printing what the documents are made of (`git log --raw -p`, and `diff-tree` and all blobs that change
through `cat-file`), hashed. Also said: core-hours for the report's 74 million commits, where the time goes, peak memory, what became of the
commits, and how often the whole message and its first line find a file that changes.
"""

import argparse
import resource
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.histories import add_arguments, bundle_of
from benchmarks.ingest_commits import LOG, changed_blobs, hashed
from benchmarks.measure import report, result, tree_cpu_s
from jobs.annotate.commit_facts import facts_of
from jobs.assemble.commit_rows import CommitsParams, made, without
from jobs.assemble.commit_snapshots import Walk
from jobs.assemble.commits import steps
from jobs.ingest.commits import commit_row
from jobs.sources.bundles import commit_ids, open_bundle
from jobs.sources.commit_patches import read_patches
from jobs.sources.history import read_commits
from jobs.sources.quarantine import Quarantine
from jobs.sources.snapshots import open_blobs

REPORTED = 74_000_000  # commits of the report [2.2.2]
MAX_PATCH_BYTES = 16 << 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser, 2000)
    arguments = parser.parse_args()
    with bundle_of(arguments.repository) as (bundle, tip):
        seconds, rows, commits = measured(bundle, tip, arguments.commits)
        with open_bundle(bundle) as repository:
            start = tree_cpu_s()
            bare(repository, [commit["commit"] for commit in commits])
            git = tree_cpu_s() - start
    told(seconds, rows, len(commits))
    speed = len(commits) / sum(seconds.values())
    print(f"  {REPORTED:,} commits: {REPORTED / speed / 3600:,.0f} core hours, {seconds['documents'] / len(rows) * 1e3:.1f} ms a document")
    best = ("git printing patches, changes and blobs, hashed", len(commits) / git)
    given = f"{len(commits):,} commits of which {len(rows):,} are kept, {rows[-1]['snapshot_files']:,} text files, one core"
    report(result("commit_documents", "commits/s", speed, best, ("the aim", 100.0), given))


def measured(bundle: Path, tip: str, most: int) -> tuple[dict[str, float], list[dict[str, Any]], list[dict[str, Any]]]:
    """Seconds by part, rows of documents or reasons, and all commits."""
    marks = [("", tree_cpu_s())]
    plan = CommitsParams().plan
    with open_bundle(bundle) as repository:
        ids = list(commit_ids(repository, tip))[-most:]
        marks.append(("unpack and list", tree_cpu_s()))
        commits = [commit_row("r", one) for one in read_commits(repository, ids)]
        marks.append(("read", tree_cpu_s()))
        patches = zip(commits, read_patches(repository, ids, MAX_PATCH_BYTES), strict=True)
        kept = [commit for commit, (_, patch) in patches if not facts_of(commit | {"version": "v"}, patch)["flags"]]
        marks.append(("flags", tree_cpu_s()))
        with open_blobs(repository) as blobs:
            walk, rows = Walk(repository, blobs), []
            for some in steps(iter(kept)):
                for commit, snapshot, patch in walk.over(some):
                    rows.append(without(commit, plan, snapshot) if isinstance(snapshot, str) else made(commit, snapshot, patch, plan))
                    rows[-1]["text"] = rows[-1]["text"] is not None
                    if len(rows) == 1:
                        marks.append(("first snapshot", tree_cpu_s()))
        marks.append(("documents", tree_cpu_s()))
    return {name: now - before for (_, before), (name, now) in pairwise(marks)}, rows, commits


def bare(repository: Quarantine, ids: list[str]) -> None:
    hashed(repository, (*LOG, "--patch"), ids)
    hashed(repository, ("cat-file", "--batch"), changed_blobs(repository, ids))


def told(seconds: dict[str, float], rows: list[dict[str, Any]], commits: int) -> None:
    print("  " + ", ".join(f"{name} {1e3 * spent / commits:.2f} ms" for name, spent in seconds.items()) + " a commit")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"  peak memory {peak} MiB; {dict(Counter(row['reason'] or 'document' for row in rows))}")
    for name in ("best_rank", "subject_rank"):
        found = [sum(bool(row[name]) and row[name] <= rank for row in rows) / len(rows) for rank in (1, 5, 20)]
        print(f"  {name}: a changed file is found among the first 1, 5, 20: " + ", ".join(f"{share:.1%}" for share in found))


if __name__ == "__main__":
    main()
