"""The training steps of the probe, and the states from which a killed run goes on."""

import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from transformers import LlamaForCausalLM

from training.loader import IGNORED, Windows
from training.record import LogLine

_LINE_EVERY_S = 3.0
_LOGGED_STEPS = 50
_STEADY_STEP = 10  # earlier steps are slower: their time says nothing about the rest


@dataclass(frozen=True)
class Schedule:
    """How many steps, how fast, and until when; `seconds_budget` lowers the steps where the machine is too slow for them."""

    steps: int
    seconds_budget: float
    learning_rate: float
    warmup_steps: int
    save_every_s: float

    def rate(self, step: int, planned_steps: int) -> float:
        """A linear warm-up times a cosine from the full rate to a tenth of it."""
        warmup = min(1.0, (step + 1) / self.warmup_steps)
        return self.learning_rate * warmup * (0.1 + 0.45 * (1 + math.cos(math.pi * step / planned_steps)))

    def planned_steps(self, step: int, seconds: float) -> int:
        """What the budget allows at the speed so far. The same on every machine that is fast enough: all of them."""
        if step < _STEADY_STEP:
            return self.steps
        return min(self.steps, max(step, int(step * self.seconds_budget / seconds)))


@dataclass
class Run:
    """A run in progress: all that a saved state must restore. `seconds` are spent in training steps, before a kill too."""

    model: LlamaForCausalLM
    optimizers: tuple[torch.optim.Optimizer, ...]
    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    log: list[LogLine] = field(default_factory=list)


def new_run(model: LlamaForCausalLM) -> Run:
    """Muon for the layers' matrices, AdamW for embeddings, head and norms; one learning rate suits both, as Muon's updates are scaled."""
    matrices = [weight for weight in model.model.layers.parameters() if weight.ndim == 2]
    others = [weight for weight in model.parameters() if all(weight is not matrix for matrix in matrices)]
    muon = torch.optim.Muon(matrices, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    return Run(model, (muon, torch.optim.AdamW(others, betas=(0.9, 0.95), weight_decay=0.1, fused=True)))


def train(run: Run, batches: Iterator[Windows], schedule: Schedule, save: Callable[[Run], None], say: Callable[[str], None]) -> None:
    """Takes the run to its last step. `batches` start at the run's step."""
    log_every = max(1, schedule.steps // _LOGGED_STEPS)
    started, said, saved = time.monotonic() - run.seconds, run.seconds, run.seconds
    planned, losses = schedule.planned_steps(run.step, run.seconds), []
    while run.step < planned:
        batch = next(batches)
        rate = schedule.rate(run.step, planned)
        losses.append(_step(run, batch, rate))
        run.tokens += int((batch.targets != IGNORED).sum())
        run.step += 1
        run.seconds = time.monotonic() - started
        planned = schedule.planned_steps(run.step, run.seconds)
        if run.step % log_every and run.step < planned:
            continue
        run.log.append(LogLine(run.step, sum(losses) / len(losses), rate, run.tokens, round(run.seconds, 2)))
        losses = []
        if run.seconds - saved >= schedule.save_every_s:
            saved = run.seconds
            save(run)
        if run.seconds - said >= _LINE_EVERY_S or len(run.log) == 1 or run.step >= planned:
            said = run.seconds
            say(_progress(run, planned))


def _step(run: Run, batch: Windows, rate: float) -> float:
    for group in [group for optimizer in run.optimizers for group in optimizer.param_groups]:
        group["lr"] = rate
    run.model.train()
    logits = run.model(input_ids=torch.from_numpy(batch.inputs), use_cache=False).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.from_numpy(batch.targets).flatten(), ignore_index=IGNORED)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(run.model.parameters(), 1.0)
    for optimizer in run.optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return float(loss.detach())


def _progress(run: Run, planned: int) -> str:
    loss, speed, left_s = run.log[-1].loss, run.tokens / run.seconds, run.seconds / run.step * (planned - run.step)
    return f"step {run.step:>5}/{planned}  loss {loss:6.3f}  {speed:>7,.0f} tokens/s  {left_s:4.0f} s left"


def save_state(run: Run, path: Path, run_id: str) -> None:
    """Replaces the state at `path` in one step."""
    state = {
        "run": run_id,
        "step": run.step,
        "tokens": run.tokens,
        "seconds": run.seconds,
        "log": [asdict(line) for line in run.log],
        "model": run.model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in run.optimizers],
    }
    written = path.with_name(path.name + ".new")
    torch.save(state, written)
    os.replace(written, path)


def restore(run: Run, path: Path, run_id: str) -> None:
    """Brings a new run to where the state at `path` was saved; leaves it alone where there is no state of this very run."""
    if not path.exists():
        return
    state = torch.load(path, weights_only=True)
    if state["run"] != run_id:
        return
    run.model.load_state_dict(state["model"])
    for optimizer, saved in zip(run.optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    run.step, run.tokens, run.seconds = state["step"], state["tokens"], state["seconds"]
    run.log = [LogLine(**line) for line in state["log"]]
