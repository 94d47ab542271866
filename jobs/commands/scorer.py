"""`codemill train-scorer`: a model that learns an oracle's ratings."""

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from rich.table import Table as RichTable

from gpu_scoring.examples import ExamplesError, labelled
from gpu_scoring.out_folder import OutFolderError, check_out
from gpu_scoring.population import KINDS
from jobs.commands.options import MOST_THREADS, add_json, add_lake, add_parser, check_least, console, text_name
from jobs.decide.profiles import PROFILES
from jobs.runtime.errors import CodemillError, UsageError
from jobs.runtime.ledger import recorded
from schemas.lake import Lake

JOB_NAME = "train.scorer"  # in the ledger


def add(commands: Any) -> None:
    found = add_parser(
        commands,
        "train-scorer",
        train,
        "train a scorer on the lake's labels; measured on held-out repositories, or hosts, beside baselines",
    )
    add_lake(found)
    found.add_argument("--out", required=True, metavar="FOLDER", help="the model's folder, with its card")
    found.add_argument("--labels", metavar="VERSION", type=text_name, help="whose ratings (needed where several oracles rated)")
    found.add_argument("--kind", default=KINDS[0], choices=KINDS, help="of what it is a scorer: of files (default), or of pages")
    found.add_argument(
        "--profile", default="demo", choices=sorted(PROFILES), help="whose gates rated texts must pass, as they are now (default: demo)"
    )
    found.add_argument(
        "--from", dest="checkpoint", default="", metavar="FOLDER", help="a causal language model to start from (default: random weights)"
    )
    found.add_argument("--window", type=int, default=512, metavar="N", help="tokens of a text that are read (default: 512)")
    found.add_argument("--epochs", type=int, default=1, metavar="N", help="default: 1, as in the report")
    found.add_argument(
        "--learning-rate", type=float, default=1e-3, metavar="X", help="default: 0.001, for random weights; far less for a checkpoint"
    )
    found.add_argument("--batch-tokens", type=int, default=4096, metavar="N", help="tokens of a step (default: 4096)")
    found.add_argument("--hidden-size", type=int, default=128, metavar="N", help="of random weights, a multiple of 32 (default: 128)")
    found.add_argument("--layers", type=int, default=4, metavar="N", help="of random weights (default: 4)")
    found.add_argument("--vocabulary-size", type=int, default=4096, metavar="N", help="of random weights (default: 4096)")
    found.add_argument("--shuffled-labels", action="store_true", help="give texts each other's ratings: what can be learned from nothing")
    found.add_argument("--seed", type=int, default=0, metavar="N")
    found.add_argument("--threads", type=int, default=0, metavar="N", help="default: as many as torch takes")
    found.add_argument("--device", default="auto", metavar="NAME", help="cpu, cuda or cuda:N (default: a GPU where there is one)")
    found.add_argument("--quiet", action="store_true", help="show no progress")
    add_json(found)


def train(arguments: argparse.Namespace) -> int:
    check(arguments)
    lake = Lake.at(arguments.lake)
    lake.check_format()
    try:
        data = labelled(lake, arguments.labels, arguments.profile, arguments.kind)
    except ExamplesError as error:
        raise CodemillError(str(error)) from error
    # Here and not above: other commands should not wait for torch.
    from gpu_scoring.device import chosen
    from gpu_scoring.scorer import ScorerError, Shape
    from gpu_scoring.train import TrainParams, train_scorer

    try:
        chosen(arguments.device)
    except ValueError as error:
        raise UsageError(f"--device {arguments.device}: {error}") from error
    shape = Shape(arguments.hidden_size, arguments.layers, arguments.vocabulary_size)
    names = ("window", "epochs", "learning_rate", "batch_tokens", "shuffled_labels", "seed", "threads", "checkpoint", "device")
    params = TrainParams(shape=shape, **{name: getattr(arguments, name) for name in names})

    def say(line: str) -> None:
        if not arguments.quiet:
            sys.stderr.write(f"codemill: {line}\n")

    asked = dataclasses.asdict(params) | {"out": arguments.out, "labels": data.version, "oracle": data.oracle}
    asked |= {"profile": arguments.profile, "kind": arguments.kind}
    try:
        with recorded(lake, JOB_NAME, asked) as row:
            if data.left_out:
                say(f"{data.left_out:,} rated {data.kind}s are left out: they do not pass the gates of the profile {arguments.profile} now")
            if data.unknown:
                say(f"{data.unknown:,} are left out: decide/features or ingest/contents lacks them; nobody knows whether they are held out")
            found = train_scorer(data, params, Path(arguments.out), say)
            row.account.read_rows = len(data.train) + len(data.held_out)
    except ScorerError as error:
        raise CodemillError(str(error)) from error
    if arguments.json:
        print(json.dumps(dataclasses.asdict(found)))
        return 0
    table = RichTable(f"held-out {data.kind}s", f"{data.kind}s", "MAE", "95 %", "cMAE", "Spearman")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, one in (("scorer", found.scorer), *found.baselines.items()):
        rank = "-" if one.spearman is None else f"{one.spearman:.3f}"
        table.add_row(name, f"{one.files:,}", f"{one.mae:.2f}", f"{one.mae_low:.2f} to {one.mae_high:.2f}", f"{one.cmae:.2f}", rank)
    console().print(table)
    print(f"{found.train_files:,} {data.kind}s rated by {data.oracle}, {found.seconds:.0f} s. Errors are on the oracle's scale, 0 to 10.")
    if data.oracle == "rubric":
        print("The rubric counts; it does not judge. That it is learned proves that the way works, and nothing about quality.")
    print(f"model {found.model_hash}: {arguments.out}, with its card")
    return 0


def check(arguments: argparse.Namespace) -> None:
    check_least(arguments, {"window": 8, "epochs": 1, "batch_tokens": 64, "layers": 1, "vocabulary_size": 300, "hidden_size": 32})
    check_least(arguments, {"threads": 0}, most=MOST_THREADS)
    check_least(arguments, {"seed": 0}, most=2**63 - 1)
    if arguments.hidden_size % 32:
        raise UsageError(f"--hidden-size {arguments.hidden_size}: expected a multiple of 32")
    if not arguments.learning_rate > 0:
        raise UsageError(f"--learning-rate {arguments.learning_rate}: expected more than 0")
    try:
        check_out(Path(arguments.out), arguments.checkpoint)
    except OutFolderError as error:
        raise UsageError(f"--out: {error}") from error
