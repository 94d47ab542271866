"""What a run finds, and where it writes it. No torch here: a run that is already there is recognised without it."""

import hashlib
import json
import os
import platform
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from training.errors import TrainingError
from training.plan import Plan

METRICS_NAME = "metrics.json"
CHECKPOINT_NAME = "checkpoint"
MARK_NAME = "codemill-run.txt"  # in the checkpoint: the run's id, and that the folder may be replaced
VERSION = 5  # raised where the same plan would give other numbers


@dataclass(frozen=True)
class LogLine:
    """Losses are means since the line before, in nats per token; `step`, `tokens` and `seconds` count from the start of the run."""

    phase: str
    step: int
    loss: float
    loss_by_kind: dict[str, float]
    learning_rate: float
    tokens: int
    seconds: float


@dataclass(frozen=True)
class Bits:
    """What a model needs for a byte of text, over so many tokens and bytes."""

    bits_per_byte: float
    tokens: int
    text_bytes: int


@dataclass(frozen=True)
class HeldOutBits:
    """`unigram` is what a model needs that knows only how frequent each token is. Languages are `unknown` where shards do not say them."""

    model: Bits
    unigram: float
    by_kind: dict[str, Bits]
    by_language: dict[str, Bits]


@dataclass(frozen=True)
class FimCheck:
    """Bits per byte of the true middles of held-out texts, each between its suffix and prefix, in the order suffix, prefix, middle.

    `without_suffix`: the same middles after the same prefixes and an empty suffix. `in_another_document`: the same middles, each
    between the suffix and prefix of another text. `trained_on` counts the documents with a middle that training saw: with none, the model
    never learnt what the tokens mean, and nothing is to be expected. Figures are None where `skipped` says why.
    """

    skipped: str | None = None
    documents: int = 0
    middle_bytes: int = 0
    trained_on: int = 0
    bits_per_byte: float | None = None
    without_suffix: float | None = None
    in_another_document: float | None = None


@dataclass(frozen=True)
class PhaseResult:
    """`tokens` are the phase's own. `loss_by_kind` is over the last fifth of its log lines. `held_out` is None where nothing is."""

    name: str
    steps: int
    steps_asked: int
    tokens: int
    window: int
    learning_rate: float
    first_loss: float
    final_loss: float
    loss_by_kind: dict[str, float]
    training_s: float
    held_out: HeldOutBits | None


@dataclass(frozen=True)
class TrainResult:
    """What metrics.json holds. The figures on held-out text are those after the last phase; None where no text is held out."""

    run: str
    manifests: dict[str, str]
    steps: int
    tokens: int
    parameters: int
    processes: int
    device: str
    first_loss: float
    final_loss: float
    phases: tuple[PhaseResult, ...]
    held_out_bits_per_byte: float | None
    unigram_bits_per_byte: float | None
    held_out_tokens: int
    held_out_text_bytes: int
    fim: FimCheck
    completions: dict[str, str]
    training_s: float
    checkpoint: str
    versions: dict[str, str]
    plan: dict[str, Any]
    log: tuple[LogLine, ...]


def run_id(plan: Plan, manifests: dict[str, str]) -> str:
    """Names what the numbers depend on: not where the folders lie, how often states are saved, or how many processes there are."""
    phases = tuple(replace(phase, shards=None) for phase in plan.phases)
    depends = asdict(replace(plan, phases=phases, save_every_s=1.0, kept_states=1))
    return hashlib.sha256(json.dumps([VERSION, depends, manifests, library_versions()], sort_keys=True).encode()).hexdigest()


def library_versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in ("pyarrow", "tokenizers", "torch", "transformers")}}


def write_result(result: TrainResult, out: Path) -> None:
    written = out / f"{METRICS_NAME}.new"
    written.write_text(json.dumps(asdict(result), indent=2) + "\n")
    os.replace(written, out / METRICS_NAME)


def check_replaceable(out: Path) -> None:
    """Raises `TrainingError` where a folder stands in the checkpoint's place that no run wrote: all in it would be gone at the end."""
    folder = out / CHECKPOINT_NAME
    if folder.exists() and not (folder / MARK_NAME).is_file():
        raise TrainingError(
            f"{folder} is not of this trainer, and would be replaced by the checkpoint. Name another --out, or move it away"
        )


def finished(out: Path, run: str) -> dict[str, Any] | None:
    """The record of this very run where it is there already, with its checkpoint."""
    try:
        record: dict[str, Any] = json.loads((out / METRICS_NAME).read_bytes())
    except (OSError, ValueError):
        return None
    return record if record.get("run") == run and (out / CHECKPOINT_NAME).is_dir() else None
