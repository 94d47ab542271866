"""`codemill score`: the worker that gives every kept file a score."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table as RichTable

from jobs.commands.options import add_json, add_lake, add_parser, check_least, console, progress
from jobs.decide.profiles import PROFILES
from jobs.runtime.errors import CodemillError, UsageError
from jobs.runtime.ledger import recorded
from schemas.annotate import SCORES
from schemas.lake import Lake

JOB_NAME = "annotate.scores"  # in the ledger


def add(commands: Any) -> None:
    found = add_parser(commands, "score", score, "give every kept file a score by a scorer; what has one by this scorer is skipped")
    add_lake(found)
    found.add_argument("--model", required=True, metavar="FOLDER", help="what `codemill train-scorer --out FOLDER` made")
    found.add_argument("--profile", default="demo", choices=sorted(PROFILES), help="whose kept files are scored (default: demo)")
    found.add_argument(
        "--share", default="1/1", metavar="I/N", help="one of N workers that share the work by key, such as 2/4 (default: 1/1)"
    )
    found.add_argument("--batch-tokens", type=int, default=8192, metavar="N", help="tokens of a batch, padding included (default: 8192)")
    help = "scores of a commit: what a kill loses at most (default: 2000)"
    found.add_argument("--commit-rows", type=int, default=2000, metavar="N", help=help)
    found.add_argument("--threads", type=int, default=0, metavar="N", help="default: as many as torch takes")
    found.add_argument("--quiet", action="store_true", help="show no progress")
    add_json(found)


def score(arguments: argparse.Namespace) -> int:
    share, shares = shares_of(arguments.share)
    check_least(arguments, {"batch_tokens": 64, "commit_rows": 1})
    lake = Lake.at(arguments.lake)
    lake.check_format()
    # Here and not above: other commands should not wait for torch.
    import torch

    from gpu_scoring.scorer import ScorerError, hash_of, load_scorer
    from gpu_scoring.worker import WorkerParams, run

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    try:
        scorer = load_scorer(Path(arguments.model))
    except ScorerError as error:
        raise CodemillError(str(error)) from error
    version = hash_of(scorer)
    asked = {"model": arguments.model, "version": version, "profile": arguments.profile, "share": arguments.share}
    params = WorkerParams(share, shares, arguments.batch_tokens, commit_rows=arguments.commit_rows)
    with recorded(lake, JOB_NAME, asked) as row:
        found = run(lake, scorer, version, arguments.profile, params, progress(arguments.quiet))
        row.account.read_rows, row.written = found.wanted, {SCORES.name: found.scored}
    if arguments.json:
        counts = {name: getattr(found, name) for name in ("wanted", "skipped", "scored", "tokens", "padded_tokens", "truncated", "seconds")}
        print(json.dumps(counts | {"version": version, "scores": found.scores.tolist()}))
        return 0
    if found.scored:
        console().print(histogram(found.scores))
    speed = f"{found.tokens / max(found.seconds, 1e-9):,.0f} tokens/s, {1 - found.tokens / max(found.padded_tokens, 1):.1%} padding"
    print(
        f"{found.wanted:,} kept files of this share: {found.skipped:,} had a score, {found.scored:,} were scored now by {version}"
        f" ({found.truncated:,} longer than the window of {scorer.window:,} tokens) in {found.seconds:.0f} s; {speed}"
    )
    return 0


def shares_of(text: str) -> tuple[int, int]:
    try:
        share, shares = (int(part) for part in text.split("/"))
        if not 1 <= share <= shares:
            raise ValueError
    except ValueError:
        raise UsageError(f"--share {text}: expected I/N with I from 1 to N, such as 2/4") from None
    return share - 1, shares


def histogram(scores: np.ndarray) -> RichTable:
    table = RichTable("score", "files", "")
    table.columns[1].justify = "right"
    counts = [int(scores[10 * tenth : 10 * tenth + (11 if tenth == 9 else 10)].sum()) for tenth in range(10)]
    for tenth, count in enumerate(counts):
        table.add_row(f"{tenth / 10:.1f} to {(tenth + 1) / 10:.1f}", f"{count:,}", "█" * round(40 * count / max(counts)))
    return table
