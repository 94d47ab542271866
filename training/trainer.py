"""A run from its first step to its checkpoint: its phases in order, what each of them brought, and the record of it all."""

import contextlib
import ctypes
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from training.errors import TrainingError
from training.evaluate import completion, held_out, measured, model_nats, unigram_nats
from training.fim_check import fim_check, fim_ids
from training.folders import ShardFolder
from training.loader import Batches, joined_sequences, positions_of
from training.model import build_model, save_checkpoint, set_positions
from training.plan import Phase, Plan
from training.processes import Processes, processes
from training.record import CHECKPOINT_NAME, METRICS_NAME, HeldOutBits, TrainResult, library_versions, write_result
from training.sharding import is_in_parts, placed, whole_weights
from training.states import other_states, phases_of, restore, save_state, states_of
from training.steps import Run, Steps, optimizers_of, train_phase

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # glibc's malloc.h
Say = Callable[[str], None]


def train_plan(plan: Plan, folders: dict[str, ShardFolder], run_id: str, out: Path, say: Say) -> TrainResult:
    """Trains, measures, and writes the checkpoint and then metrics.json; goes on from the saved state of a killed run.

    All processes come here; the first alone writes and says. What it returns is the same in all.
    """
    torch.set_num_threads(plan.threads or max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))
    _keep_freed_memory()
    with processes() as here:
        told = say if here.is_first else _nothing
        if here.is_first:
            out.mkdir(parents=True, exist_ok=True)
            (out / METRICS_NAME).unlink(missing_ok=True)
        try:
            return _Trainer(plan, folders, run_id, out, here, told).trained()
        except (torch.OutOfMemoryError, RuntimeError) as error:
            if isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error):
                raise TrainingError(_memory_hint(plan, str(error))) from error
            raise


class _Trainer:
    def __init__(self, plan: Plan, folders: dict[str, ShardFolder], run_id: str, out: Path, here: Processes, say: Say) -> None:
        self.plan, self.folders, self.run_id, self.out, self.here, self.say = plan, folders, run_id, out, here, say
        self.tokenizer = folders[plan.phases[0].name].tokenizer
        first = plan.phases[0]
        model = placed(build_model(plan.shape, self.tokenizer, first.window, first.rope_theta, plan.seed), plan, here)
        if plan.masks_documents and plan.attention == "flex":
            model.set_attn_implementation("flex_attention")
        self.run = Run(model, optimizers_of(model, plan))
        ids = fim_ids(self.tokenizer)
        self.steps = Steps.of(plan, here, model, ids[2] if ids else None)

    def trained(self) -> TrainResult:
        run = self.run
        positions = restore(run, states_of(self.out, self.run_id), self.plan, self.here, self.say)
        where = f"{self.here.count} x {self.here.device.type}" + (", each with a part" if is_in_parts(self.plan, self.here) else "")
        self.say(f"{self.plan.name}: {run.model.num_parameters():,} parameters on {where}, from step {run.step}")
        if others := other_states(self.out, self.run_id):
            self.say(f"{self.out} also holds states of {others} other runs, which stay; remove them where those are not to go on")
        for number in range(run.phase, len(self.plan.phases)):
            self._phase(self.plan.phases[number], positions)
            positions = {}
        return self._finished()

    def _phase(self, phase: Phase, positions: dict[Any, dict[str, int]]) -> None:
        run, folder = self.run, self.folders[phase.name]
        set_positions(run.model, phase.window, phase.rope_theta)
        if not run.phase_step and not phase.keeps_optimizer:
            run.optimizers = optimizers_of(run.model, self.plan)
        joined = joined_sequences(folder.manifest, phase.window, phase.joins_sequences, phase.name)
        # A phase over the shards of the one before would start with the same windows if it had the same order.
        source = folder.source("train", phase.window, f"{self.plan.seed}.{run.phase}", joined)
        batches = Batches(source, phase.batch_size, self.here.rank, self.here.count, positions_of(positions))
        train_phase(run, batches, phase, self.steps, lambda: self._save(batches.positions()), self.say)
        lines = [line for line in run.log if line.phase == phase.name]
        recent = lines[-max(1, len(lines) // 5) :]
        seen = sorted({kind for line in recent for kind in line.loss_by_kind})
        kinds = {kind: [line.loss_by_kind[kind] for line in recent if kind in line.loss_by_kind] for kind in seen}
        bits = self._held_out(phase, joined)
        run.phases.append(
            {
                "name": phase.name,
                "steps": run.phase_step,
                "steps_asked": phase.steps,
                "tokens": run.phase_tokens,
                "window": phase.window,
                "learning_rate": phase.learning_rate,
                "first_loss": lines[0].loss,
                "final_loss": lines[-1].loss,
                "loss_by_kind": {kind: sum(losses) / len(losses) for kind, losses in kinds.items()},
                "training_s": round(run.phase_seconds, 1),
                "held_out": None if bits is None else asdict(bits),
            }
        )
        run.phase, run.phase_step, run.phase_tokens, run.phase_seconds = run.phase + 1, 0, 0, 0.0
        self._save({})

    def _save(self, mine: dict[int, dict[str, int]]) -> None:
        positions = {number: position for one in self.here.gathered(mine) for number, position in one.items()}
        save_state(self.run, positions, states_of(self.out, self.run_id), self.plan, self.here)

    def _held_out(self, phase: Phase, joined: int) -> HeldOutBits | None:
        folder, plan = self.folders[phase.name], self.plan
        sample = held_out(folder.source("held_out", phase.window, plan.seed, joined), self.tokenizer.token_bytes, plan.held_out_tokens)
        if sample is None:
            self.say(f"{phase.name}: held-out bits per byte: not measured, nothing is held out")
            return None
        attention = plan.attention if plan.masks_documents else None
        nats = model_nats(self.run.model, sample.windows, plan.micro_batch, attention, self.here)
        found = measured(sample, nats, unigram_nats(folder.source("train", phase.window, plan.seed, joined), sample.windows))
        told = f"{found.model.bits_per_byte:.3f} (unigram {found.unigram:.3f}) on {sample.tokens:,} tokens, {sample.text_bytes:,} bytes"
        self.say(f"{phase.name}: held-out bits per byte: {told}")
        return found

    def _finished(self) -> TrainResult:
        """Measures what is measured once, and writes it. What a killed run has not written is measured again."""
        run, plan, last = self.run, self.plan, self.plan.phases[-1]
        set_positions(run.model, last.window, last.rope_theta)  # a run restored after its last phase has those of the first
        run.model.set_attn_implementation("sdpa")  # what follows has texts of many lengths, for each of which `flex` would be compiled
        folder = self.folders[last.name]
        joined = joined_sequences(folder.manifest, last.window, last.joins_sequences, last.name)
        source = folder.source("held_out", last.window, plan.seed, joined)
        fim = fim_check(run.model, source, self.tokenizer, plan.fim_documents, run.fim_documents, plan.micro_batch, self.here)
        phases = phases_of(run)
        bits = phases[-1].held_out
        result = TrainResult(
            run=self.run_id,
            manifests={name: found.sha256 for name, found in self.folders.items()},
            steps=run.step,
            tokens=run.tokens,
            parameters=run.model.num_parameters(),
            processes=self.here.count,
            device=self.here.device.type,
            first_loss=run.log[0].loss,
            final_loss=run.log[-1].loss,
            phases=phases,
            held_out_bits_per_byte=bits.model.bits_per_byte if bits else None,
            unigram_bits_per_byte=bits.unigram if bits else None,
            held_out_tokens=bits.model.tokens if bits else 0,
            held_out_text_bytes=bits.model.text_bytes if bits else 0,
            fim=fim,
            completions={prompt: completion(run.model, self.tokenizer, prompt, plan.completion_tokens) for prompt in plan.prompts},
            training_s=round(run.seconds, 1),
            checkpoint=str(self.out / CHECKPOINT_NAME),
            versions=library_versions(),
            plan=asdict(plan),
            log=tuple(run.log),
        )
        self._written(result)
        return result

    def _written(self, result: TrainResult) -> None:
        weights = whole_weights(self.run.model) if is_in_parts(self.plan, self.here) else None
        if self.here.is_first:
            save_checkpoint(self.run.model, self.tokenizer, self.out / CHECKPOINT_NAME, self.run_id, weights)
            write_result(result, self.out)
            shutil.rmtree(states_of(self.out, self.run_id), ignore_errors=True)
            with contextlib.suppress(OSError):  # states of other runs stay
                states_of(self.out, self.run_id).parent.rmdir()


def _keep_freed_memory() -> None:
    """Else glibc returns each step's logits to the kernel and has them zeroed page by page in the next: a quarter of the processor time."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_M_MMAP_MAX, 0)


def _memory_hint(plan: Plan, said: str) -> str:
    needed = ", or another model" if plan.model != "nano" else ""
    held = "" if plan.shards_model else "Every process holds the whole model and its optimizer: shards_model=true divides them"
    return (
        f"out of memory: {said.splitlines()[0]}. The plan {plan.name!r} sends {plan.micro_batch} windows at once through {plan.model}; "
        f"set a smaller micro_batch (the steps stay the same), then recomputes_layers=true, a shorter window{needed}. {held}"
    )


def _nothing(line: str) -> None:
    """Progress of the other processes is the first one's."""
