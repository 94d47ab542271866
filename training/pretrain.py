"""One probe run from its first step to its checkpoint."""

import ctypes
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaForCausalLM

from training.evaluate import bits_per_byte, completion, held_out, model_nats, unigram_nats
from training.loader import training_batches
from training.model import ModelShape, build_model, save_checkpoint
from training.record import CHECKPOINT_NAME, METRICS_NAME, ProbeParams, ProbeResult, library_versions, write_result
from training.steps import Run, Schedule, new_run, restore, save_state, train
from udfs.manifest import Manifest
from udfs.tokenizer import Tokenizer

_STATE_NAME = "state.pt"
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # glibc's malloc.h


def pretrain(
    params: ProbeParams, run_id: str, manifest: Manifest, manifest_sha256: str, tokenizer: Tokenizer, say: Callable[[str], None]
) -> ProbeResult:
    """Trains, measures, and writes the checkpoint and then metrics.json; goes on from the saved state of a killed run."""
    torch.set_num_threads(params.threads)
    _keep_freed_memory()
    out = Path(params.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / METRICS_NAME).unlink(missing_ok=True)
    run = _trained(params, run_id, manifest, tokenizer, out / _STATE_NAME, say)
    measured = _measure(run.model, params, manifest, tokenizer, say)
    save_checkpoint(run.model, tokenizer, out / CHECKPOINT_NAME)
    result = ProbeResult(
        run=run_id,
        manifest_sha256=manifest_sha256,
        steps=run.step,
        steps_asked=params.steps,
        tokens=run.tokens,
        parameters=sum(weight.numel() for weight in run.model.parameters()),
        first_loss=run.log[0].loss,
        final_loss=run.log[-1].loss,
        **measured,
        completions={prompt: completion(run.model, tokenizer, prompt, params.completion_tokens) for prompt in params.prompts},
        training_s=round(run.seconds, 1),
        checkpoint=str(out / CHECKPOINT_NAME),
        versions=library_versions(),
        params=asdict(params),
        log=tuple(run.log),
    )
    write_result(result, out)
    (out / _STATE_NAME).unlink(missing_ok=True)
    return result


def _keep_freed_memory() -> None:
    """Else glibc returns each step's logits to the kernel and has them zeroed page by page in the next: a quarter of the processor time."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_M_MMAP_MAX, 0)


def _trained(params: ProbeParams, run_id: str, manifest: Manifest, tokenizer: Tokenizer, state: Path, say: Callable[[str], None]) -> Run:
    heads = max(1, params.hidden_size // 32)
    shape = ModelShape(params.hidden_size, 3 * params.hidden_size, params.layers, heads, max(1, heads // 2))
    run = new_run(build_model(shape, tokenizer, params.context, params.seed))
    restore(run, state, run_id)
    say(f"probe: {run.model.num_parameters():,} parameters, context {params.context}, {params.threads} threads, from step {run.step}")
    batches = training_batches(params.shards, manifest, params.context, params.batch_size, tokenizer.end_id, params.seed, run.step)
    schedule = Schedule(params.steps, params.seconds_budget, params.learning_rate, params.warmup_steps, params.save_every_s)
    train(run, batches, schedule, lambda saved: save_state(saved, state, run_id), say)
    return run


def _measure(
    model: LlamaForCausalLM, params: ProbeParams, manifest: Manifest, tokenizer: Tokenizer, say: Callable[[str], None]
) -> dict[str, Any]:
    sample = held_out(params.shards, manifest, params.context, tokenizer, params.held_out_tokens, str(params.seed))
    if sample is None:
        say("held-out bits per byte: not measured, nothing is held out")
        return dict.fromkeys(("held_out_bits_per_byte", "unigram_bits_per_byte")) | {"held_out_tokens": 0, "held_out_text_bytes": 0}
    ours = bits_per_byte(model_nats(model, sample.windows, params.batch_size), sample.text_bytes)
    unigram = bits_per_byte(unigram_nats(params.shards, manifest, tokenizer.vocabulary_size, sample.windows), sample.text_bytes)
    say(f"held-out bits per byte: {ours:.3f} (unigram {unigram:.3f}) on {sample.tokens:,} tokens, {sample.text_bytes:,} bytes")
    return {
        "held_out_bits_per_byte": ours,
        "unigram_bits_per_byte": unigram,
        "held_out_tokens": sample.tokens,
        "held_out_text_bytes": sample.text_bytes,
    }
