"""Search and replace beside unified hunks, for what a commit document has to predict: tokens, and how surely it applies.

`python -m benchmarks.commit_edits [--repository PATH] [--commits N]`. Of every modified text file of the newest commits: both forms, in
tokens of a byte-level BPE (8,192, trained on both forms alike). A model counts lines badly, so the hunks are also given to `git apply` with
line numbers that are 20 too high, and with one line count that is 1 too high, at a sample; a form applies where the file is the commit's
own afterwards. A search that is not there exactly once would be refused; a hunk whose lines stand in several places is put into the one
that the numbers say.
"""

import argparse
import re
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from benchmarks.histories import add_arguments, history_of
from benchmarks.measure import report, result
from jobs.assemble.commit_snapshots import MAX_PATCH_BYTES
from jobs.ingest.commits import commit_row
from jobs.sources.commit_patches import read_patches
from jobs.sources.history import read_commits
from jobs.sources.quarantine import Quarantine
from jobs.sources.snapshots import open_blobs
from udfs.commit_layout import section
from udfs.edits import Edit, EditError, apply, edits_of, lines_of, places
from udfs.patches import Hunk, file_patches

CONTEXT = 3
_HEAD = re.compile(r"^@@ -(\d+),(\d+) \+(\d+),(\d+) @@", re.M)


class Changed(NamedTuple):
    old: str
    new: str
    edits: list[Edit]
    hunks: list[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser, 2000)
    parser.add_argument("--sample", type=int, default=200, help="files that git apply is asked of")
    arguments = parser.parse_args()
    with history_of(arguments.repository, arguments.commits) as (repository, ids):
        found = list(changed_files(repository, ids))
    ours = [edit_text(one) for one in found]
    theirs = ["".join(one.hunks) for one in found]
    tokenizer = trained([*ours, *theirs])
    tokens = [sum(len(one.ids) for one in tokenizer.encode_batch_fast(texts)) for texts in (ours, theirs)]
    hunks = [(one, hunk) for one in found for hunk in one.hunks]
    vague = sum(len(list(islice(places(one.old, preimage(hunk)), 2))) != 1 for one, hunk in hunks)
    print(f"  bytes: search and replace {sum(map(len, ours)):,}, hunks {sum(map(len, theirs)):,}")
    print(f"  {vague / len(hunks):.1%} of {len(hunks):,} hunks stand in several places, and are put by their numbers alone")
    right = sum(apply(one.old, one.edits) == one.new for one in found)
    print(f"  search and replace: {right / len(found):.1%} of {len(found):,} files are right")
    sample = found[:: max(1, len(found) // arguments.sample)]
    for name, spoilt in (("as they are", str), ("numbers 20 too high", shifted), ("a count 1 too high", miscounted)):
        right = sum(applied_by_git(one, spoilt("".join(one.hunks))) for one in sample)
        print(f"  hunks, {name}: {right / len(sample):.1%} of {len(sample)} files are right after git apply")
    best = ("unified hunks", len(found) / tokens[1] * 1000)
    given = f"{len(found):,} modified files of {len(ids):,} commits"
    report(result("commit_edits", "files/1,000 tokens", len(found) / tokens[0] * 1000, best, best, given))


def changed_files(repository: Quarantine, ids: list[str]) -> Iterator[Changed]:
    commits = [commit_row("r", one) for one in read_commits(repository, ids)]
    with open_blobs(repository) as blobs:
        for commit, (_, patch) in zip(commits, read_patches(repository, ids, MAX_PATCH_BYTES), strict=True):
            patches = list(file_patches(patch if isinstance(patch, bytes) else b""))
            if len(commit["parents"]) != 1 or len(patches) != len(commit["changes"]):
                continue
            for change, one in zip(commit["changes"], patches, strict=True):
                if change["status"] != "modified" or not one.hunks:
                    continue
                try:
                    old, new = ((blobs.read(change[name], 1 << 20) or b"").decode() for name in ("old_blob", "new_blob"))
                    yield Changed(old, new, edits_of(old, one.hunks), unified(old, one.hunks))
                except (UnicodeDecodeError, EditError):
                    continue


def edit_text(one: Changed) -> str:
    return "".join(section("search", edit.search) + section("replace", edit.replace) for edit in one.edits)


def unified(old: str, hunks: list[Hunk]) -> list[str]:
    """Hunks with CONTEXT lines around, as `diff -u` has them; those that touch are one."""
    lines = lines_of(old)
    groups: list[list[Hunk]] = []
    end = -1
    for hunk in hunks:
        start = hunk.old_start - 1 if hunk.removed else hunk.old_start
        if groups and start - CONTEXT <= end + CONTEXT:
            groups[-1].append(hunk)
        else:
            groups.append([hunk])
        end = start + len(hunk.removed)
    found, gained = [], 0
    for group in groups:
        text, first, at, added = "", -1, 0, 0
        for hunk in group:
            start = hunk.old_start - 1 if hunk.removed else hunk.old_start
            if first < 0:
                first = at = max(0, start - CONTEXT)
            text += "".join(map(_kept, lines[at:start])) + _marked("-", hunk.removed, hunk.is_end_cut[0])
            text += _marked("+", hunk.added, hunk.is_end_cut[1])
            at, added = start + len(hunk.removed), added + len(hunk.added) - len(hunk.removed)
        last = min(len(lines), at + CONTEXT)
        text += "".join(map(_kept, lines[at:last]))
        size = last - first
        found.append(f"@@ -{first + bool(size)},{size} +{first + gained + bool(size + added)},{size + added} @@\n{text}")
        gained += added
    return found


def _kept(line: str) -> str:
    return f" {line}" if line.endswith("\n") else f" {line}\n\\ No newline at end of file\n"


def _marked(mark: str, lines: list[bytes], is_end_cut: bool) -> str:
    return "".join(f"{mark}{line.decode()}\n" for line in lines) + ("\\ No newline at end of file\n" if is_end_cut and lines else "")


def preimage(hunk: str) -> str:
    lines = hunk.split("\n")[1:-1]
    text = "".join(f"{line[1:]}\n" for line in lines if line[:1] in (" ", "-"))
    return text[:-1] if "\\ No newline at end of file" in lines[-1:] else text


def shifted(hunks: str) -> str:
    return _HEAD.sub(lambda head: f"@@ -{int(head[1]) + 20},{head[2]} +{int(head[3]) + 20},{head[4]} @@", hunks)


def miscounted(hunks: str) -> str:
    return _HEAD.sub(lambda head: f"@@ -{head[1]},{int(head[2]) + 1} +{head[3]},{head[4]} @@", hunks, count=1)


def applied_by_git(one: Changed, hunks: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "f"
        path.write_bytes(one.old.encode())
        patch = f"--- a/f\n+++ b/f\n{hunks}".encode()
        subprocess.run(["git", "apply", "--unsafe-paths", "-"], cwd=folder, input=patch, capture_output=True)
        return path.read_bytes() == one.new.encode()


def trained(texts: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=8192, initial_alphabet=alphabet, show_progress=False))
    return tokenizer


if __name__ == "__main__":
    main()
