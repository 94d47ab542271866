"""The context of commits beside a BM25 that is made from scratch for each.

`python -m benchmarks.commit_context [--repository PATH] [--commits N] [--sample N]`. Commits a second: the snapshot before each of the
newest N commits, and the files that its message finds. The alternative is the best library at hand (bm25s), given the same terms of the
same files, at a sample of the same commits; the scores must be the same. Also said: what a query costs, and an update, at this many files
and at ten times as many.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import bm25s

from benchmarks.histories import add_arguments, history_of
from benchmarks.measure import report, result, tree_cpu_s
from jobs.assemble.commit_rows import RANKS
from jobs.assemble.commit_snapshots import Snapshot, walk
from jobs.ingest.commits import commit_row
from jobs.sources.history import read_commits
from jobs.sources.quarantine import Quarantine
from udfs.bm25 import K1, B, Index, file_terms, terms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser, 1000)
    parser.add_argument("--sample", type=int, default=10, help="commits at which the alternative works")
    arguments = parser.parse_args()
    with history_of(arguments.repository, arguments.commits) as (repository, ids):
        commits = [row for row in (commit_row("r", one) for one in read_commits(repository, ids)) if row["parents"]]
        measured(repository, commits, set(range(0, len(commits), max(1, len(commits) // arguments.sample))))


def measured(repository: Quarantine, commits: list[dict[str, Any]], sample: set[int]) -> None:
    """Walks once, and stands still at the sample for the alternative, whose time is not counted. Processor time, git's included."""
    scratch = query = 0.0
    files = []
    start = tree_cpu_s()
    for place, (commit, snapshot, _) in enumerate(walk(repository, commits)):
        if place == 0:  # the first snapshot is read whole: the price of a range and not of a commit
            print(f"  first snapshot of {len(snapshot.index):,} files: {tree_cpu_s() - start:.2f} s")
            start = tree_cpu_s()
        asked = terms(commit["message"])
        before = time.process_time()
        found = snapshot.index.search(asked, RANKS)
        query += time.process_time() - before
        files.append(len(snapshot.index))
        if place in sample:
            before = time.process_time()
            expected = from_scratch(snapshot, asked)
            scratch += time.process_time() - before
            assert all(abs(score - expected[path]) < 1e-9 for path, score in found), commit["commit"]
            assert len(found) == min(RANKS, sum(score > 0 for score in expected.values())), commit["commit"]
        if place == len(commits) - 1:
            ours = tree_cpu_s() - start - scratch
            costs = list(updates(snapshot))
    print(f"  a query: {1e3 * query / len(commits):.2f} ms; the scores of the sample are equal")
    for factor, seconds in costs:
        print(f"  an update of one file among {factor * files[-1]:,}: {1e6 * seconds:.0f} us")
    given = f"{len(commits):,} commits, {sum(files) / len(files):,.0f} text files, one core"
    limit = ("the same walk without a query", len(commits) / (ours - query))
    best = ("bm25s from scratch at every commit", len(sample) / scratch)
    report(result("commit_context", "commits/s", len(commits) / ours, best, limit, given))


def from_scratch(snapshot: Snapshot, asked: list[str]) -> dict[str, float]:
    """Scores by path of an index over all files of the snapshot, their texts read and their terms made."""
    counts = {}
    for path in snapshot.files:
        if path in snapshot.index:
            text = snapshot.text(path)
            counts[path] = file_terms(path, text or "")
    model = bm25s.BM25(method="lucene", k1=K1, b=B, dtype="float64")
    model.index([list(one.elements()) for one in counts.values()], show_progress=False)
    known = [term for term in dict.fromkeys(asked) if term in model.vocab_dict]
    scores = model.get_scores(known) if known else [0.0] * len(counts)
    return dict(zip(counts, map(float, scores), strict=True))


def updates(snapshot: Snapshot) -> Iterator[tuple[int, float]]:
    """Seconds that it takes to give a file other terms, in an index of the snapshot's files, and in one of ten copies of each."""
    texts = {path: file_terms(path, snapshot.text(path) or "") for path in sorted(snapshot.files) if path in snapshot.index}
    for factor in (1, 10):
        index = Index()
        for copy in range(factor):
            for path, counts in texts.items():
                index.add(f"{copy}/{path}", counts)
        chosen = list(texts)[:: max(1, len(texts) // 100)]
        start = time.process_time()
        for path in chosen:
            index.add(f"0/{path}", texts[path] + Counter(["new", "terms", "of", "a", "change"]))
        yield factor, (time.process_time() - start) / len(chosen)


if __name__ == "__main__":
    main()
