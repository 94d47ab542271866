"""The steps of a phase: gradients of a step's windows, summed over micro-batches and processes, then one update."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.parallel import DistributedDataParallel
from transformers import LlamaForCausalLM

from training.errors import TrainingError
from training.losses import token_losses
from training.plan import Phase, Plan
from training.pools import IGNORED, KINDS, Windows
from training.processes import Processes
from training.record import LogLine

_LINE_EVERY_S = 3.0
_LOGGED_STEPS = 50  # of a phase
_STEADY_STEP = 10  # earlier steps are slower: their time says nothing about the rest


@dataclass
class Run:
    """A run in progress: all that a saved state must restore. Seconds are spent in training steps, before a kill too.

    `phase` is the number of the phase under way and `phases` are the records of those that are done.
    """

    model: LlamaForCausalLM
    optimizers: tuple[torch.optim.Optimizer, ...]
    phase: int = 0
    phase_step: int = 0
    step: int = 0
    tokens: int = 0
    phase_tokens: int = 0
    seconds: float = 0.0
    phase_seconds: float = 0.0
    fim_documents: int = 0
    log: list[LogLine] = field(default_factory=list)
    phases: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Steps:
    """What a step needs besides its windows. `model` is the run's, wrapped where several processes hold it whole."""

    plan: Plan
    processes: Processes
    model: torch.nn.Module
    fim_middle_id: int | None

    @classmethod
    def of(cls, plan: Plan, processes: Processes, model: LlamaForCausalLM, fim_middle_id: int | None) -> "Steps":
        # Buffers are the rotations, the same everywhere.
        is_copied = processes.count > 1 and not plan.shards_model
        wrapped = DistributedDataParallel(model, broadcast_buffers=False) if is_copied else model
        return cls(plan, processes, wrapped, fim_middle_id)


def optimizers_of(model: LlamaForCausalLM, plan: Plan) -> tuple[torch.optim.Optimizer, ...]:
    """`muon`: for the layers' matrices, AdamW for all else; one learning rate suits both, as Muon's updates are scaled."""
    weights = list(model.parameters())
    matrices = [weight for weight in model.model.layers.parameters() if weight.ndim == 2] if plan.optimizer == "muon" else []
    chosen = {id(matrix) for matrix in matrices}
    others = [weight for weight in weights if id(weight) not in chosen]
    adamw = torch.optim.AdamW(others, betas=(0.9, 0.95), weight_decay=plan.weight_decay, fused=True)
    if not matrices:
        return (adamw,)
    return (torch.optim.Muon(matrices, weight_decay=plan.weight_decay, adjust_lr_fn="match_rms_adamw"), adamw)


def planned_steps(phase: Phase, step: int, seconds: float) -> int:
    """What the budget allows at the speed so far. The same on every machine that is fast enough: all of them."""
    if step < _STEADY_STEP or phase.seconds_budget is None:
        return phase.steps
    return min(phase.steps, max(step, int(step * phase.seconds_budget / seconds)))


def train_phase(
    run: Run, batches: Iterator[Windows], phase: Phase, steps: Steps, save: Callable[[], None], say: Callable[[str], None]
) -> None:
    """Takes the run to the phase's last step. `batches` start at the run's step. All processes decide alike, by the first one's clock."""
    log_every = max(1, phase.steps // _LOGGED_STEPS)
    said = saved = run.phase_seconds
    began, before = time.monotonic() - run.phase_seconds, run.seconds - run.phase_seconds
    planned = planned_steps(phase, run.phase_step, run.phase_seconds)
    sums = torch.zeros(3, len(KINDS), dtype=torch.float64, device=steps.processes.device)
    while run.phase_step < planned:
        rate = phase.rate(run.phase_step, planned)
        sums += _step(run, next(batches), rate, steps)
        run.step, run.phase_step = run.step + 1, run.phase_step + 1
        if run.phase_step % log_every and run.phase_step < planned:
            continue
        run.phase_seconds = steps.processes.agreed(time.monotonic() - began)
        run.seconds = before + run.phase_seconds
        _log(run, phase.name, rate, steps.processes.summed(sums).cpu())
        sums = torch.zeros_like(sums)
        planned = planned_steps(phase, run.phase_step, run.phase_seconds)
        if run.phase_seconds - said >= _LINE_EVERY_S or run.phase_step <= log_every or run.phase_step >= planned:
            said = run.phase_seconds
            say(_progress(run, phase, planned))
        if run.phase_seconds - saved >= steps.plan.save_every_s and run.phase_step < planned:
            saved = run.phase_seconds
            save()


def _step(run: Run, batch: Windows, rate: float, steps: Steps) -> torch.Tensor:
    """One update. Returns, of this process's windows, nats, targets and documents with a middle by kind, the last in the first column."""
    plan, here = steps.plan, steps.processes
    run.model.train()
    targets = here.summed(torch.tensor(int((batch.targets != IGNORED).sum()), device=here.device))
    sums = torch.zeros(3, len(KINDS), dtype=torch.float64, device=here.device)
    for start in range(0, len(batch), plan.micro_batch):
        part = batch[start : start + plan.micro_batch]
        is_last = start + plan.micro_batch >= len(batch)
        # A model in parts adds up the gradients of every micro-batch: to wait would take the room of all of them on each device.
        waits = steps.model.no_sync() if isinstance(steps.model, DistributedDataParallel) and not is_last else nullcontext()
        with waits:
            with torch.autocast(here.device.type, torch.bfloat16, enabled=plan.precision == "bf16"):
                losses = token_losses(steps.model, part, plan.attention if plan.masks_documents else None, here.device)
            (losses.sum() * here.count / targets).backward()  # gradients are averaged over processes
        _add_by_kind(sums, losses.detach(), part)
    if steps.fim_middle_id is not None:
        sums[2, 0] += int((batch.targets == steps.fim_middle_id).sum())
    torch.nn.utils.clip_grad_norm_(run.model.parameters(), plan.gradient_clip)
    for optimizer in run.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return sums


def _add_by_kind(sums: torch.Tensor, losses: torch.Tensor, windows: Windows) -> None:
    kinds = torch.from_numpy(windows.kinds).to(losses.device).flatten().long()
    counted = torch.from_numpy(windows.targets != IGNORED).to(losses.device).flatten().double()
    sums[0].index_add_(0, kinds, losses.flatten().double())
    sums[1].index_add_(0, kinds, counted)


def _log(run: Run, phase: str, rate: float, sums: torch.Tensor) -> None:
    nats, targets, (middles, *_) = sums.tolist()
    loss = sum(nats) / sum(targets)
    if not math.isfinite(loss):
        raise TrainingError(f"the loss is {loss} at step {run.step} of {phase}; lower its learning_rate, or raise its warmup_steps")
    by_kind = {kind: nats[place] / targets[place] for place, kind in enumerate(KINDS) if targets[place]}
    run.tokens, run.phase_tokens = run.tokens + int(sum(targets)), run.phase_tokens + int(sum(targets))
    run.fim_documents += int(middles)
    run.log.append(LogLine(phase, run.step, loss, by_kind, rate, run.tokens, round(run.seconds, 2)))


def _progress(run: Run, phase: Phase, planned: int) -> str:
    speed, left_s = run.phase_tokens / run.phase_seconds, run.phase_seconds / run.phase_step * (planned - run.phase_step)
    return f"{phase.name} {run.phase_step:>5}/{planned}  loss {run.log[-1].loss:6.3f}  {speed:>7,.0f} tokens/s  {left_s:4.0f} s left"
