"""The trainer's command: `python -m training train`, `evaluate`, `plans`; `torchrun --nproc-per-node N -m training train ...` for many."""

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from training.errors import PlanError, TrainingError
from training.plans import PLANS, plan_named, with_values
from training.record import METRICS_NAME, check_replaceable, finished, run_id
from training.shapes import SHAPES
from udfs.manifest import ShardError
from udfs.tokenizer import TokenizerError

_EXAMPLES = """examples:
  python -m training train --shards LAKE/mix/shards --out OUT --set regular.steps=100
  python -m training train --shards REGULAR --set continued.shards=CONTINUED --plan my_plan.py --out OUT
  torchrun --nproc-per-node 8 -m training train --shards LAKE/mix/shards --plan pilot --out OUT
  python -m training evaluate --checkpoint OUT/checkpoint --shards LAKE/mix/shards

A run that was killed goes on at the step of its last saved state when the same command is given again, with as many processes or
others; a run that is already there is not done again. Exit status: 0 done, 1 failed, 2 wrong usage."""


def train(chosen: argparse.Namespace) -> dict[str, Any]:
    """The record of the run, as metrics.json holds it."""
    from training.folders import folders_of

    plan = with_values(plan_named(chosen.plan), chosen.set)
    is_first = os.environ.get("RANK", "0") == "0"
    folders = folders_of(plan, chosen.shards, is_verified=chosen.verify and is_first)
    run = run_id(plan, {name: folder.sha256 for name, folder in folders.items()})
    if (done := finished(Path(chosen.out), run)) is not None:
        _say(f"nothing to do: {Path(chosen.out) / METRICS_NAME} is of this very run")
        return done
    check_replaceable(Path(chosen.out))
    # Threads that spin while they wait make torch six times slower where other processes want the cores; read at torch's import.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from training.trainer import train_plan  # torch and transformers: seconds that a finished run need not pay

    return asdict(train_plan(plan, folders, run, Path(chosen.out), _say))


def evaluate(chosen: argparse.Namespace) -> dict[str, Any]:
    from training.checkpoints import evaluate_checkpoint

    asked = (chosen.window, chosen.tokens, chosen.fim_documents, chosen.masks_documents)
    return evaluate_checkpoint(chosen.checkpoint, chosen.shards, *asked, _say)


def plans(chosen: argparse.Namespace) -> dict[str, Any]:
    for name, plan in PLANS.items():
        _say(f"{name}: {plan.model}, {plan.optimizer}, {plan.precision}")
        for phase in plan.phases:
            tokens = phase.steps * phase.batch_size * phase.window
            _say(
                f"  {phase.name}: {phase.steps:,} steps of {phase.batch_size} windows of {phase.window:,} tokens ({tokens:,} tokens), "
                f"rate {phase.learning_rate:g} {phase.schedule}, RoPE theta {phase.rope_theta:,.0f}"
            )
    parameters = {name: shape.parameters(chosen.vocabulary) for name, shape in SHAPES.items()}
    for name, count in parameters.items():
        _say(f"{name}: {count:,} parameters with a vocabulary of {chosen.vocabulary:,}")
    return {"plans": {name: asdict(plan) for name, plan in PLANS.items()}, "parameters": parameters}


def _say(line: str) -> None:
    print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Trains decoders of Llama-3 structure on folders of shards, in phases, and measures them on held-out text.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = _command(commands, "train", train, "train the phases of a plan; writes OUT/checkpoint and OUT/metrics.json")
    one.add_argument("--shards", required=True, metavar="FOLDER", help="folder with manifest.json: a path or a URI that Arrow knows")
    one.add_argument("--out", required=True, metavar="FOLDER", help="local folder for the checkpoint, the metrics and saved states")
    one.add_argument(
        "--plan", default="probe", metavar="NAME|FILE.py", help=f"{', '.join(PLANS)}, or a file that sets PLAN; default: probe"
    )
    one.add_argument("--set", action="append", default=[], metavar="[PHASE.]FIELD=VALUE", help="change a value of the plan; repeatable")
    one.add_argument("--no-verify", dest="verify", action="store_false", help="trust the shards without reading them for their hashes")
    one = _command(commands, "evaluate", evaluate, "bits per byte and the check of middles, of a checkpoint on the held-out split")
    one.add_argument("--checkpoint", required=True, metavar="FOLDER", help="as `train` writes it, or another Llama for `transformers`")
    one.add_argument("--shards", required=True, metavar="FOLDER", help="folder with manifest.json and the checkpoint's own tokenizer")
    one.add_argument("--window", type=int, metavar="N", help="tokens; default: the checkpoint's window")
    one.add_argument("--tokens", type=int, default=65_536, metavar="N", help="evaluated, about; default: 65536")
    one.add_argument("--fim-documents", type=int, default=64, metavar="N", help="texts whose middles are asked for; default: 64")
    one.add_argument("--masks-documents", action="store_true", help="show each document alone, as a plan with masks_documents does")
    one = _command(commands, "plans", plans, "what the named plans are, and how many parameters the models have")
    one.add_argument("--vocabulary", type=int, default=100_000, metavar="N", help="entries of the embeddings; default: 100000")
    return parser


def _command(commands: Any, name: str, function: Any, told: str) -> argparse.ArgumentParser:
    found: argparse.ArgumentParser = commands.add_parser(name, help=told, description=told[0].upper() + told[1:] + ".")
    found.add_argument("--json", action="store_true", help="the last line printed is the result as one JSON object, without the log")
    found.set_defaults(function=function)
    return found


def main(arguments: list[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    try:
        found = chosen.function(chosen)
    except (TrainingError, ShardError, TokenizerError) as error:
        print(f"training: {error}", file=sys.stderr)
        return 2 if isinstance(error, PlanError) else 1
    if os.environ.get("RANK", "0") != "0":
        return 0
    for prompt, text in found.get("completions", {}).items():
        _say(f"  {prompt!r} -> {text!r}")
    if "checkpoint" in found:
        _say(f"checkpoint: {found['checkpoint']}")
    if chosen.json:
        _say(json.dumps({name: value for name, value in found.items() if name != "log"}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
