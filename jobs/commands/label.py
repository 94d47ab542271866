"""`codemill label` asks an oracle for the quality of a sample of files or pages; `codemill agreement` says how far oracles agree."""

import argparse
import dataclasses
import hashlib
import json
import os
import re
import signal
import sys
import urllib.parse
from pathlib import Path
from typing import Any

from rich.table import Table as RichTable

from gpu_scoring.agreement import agreements
from gpu_scoring.file_questions import FILES
from gpu_scoring.judge import Endpoint, Judge, JudgeError
from gpu_scoring.label import Asked, judge_version, label, repeated, rubric_version
from gpu_scoring.limits import Budget, Pace
from gpu_scoring.oracles import keep_oracle
from gpu_scoring.page_questions import PAGES_ASKED
from gpu_scoring.sample import REPORT_SHAPE
from gpu_scoring.worksheet import Worksheet, WorksheetError
from jobs.commands.label_told import as_json, ended, plan, show
from jobs.commands.options import MOST_THREADS, add_json, add_lake, add_parser, check_least, console, progress, text_name
from jobs.decide.profiles import PROFILES
from jobs.runtime.errors import CodemillError, UsageError
from jobs.runtime.ledger import recorded
from schemas.annotate import LABELS
from schemas.lake import Lake

JOB_NAME = "annotate.labels"  # in the ledger
SUBJECTS = {"file": FILES, "page": PAGES_ASKED}
ANSWER_LIMITS = ("max_tokens", "max_completion_tokens")  # as endpoints name the limit of an answer
MOST_TIMEOUT_S = 86_400
SHAPES = {"report": REPORT_SHAPE, "natural": None}


def add(commands: Any) -> None:
    help = "rate a sample of files, or of pages, by an oracle: a language model behind an endpoint or the built-in rubric"
    found = add_parser(commands, "label", run, help)
    add_lake(found)
    found.add_argument("--count", type=int, required=True, metavar="N", help="files or pages of the sample")
    help = "files that pass the gates of --profile (default), or pages of web archives, of which all are asked about"
    found.add_argument("--kind", default="file", choices=sorted(SUBJECTS), help=help)
    help = "of files: languages as in the report's Table 17 (default), or natural: as they are"
    found.add_argument("--shape", default="report", choices=sorted(SHAPES), help=help)
    found.add_argument(
        "--profile", default="demo", choices=sorted(PROFILES), help="whose files are sampled: those that pass its gates (default: demo)"
    )
    found.add_argument(
        "--turn", type=int, default=0, metavar="N", help="ask again: 1 and more are further answers about part of the sample"
    )
    found.add_argument(
        "--share", type=float, default=0.1, metavar="X", help="part of the sample that a further turn asks about (default: 0.1)"
    )
    help = "also ask about files whose answer was unusable, or that got none: what comes takes its place, what is rated is not asked"
    found.add_argument("--again", action="store_true", help=help)
    found.add_argument(
        "--work", metavar="FOLDER", help="where answers are kept until they are in the lake (default: in a local lake's label/)"
    )
    add_json(found)
    found.add_argument("--quiet", action="store_true", help="show no progress")
    judge = found.add_argument_group("a judge: any endpoint that speaks the chat protocol of OpenAI; without one the rubric rates")
    judge.add_argument("--judge", metavar="URL", type=text_name, help="what /chat/completions follows, such as https://HOST/v1")
    judge.add_argument("--model", metavar="NAME", type=text_name, help="the judge's model")
    judge.add_argument("--key-env", default="OPENAI_API_KEY", metavar="NAME", help="variable that holds the key (default: OPENAI_API_KEY)")
    judge.add_argument("--budget-tokens", type=int, metavar="N", help="this run never spends more tokens; this or --budget-money is needed")
    judge.add_argument("--budget-money", type=float, metavar="X", help="this run never spends more, in the currency of both prices")
    judge.add_argument("--prompt-price", type=float, metavar="X", help="for a million tokens that are read (default: 0)")
    judge.add_argument("--answer-price", type=float, metavar="X", help="for a million tokens that are written (default: 0)")
    judge.add_argument("--concurrency", type=int, default=8, metavar="N", help="questions at a time (default: 8)")
    judge.add_argument("--requests-per-minute", type=float, metavar="N", help="default: no limit")
    judge.add_argument("--tokens-per-minute", type=float, metavar="N", help="default: no limit")
    judge.add_argument("--timeout", type=float, default=120.0, metavar="S", help="seconds until an answer is given up (default: 120)")
    judge.add_argument("--attempts", type=int, default=6, metavar="N", help="for one file, with growing waits between (default: 6)")
    judge.add_argument("--answer-tokens", type=int, default=600, metavar="N", help="most tokens of an answer (default: 600)")
    help = """fields of a request's body that replace ours, null to take one out: '{"max_tokens": null, "max_completion_tokens": 600}'"""
    judge.add_argument("--body", default="{}", metavar="JSON", help=help)
    most = " and of a page ".join(str(subject.most_text_bytes) for subject in (FILES, PAGES_ASKED))
    judge.add_argument("--text-bytes", type=int, metavar="N", help=f"what is shown of a longer one (default: of a file {most})")
    again = add_parser(commands, "agreement", agree, "how far the oracles of a lake's labels agree, with each other and with themselves")
    add_lake(again)
    add_json(again)


def run(arguments: argparse.Namespace) -> int:
    subject = SUBJECTS[arguments.kind]
    if arguments.text_bytes is None:
        arguments.text_bytes = subject.most_text_bytes
    check(arguments)
    lake = Lake.at(arguments.lake)
    lake.check_format()
    endpoint = endpoint_of(arguments)
    version = judge_version(subject, endpoint, arguments.text_bytes) if endpoint else rubric_version(subject)
    try:
        whole = subject.sampled(lake, arguments.profile, arguments.count, SHAPES[arguments.shape])
        sample = repeated(whole, arguments.turn, arguments.share)
        worksheet = Worksheet(work_folder(arguments, lake) / "label.sqlite", version)
    except (LookupError, WorksheetError) as error:
        raise CodemillError(str(error)) from error
    judge = judge_of(arguments, endpoint) if endpoint else None
    keep_oracle(lake, version, subject, endpoint, arguments.text_bytes)

    def begins(texts: int, shown_bytes: int) -> None:
        if not arguments.quiet:
            told = plan(subject, texts, shown_bytes, judge) if judge else ""
            sys.stderr.writelines(f"codemill: {line}\n" for line in (told, subject.warning(lake, arguments.profile)) if line)

    is_done = False
    try:
        with recorded(lake, JOB_NAME, parameters(arguments)) as row:
            asked = Asked(arguments.turn, arguments.text_bytes, arguments.again)
            found = label(lake, subject, sample, worksheet, judge, asked, begins, progress(arguments.quiet))
            row.account.read_rows, row.written = sample.rows.num_rows, {LABELS.name: found.asked}
            row.account.dropped = {name: count for name, count in found.answers.items() if name != "rated"}
            if found.signal:
                sys.stderr.write(f"codemill: {ended(found, subject)}\n")
                raise KeyboardInterrupt if found.signal == signal.SIGINT else SystemExit(128 + found.signal)
        is_done = found.left == 0
    except (JudgeError, WorksheetError) as error:
        raise CodemillError(str(error)) from error
    finally:
        worksheet.close(is_done)
    print(json.dumps(as_json(found, judge))) if arguments.json else show(found, subject, judge)
    return 0 if is_done else 1


def parameters(arguments: argparse.Namespace) -> dict[str, Any]:
    """For the ledger: what was asked for. The key is none of it."""
    names = (
        "kind",
        "count",
        "shape",
        "profile",
        "turn",
        "share",
        "again",
        "judge",
        "model",
        "budget_tokens",
        "budget_money",
        "text_bytes",
        "answer_tokens",
        "body",
    )
    return {name: getattr(arguments, name) for name in names}


def check(arguments: argparse.Namespace) -> None:
    check_least(arguments, {"count": 1, "turn": 0, "attempts": 1, "answer_tokens": 1, "text_bytes": 100})
    check_least(arguments, {"concurrency": 1}, most=MOST_THREADS)
    check_least(arguments, {"timeout": 0.1}, most=MOST_TIMEOUT_S)
    check_least(arguments, dict.fromkeys(("budget_tokens", "budget_money", "prompt_price", "answer_price"), 0))
    check_body(arguments)
    check_least(arguments, {"requests_per_minute": 0.1, "tokens_per_minute": 1})
    if not 0 < arguments.share <= 1:
        raise UsageError(f"--share {arguments.share}: expected more than 0 and at most 1")
    if not arguments.judge:
        return
    if not is_address(arguments.judge):
        raise UsageError(f"--judge {arguments.judge}: expected an address such as https://HOST/v1")
    if not arguments.model:
        raise UsageError("--judge needs --model: the name that the endpoint knows the model by")
    if arguments.budget_tokens is None and arguments.budget_money is None:
        raise UsageError("--judge needs --budget-tokens or --budget-money: what may be spent")
    if arguments.budget_money is not None and None in (arguments.prompt_price, arguments.answer_price):
        raise UsageError("--budget-money needs --prompt-price and --answer-price: what has no price costs nothing")


def is_address(text: str) -> bool:
    try:
        found = urllib.parse.urlsplit(text)
        return found.scheme in ("http", "https") and bool(found.hostname) and found.port != 0 and not re.search(r"\s", text)
    except ValueError:
        return False


def check_body(arguments: argparse.Namespace) -> None:
    """Makes an object of --body. The answer must keep a limit, which the budget reckons with."""
    try:
        found = json.loads(arguments.body)
    except ValueError as error:
        raise UsageError(f"--body {arguments.body}: {error}; expected a JSON object") from error
    if not isinstance(found, dict) or {"model", "messages", "stream"} & found.keys():
        raise UsageError(f"--body {arguments.body}: expected a JSON object without model, messages and stream")
    if {"n", "best_of"} & found.keys():
        raise UsageError(f"--body {arguments.body}: expected one answer to a question, since the budget reckons with one: no n, no best_of")
    limits = {"max_tokens": arguments.answer_tokens} | {name: found[name] for name in ANSWER_LIMITS if name in found}
    given = [value for value in limits.values() if value is not None]
    if not given or not all(type(value) is int and 0 < value <= arguments.answer_tokens for value in given):
        raise UsageError(f"--body {arguments.body}: expected a limit of the answer of at most --answer-tokens {arguments.answer_tokens}")
    arguments.body = found


def endpoint_of(arguments: argparse.Namespace) -> Endpoint | None:
    if not arguments.judge:
        return None
    key = os.environ.get(arguments.key_env, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise UsageError(f"the key in {arguments.key_env} has characters that no header can hold: expected one line of ASCII")
    prices = arguments.prompt_price or 0.0, arguments.answer_price or 0.0
    limits = arguments.timeout, arguments.attempts, arguments.answer_tokens
    return Endpoint(arguments.judge, arguments.model, key, *limits, *prices, arguments.body)


def judge_of(arguments: argparse.Namespace, endpoint: Endpoint) -> Judge:
    budget = Budget(arguments.budget_tokens, arguments.budget_money)
    paces = Pace(arguments.requests_per_minute), Pace(arguments.tokens_per_minute)
    return Judge(endpoint, budget, arguments.concurrency, *paces)


def work_folder(arguments: argparse.Namespace, lake: Lake) -> Path:
    """On this machine, whatever the lake is on: answers must be safe before they travel."""
    if arguments.work:
        return Path(arguments.work)
    if lake.is_local:
        return Path(lake.path("label"))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "codemill" / f"label-{hashlib.sha256(lake.root.encode()).hexdigest()[:12]}"


def agree(arguments: argparse.Namespace) -> int:
    lake = Lake.at(arguments.lake)
    lake.check_format()
    found = agreements(lake)
    if arguments.json:
        print(json.dumps([dataclasses.asdict(one) for one in found]))
        return 0
    if not found:
        raise CodemillError(
            "no two oracles rated the same files. Expected labels of two of them, or of one in two turns:"
            f" codemill label --lake {lake.root} --count N --turn 1"
        )
    table = RichTable("first", "second", "files", "MAE", "cMAE", "equal", "within 1", "Spearman", "kappa")
    for one in found:
        shares = (f"{one.equal_share:.1%}", f"{one.within_one_share:.1%}")
        rank = "-" if one.spearman is None else f"{one.spearman:.3f}"
        table.add_row(one.one, one.other, f"{one.files:,}", f"{one.mae:.2f}", f"{one.cmae:.2f}", *shares, rank, f"{one.kappa:.3f}")
    console().print(table)
    return 0
