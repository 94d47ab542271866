"""`codemill score`: the job `score.files` with options of its own, and what it found as a histogram."""

import argparse
import dataclasses
import json
from typing import Any

import numpy as np
from rich.table import Table as RichTable

from gpu_scoring.label import RUBRIC
from gpu_scoring.progress import Summary
from jobs.commands.options import add_json, add_lake, add_parser, console, progress
from jobs.decide.profiles import PROFILES
from jobs.decide.quality import FILE
from jobs.runtime.job import check_limits
from jobs.runtime.ledger import recorded
from jobs.score.files import BATCH_TOKENS_HELP, COMMIT_ROWS_HELP, JOB, PAGE, ScoreParams, score_files
from schemas.annotate import SCORES
from schemas.lake import SCORERS, Lake


def add(commands: Any) -> None:
    found = add_parser(commands, "score", score, "give what passes the gates a score by a scorer; what has one by this scorer is skipped")
    add_lake(found)
    found.add_argument("--model", required=True, metavar="FOLDER", help="what `codemill train-scorer --out FOLDER` made")
    found.set_defaults(page_model="")
    found.add_argument("--kind", default=FILE, choices=(FILE, PAGE), help="what is scored: files (default), or pages by a scorer of pages")
    found.add_argument(
        "--profile",
        default="demo",
        choices=sorted(PROFILES),
        help="whose files or pages are scored: those that pass the gates of this policy (default: demo)",
    )
    found.add_argument(
        "--share", default="1/1", metavar="I/N", help="one of N workers that share the work by key, such as 2/4 (default: 1/1)"
    )
    found.add_argument("--batch-tokens", type=int, default=0, metavar="N", help=f"{BATCH_TOKENS_HELP} (default: 0)")
    found.add_argument("--commit-rows", type=int, default=2000, metavar="N", help=f"{COMMIT_ROWS_HELP} (default: 2000)")
    found.add_argument("--threads", type=int, default=0, metavar="N", help="default: as many as torch takes")
    help = "cpu, cuda or cuda:N (default: auto, a GPU where there is one, in bf16)"
    found.add_argument("--device", default="auto", metavar="NAME", help=help)
    help = "of the machine, in any currency: the progress then says what is left to pay"
    found.add_argument("--price-per-hour", type=float, default=0.0, metavar="X", help=help)
    help = "seconds to wait for a model whose folder is not there yet (default: 0)"
    found.add_argument("--wait", dest="wait_s", type=float, default=0.0, metavar="SECONDS", help=help)
    found.add_argument("--quiet", action="store_true", help="show no progress")
    add_json(found)


def score(arguments: argparse.Namespace) -> int:
    names = [field.name for field in dataclasses.fields(ScoreParams)]
    params = ScoreParams(**{name: getattr(arguments, name) for name in names})
    if arguments.kind == PAGE:
        params = dataclasses.replace(params, model="", page_model=params.model)
    check_limits(JOB.name, params)
    params.checked()
    lake = Lake.at(arguments.lake)
    lake.check_format()
    found = Summary()
    with recorded(lake, JOB.name, dataclasses.asdict(params)) as row:
        try:
            version, window = score_files(lake, params, progress(arguments.quiet), found, arguments.kind)
        finally:
            row.account.read_rows, row.written = found.wanted, {SCORES.name: found.written}
    if arguments.json:
        counts = {
            name: getattr(found, name)
            for name in ("wanted", "skipped", "scored", "written", "tokens", "truncated", "seconds", "peak_share", "reading")
        }
        said = {"version": version, "scores": found.scores.tolist(), "not_finite": [row.key for row in found.unusable]}
        print(json.dumps(counts | said | {"learned_from": learned_from(lake, version)}))
        return 0
    if found.scored:
        console().print(histogram(found.scores, arguments.kind))
    speed = f"{found.tokens / max(found.seconds, 1e-9):,.0f} tokens/s, {found.peak_share:.0%} of the device's peak"
    print(
        f"{found.wanted:,} {arguments.kind}s of this share pass the gates: {found.skipped:,} had a score, {found.scored:,} were scored"
        f" now by {version} ({found.truncated:,} longer than the window of {window:,} tokens) in {found.seconds:.0f} s; {speed}"
    )
    print(learned_told(learned_from(lake, version)))
    print(found.reading)
    if found.unusable:
        print(unusable_told(found, arguments.kind))
    return 0


def learned_from(lake: Lake, version: str) -> dict[str, str | None]:
    """The oracle, the version of its labels and what it was asked with, as the model's folder says; null where it does not."""
    declared = lake.read_json(f"{SCORERS}/{version}.json") or {}
    return {name: declared.get(name) for name in ("oracle", "labels", "asked_with")}


def learned_told(found: dict[str, str | None]) -> str:
    if not found["oracle"]:
        return "Whose ratings this scorer learned is not known: its folder does not say it."
    is_rubric = " (it counts, it does not judge)" if found["oracle"] == RUBRIC else ""
    asked_with = f", asked with {found['asked_with']}" if found["asked_with"] else ""
    return f"learned from: {found['oracle']}{is_rubric}, version {found['labels']} of the labels{asked_with}"


def unusable_told(found: Summary, kind: str) -> str:
    named = ", ".join(row.key for row in found.unusable[:3]) + (" ..." if len(found.unusable) > 3 else "")
    return f"No finite score for {len(found.unusable):,} {kind}s, which verdicts drop as score_not_finite: {named}"


def histogram(scores: np.ndarray, kind: str) -> RichTable:
    table = RichTable("score", f"{kind}s", "")
    table.columns[1].justify = "right"
    counts = [int(scores[10 * tenth : 10 * tenth + (11 if tenth == 9 else 10)].sum()) for tenth in range(10)]
    for tenth, count in enumerate(counts):
        table.add_row(f"{tenth / 10:.1f} to {(tenth + 1) / 10:.1f}", f"{count:,}", "█" * round(40 * count / max(counts)))
    return table
