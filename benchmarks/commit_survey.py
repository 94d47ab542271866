"""What the commits of a real history are: shares of flags, what finds the files that change, and whether each document gives its commit.

`python -m benchmarks.commit_survey [--repository PATH] [--commits N]`. Of every commit that no flag drops a document is made, read back by
the project's reader, applied to the commit's parent and compared with the commit, byte for byte; and every text of its context is compared
with the parent's own. Both texts are asked of git by commit and path, and not of what made the document. What finds files is counted over
commits that change one which was there: a changed file among the first 1, 5 and 20.
"""

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.histories import add_arguments, bundle_of
from benchmarks.measure import report, result
from jobs.annotate.commit_facts import facts
from jobs.assemble.commit_rows import RANKS, CommitsParams, made, queries, without
from jobs.assemble.commit_snapshots import MAX_PATCH_BYTES, Snapshot, Walk
from jobs.assemble.commits import steps
from jobs.decide.policy import COMMIT_QUERIES
from jobs.ingest.commits import ROWS, commit_row
from jobs.sources.bundles import commit_ids, open_bundle
from jobs.sources.history import read_commits
from jobs.sources.snapshots import Blobs, open_blobs
from schemas.lake import Lake
from udfs.commit_layout import applied, read
from udfs.directories import NOTE_BYTES

MOST_BYTES = 16 << 20
AMONG = (1, 5, RANKS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser, 3000)
    arguments = parser.parse_args()
    with bundle_of(arguments.repository) as (bundle, tip):
        commits, flags = flagged(bundle, tip, arguments.commits)
        kept = [commit for commit, some in zip(commits, flags, strict=True) if not some]
        told(Counter(name for some in flags for name in some or ["no flag"]), len(commits), "of all commits")
        outcomes, found, asked = surveyed(bundle, kept)
    told(outcomes, len(kept), "of those without a flag")
    for query in COMMIT_QUERIES:
        shares = [sum(rank is not None and rank <= most for rank in found[query]) / max(1, asked) for most in AMONG]
        print(f"  {query}: " + ", ".join(f"{share:.1%} among {most}" for share, most in zip(shares, AMONG, strict=True)))
    documents = sum(count for name, count in outcomes.items() if name.startswith("document"))
    good = ("documents", float(documents))
    given = f"{len(commits):,} commits of which {len(kept):,} have no flag; {asked:,} change a file that was there"
    report(result("commit_survey", "documents that give their commit", float(outcomes["document"]), good, good, given))


def flagged(bundle: Path, tip: str, most: int) -> tuple[list[dict[str, Any]], list[list[str]]]:
    """Rows of ingest/commits of the newest commits, and the flags of each."""
    lake, known = Lake.at(str(bundle.parent)), {"history": bundle.name, "version": "v"}
    with open_bundle(bundle) as repository:
        commits = [commit_row("r", one) for one in read_commits(repository, list(commit_ids(repository, tip))[-most:])]
    flags: dict[str, list[str]] = {}
    for start in range(0, len(commits), 10 * ROWS):
        rows = facts(lake, [commit | known for commit in commits[start : start + 10 * ROWS]], MAX_PATCH_BYTES).to_pylist()
        flags |= {row["commit"]: row["flags"] for row in rows}
    return commits, [flags[commit["commit"]] for commit in commits]


def surveyed(bundle: Path, kept: list[dict[str, Any]]) -> tuple[Counter[str], dict[str, list[int | None]], int]:
    """What became of the commits; of those that change a file that was there, its rank by the name of what asks; how many those are."""
    plan, outcomes, asked = CommitsParams().plan, Counter[str](), 0
    found: dict[str, list[int | None]] = {query: [] for query in COMMIT_QUERIES}
    with open_bundle(bundle) as repository, open_blobs(repository) as blobs:
        walk = Walk(repository, blobs)
        for commit, snapshot, patch in (one for some in steps(iter(kept)) for one in walk.over(some)):
            if isinstance(snapshot, str):
                row = without(commit, plan, snapshot)
            else:
                row = made(commit, snapshot, patch, plan)
                there = {change["old_path"] or change["path"] for change in commit["changes"]} & snapshot.files.keys()
                asked += bool(there)
                for query, terms in queries(commit["message"]).items() if there else ():
                    found[query].append(rank_of(snapshot, terms, there))
            outcomes[row["reason"] or f"document{flaw_of(row['text'], commit, blobs)}"] += 1
    return outcomes, found, asked


def rank_of(snapshot: Snapshot, terms: dict[str, int], wanted: set[str]) -> int | None:
    return next((rank for rank, (path, _) in enumerate(snapshot.index.search(terms, RANKS), start=1) if path in wanted), None)


def flaw_of(text: str, commit: dict[str, Any], blobs: Blobs) -> str:
    """Nothing for a document that gives its commit, by what git itself has of it and of its parent."""
    document, parent = read(text), (commit["parents"] or [""])[0]
    for path, shown in [*document.files, *([document.readme] if document.readme else [])]:
        whole = text_at(blobs, parent, path)
        if shown != whole and not is_cut_from(shown, whole):
            return ", context from elsewhere"
    before = {change["old_path"] or change["path"]: change["old_mode"] for change in commit["changes"]}
    after = applied(document.changes, {path: (mode, text_at(blobs, parent, path) or "") for path, mode in before.items()})
    for change in commit["changes"]:
        is_gone = change["status"] == "deleted"
        expected = None if is_gone else (change["new_mode"], text_at(blobs, commit["commit"], change["path"]))
        if after.get(change["path"], ("", "")) != expected:
            return ", another commit"
    return ""


def is_cut_from(shown: str, whole: str | None) -> bool:
    """Whether a text is the beginning of another, but for the line that says how much is left out."""
    beginning, line_feed, note = shown.removesuffix("\n").rpartition("\n")
    return whole is not None and len(note) < NOTE_BYTES and note.endswith(" more lines") and whole.startswith(beginning + line_feed)


def text_at(blobs: Blobs, commit: str, path: str) -> str | None:
    raw = blobs.read(f"{commit}:{path}", MOST_BYTES)
    return None if raw is None else raw.decode("utf-8", "replace")


def told(counts: Counter[str], total: int, what: str) -> None:
    print(f"  {what}: " + ", ".join(f"{name} {count / max(1, total):.2%} ({count:,})" for name, count in counts.most_common()))


if __name__ == "__main__":
    main()
