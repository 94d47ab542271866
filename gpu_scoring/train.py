"""Training of the scorer: one epoch, mean squared error on [0, 1], measured on held-out repositories or hosts beside three baselines.

Deterministic: the order of texts is a draw by key and seed, weights depend on the seed, and a run that goes on after a kill ends in the
same weights. The state is saved every `save_every_s` seconds and is named by what decides the result.
"""

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from gpu_scoring import baselines
from gpu_scoring.card import card
from gpu_scoring.device import chosen
from gpu_scoring.examples import Examples, Labelled
from gpu_scoring.metrics import CalibrationBin, Measures, by_language, calibration, measures
from gpu_scoring.model_folder import from_checkpoint, save
from gpu_scoring.out_folder import CALIBRATION_NAME, check_out
from gpu_scoring.plots import calibration_png
from gpu_scoring.scorer import Scorer, ScorerError, Shape, new_scorer
from gpu_scoring.training_state import keep, restore, run_id
from udfs.draws import uniform

STATE_NAME = "training.pt"
Say = Callable[[str], None]


@dataclass(frozen=True)
class TrainParams:
    checkpoint: str = ""
    shape: Shape = field(default_factory=Shape)
    window: int = 512
    epochs: int = 1
    learning_rate: float = 1e-3
    warmup_share: float = 0.1
    batch_tokens: int = 4096
    shuffled_labels: bool = False
    seed: int = 0
    threads: int = 0
    device: str = "auto"
    save_every_s: float = 30.0


@dataclass(frozen=True)
class Trained:
    """What training ended in. `baselines` by name; losses are means over each tenth of all steps, on [0, 1] squared. `unknown_share`: of
    the tokens of training, those that stand for what the tokenizer does not know."""

    model_hash: str
    folder: str
    scorer: Measures
    baselines: dict[str, Measures]
    languages: dict[str, tuple[int, float, float]]
    calibration: list[CalibrationBin]
    losses: list[float]
    train_files: int
    truncated_files: int
    unknown_share: float
    seconds: float


def train_scorer(data: Labelled, params: TrainParams, out: Path, say: Say) -> Trained:
    """Trains, measures, and writes the model folder `out`; goes on from the saved state of a killed run."""
    start = time.monotonic()
    check_out(out, params.checkpoint)
    if params.threads:
        torch.set_num_threads(params.threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it products on a GPU refuse to be deterministic
    torch.use_deterministic_algorithms(True)
    device = chosen(params.device)
    train = shuffled(data.train, params.seed) if params.shuffled_labels else data.train
    scorer = replace(started(train, params), kind=data.kind).on(device, torch.float32, params.batch_tokens)
    size = f"{scorer.model.num_parameters():,} parameters, window {scorer.window:,}, on {device}"
    say(f"{size}; {len(train):,} {data.kind}s of training, {len(data.held_out):,} held out")
    say(f"tokens: {scorer.reading}; texts lie {scorer.placing}")
    rows = scorer.tokens(train.texts)
    losses = fit(scorer, rows, train, params, out.with_name(out.name + "." + STATE_NAME), say)
    true, texts = data.held_out.scores, data.held_out.texts
    predicted = scorer.predict(texts, params.batch_tokens)
    if not np.isfinite(predicted).all():
        key = data.held_out.keys[int(np.flatnonzero(~np.isfinite(predicted))[0])]
        raise ScorerError(f"the trained model gives {key} and others no finite score. Expected one. Try a smaller --learning-rate.")
    known = (train.texts, train.scores)
    compared = {
        "mean of training": baselines.mean(train.scores, texts),
        "length and comments": baselines.length_and_comments(*known, texts),
        "hashed n-grams": baselines.hashed_ngrams(*known, texts),
    }
    found: dict[str, Any] = {
        "scorer": measures(true, predicted),
        "baselines": {name: measures(true, values) for name, values in compared.items()},
        "languages": by_language(true, predicted, data.held_out.languages),
        "calibration": calibration(true, predicted),
        "losses": losses,
        "train_files": len(train),
        "truncated_files": sum(map(scorer.is_truncated, rows)),
        "unknown_share": scorer.unknown_share(rows),
    }
    facts = {
        "oracle": data.oracle,
        "labels": data.version,
        "asked_with": data.asked_with,
        "reading": scorer.reading,
        "params": asdict(params),
    }
    trained = Trained("", str(out), seconds=time.monotonic() - start, **found)
    model_hash = save(
        scorer,
        out,
        card(data, params, trained, scorer),
        facts | {"metrics": _plain(found)},
        {CALIBRATION_NAME: calibration_png(found["calibration"])},
    )
    out.with_name(out.name + "." + STATE_NAME).unlink(missing_ok=True)
    return Trained(model_hash, str(out), seconds=time.monotonic() - start, **found)


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    parts = {"scorer": asdict(found["scorer"]), "baselines": {name: asdict(value) for name, value in found["baselines"].items()}}
    return parts | {"languages": found["languages"], "calibration": [asdict(one) for one in found["calibration"]]}


def shuffled(examples: Examples, seed: int) -> Examples:
    """The same texts with each other's scores: what can be learned from nothing."""
    order = np.random.default_rng(seed).permutation(len(examples))
    return Examples(examples.keys, examples.languages, examples.texts, examples.scores[order])


def started(train: Examples, params: TrainParams) -> Scorer:
    """Scores start at the mean: a head that begins at zero would spend half of one epoch on the way there."""
    if params.checkpoint:
        scorer = from_checkpoint(Path(params.checkpoint), params.window, params.seed)
    else:
        scorer = new_scorer(params.shape, iter(train.texts), params.window, params.seed)
    with torch.no_grad():
        scorer.model.score.weight.mul_(0.1)
    return replace(scorer, offset=float(train.scores.mean()))


def fit(scorer: Scorer, rows: list[np.ndarray], examples: Examples, params: TrainParams, state: Path, say: Say) -> list[float]:
    """Trains in place. Returns the mean loss of each tenth of the steps."""
    planned = list(plan(scorer, rows, examples.keys, params))
    optimizer = torch.optim.AdamW(scorer.model.parameters(), lr=params.learning_rate, betas=(0.9, 0.95), weight_decay=0.01)
    run = run_id(scorer, examples, params, planned)
    done, losses = restore(state, run, scorer, optimizer)
    warmup = max(1, round(params.warmup_share * len(planned)))
    targets = torch.tensor(examples.scores, dtype=torch.float32)
    scorer.model.train()
    saved = time.monotonic()
    for step in range(done, len(planned)):
        rate = min(1, (step + 1) / warmup) * 0.5 * (1 + math.cos(math.pi * step / len(planned)))
        for group in optimizer.param_groups:
            group["lr"] = params.learning_rate * rate
        places = planned[step]
        with drawing(scorer, params.seed, step):
            loss = torch.nn.functional.mse_loss(scorer.forward([rows[place] for place in places]), targets[places])
            optimizer.zero_grad()
            loss.backward()
        steepness = torch.nn.utils.clip_grad_norm_(scorer.model.parameters(), 1.0)
        losses.append(loss.item())
        if not (math.isfinite(losses[-1]) and math.isfinite(steepness.item())):
            raise ScorerError(diverged(step, len(planned), losses, [examples.keys[place] for place in places], scorer.kind, params))
        optimizer.step()
        if time.monotonic() - saved > params.save_every_s:
            keep(state, run, scorer, optimizer, losses)
            saved = time.monotonic()
            say(f"step {step + 1:,} of {len(planned):,}, loss {np.mean(losses[-50:]):.4f}")
    return [float(np.mean(part)) for part in np.array_split(losses, min(10, len(losses)))]


@contextmanager
def drawing(scorer: Scorer, seed: int, step: int) -> Iterator[None]:
    """What a model draws in training, such as dropout, depends on the seed and the step: a run that goes on draws the same."""
    device = scorer.model.score.weight.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(int(np.random.SeedSequence([abs(seed), step]).generate_state(1, np.uint64)[0]))
        yield


def diverged(step: int, steps: int, losses: list[float], keys: list[str], kind: str, params: TrainParams) -> str:
    before = f"{np.mean(losses[-50:-1]):.4f} before" if len(losses) > 1 else "the first"
    return (
        f"step {step + 1:,} of {steps:,}, of {kind}s {', '.join(keys[:3])}{' ...' if len(keys) > 3 else ''}: the loss is {losses[-1]}"
        f" ({before}), or its gradient is not finite. Expected numbers. Nothing was saved of this step.\n"
        f"Try a smaller --learning-rate than {params.learning_rate:g}; a checkpoint needs far less than random weights."
    )


def plan(scorer: Scorer, rows: list[np.ndarray], keys: list[str], params: TrainParams) -> Iterator[list[int]]:
    """The batches of all epochs: texts in the order of a draw, batched within stretches, so that where they are padded it is by little."""
    for epoch in range(params.epochs):
        order = np.argsort(uniform(pa.array(keys), f"epoch {epoch} seed {params.seed}"), kind="stable")
        mean = max(1.0, float(np.mean([len(row) for row in rows])))
        stretch = max(1, round(16 * params.batch_tokens / mean))
        for start in range(0, len(order), stretch):
            part = order[start : start + stretch]
            lengths = [len(rows[place]) for place in part]
            found = [[int(part[place]) for place in batch] for batch in scorer.batches(lengths, params.batch_tokens)]
            yield from (found[place] for place in np.random.default_rng([params.seed, epoch, start]).permutation(len(found)))
