"""Tiny plans of two phases, and how tests train by them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from training.folders import folders_of
from training.plan import Phase, Plan
from training.record import TrainResult, run_id
from training.trainer import train_plan

REGULAR = Phase("regular", 60, 32, 8, 1e-2, warmup_steps=10)
CONTINUED = Phase("continued", 10, 64, 8, 1e-3, rope_theta=500_000.0)
TINY = Plan("test", "nano", (REGULAR, CONTINUED), "muon", threads=1, completion_tokens=4, prompts=("def",), fim_documents=16)
SHORT = replace(TINY, phases=(replace(REGULAR, steps=8), replace(CONTINUED, steps=4)), held_out_tokens=2000, prompts=(), fim_documents=0)


def quiet(line: str) -> None:
    """Progress is not looked at."""


def interrupted(line: str) -> None:
    """Progress that ends a run when its second phase begins."""
    if line.startswith("continued "):
        raise KeyboardInterrupt


def trained(plan: Plan, shards: Path, out: Path, say: Any = quiet) -> TrainResult:
    folders = folders_of(plan, str(shards))
    return train_plan(plan, folders, run_id(plan, {name: folder.sha256 for name, folder in folders.items()}), out, say)


def weights(out: Path) -> bytes:
    return (out / "checkpoint" / "model.safetensors").read_bytes()


def command(shards: Path, out: Path, plan: Path, *options: str) -> list[str]:
    return ["-m", "training", "train", "--shards", str(shards), "--out", str(out), "--plan", str(plan), *options]


def plan_file(folder: Path, plan: Plan) -> Path:
    path = folder / "plan.py"
    path.write_text(f"from training.plan import Phase, Plan\nPLAN = {plan!r}\n")
    return path
