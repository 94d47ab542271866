"""Training of the scorer: one epoch, mean squared error on [0, 1], measured on held-out repositories beside three baselines.

Deterministic: the order of files is a draw by key and seed, weights depend on the seed, and a run that goes on after a kill ends in the
same weights. The state is saved every `save_every_s` seconds and is named by what decides the result.
"""

import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from gpu_scoring import baselines
from gpu_scoring.card import CALIBRATION_NAME, card
from gpu_scoring.device import chosen
from gpu_scoring.examples import Examples, Labelled
from gpu_scoring.metrics import CalibrationBin, Measures, by_language, calibration, measures
from gpu_scoring.plots import calibration_png
from gpu_scoring.scorer import Scorer, Shape, from_checkpoint, new_scorer, save
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
    """What training ended in. `baselines` by name; losses are means over an epoch's tenth, on [0, 1] squared."""

    model_hash: str
    folder: str
    scorer: Measures
    baselines: dict[str, Measures]
    languages: dict[str, tuple[int, float, float]]
    calibration: list[CalibrationBin]
    losses: list[float]
    train_files: int
    truncated_files: int
    seconds: float


def train_scorer(data: Labelled, params: TrainParams, out: Path, say: Say) -> Trained:
    """Trains, measures, and writes the model folder `out`; goes on from the saved state of a killed run."""
    start = time.monotonic()
    if params.threads:
        torch.set_num_threads(params.threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it products on a GPU refuse to be deterministic
    torch.use_deterministic_algorithms(True)
    device = chosen(params.device)
    train = shuffled(data.train, params.seed) if params.shuffled_labels else data.train
    scorer = started(train, params).on(device, torch.float32, params.batch_tokens)
    size = f"{scorer.model.num_parameters():,} parameters, window {scorer.window:,}, on {device}"
    say(f"{size}; {len(train):,} files of training, {len(data.held_out):,} held out")
    rows = scorer.tokens(train.texts)
    losses = fit(scorer, rows, train, params, out.with_name(out.name + "." + STATE_NAME), say)
    true, texts = data.held_out.scores, data.held_out.texts
    predicted = scorer.predict(texts, params.batch_tokens)
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
        "truncated_files": sum(len(row) == scorer.window and int(row[-1]) != scorer.tokenizer.end_id for row in rows),
    }
    facts = {"oracle": data.oracle, "labels": data.version, "params": asdict(params)}
    trained = Trained("", str(out), seconds=time.monotonic() - start, **found)
    model_hash = save(
        scorer,
        out,
        card(data, params, trained),
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
    run_id = _run_id(examples, params, planned)
    done, losses = restore(state, run_id, scorer, optimizer)
    warmup = max(1, round(params.warmup_share * len(planned)))
    targets = torch.tensor(examples.scores, dtype=torch.float32)
    scorer.model.train()
    saved = time.monotonic()
    for step in range(done, len(planned)):
        rate = min(1, (step + 1) / warmup) * 0.5 * (1 + math.cos(math.pi * step / len(planned)))
        for group in optimizer.param_groups:
            group["lr"] = params.learning_rate * rate
        places = planned[step]
        loss = torch.nn.functional.mse_loss(scorer.forward([rows[place] for place in places]), targets[places])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(scorer.model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if time.monotonic() - saved > params.save_every_s:
            keep(state, run_id, scorer, optimizer, losses)
            saved = time.monotonic()
            say(f"step {step + 1:,} of {len(planned):,}, loss {np.mean(losses[-50:]):.4f}")
    return [float(np.mean(part)) for part in np.array_split(losses, min(10, len(losses)))]


def plan(scorer: Scorer, rows: list[np.ndarray], keys: list[str], params: TrainParams) -> Iterator[list[int]]:
    """The batches of all epochs: files in the order of a draw, batched within stretches, so that where they are padded it is by little."""
    for epoch in range(params.epochs):
        order = np.argsort(uniform(pa.array(keys), f"epoch {epoch} seed {params.seed}"), kind="stable")
        mean = max(1.0, float(np.mean([len(row) for row in rows])))
        stretch = max(1, round(16 * params.batch_tokens / mean))
        for start in range(0, len(order), stretch):
            part = order[start : start + stretch]
            lengths = [len(rows[place]) for place in part]
            found = [[int(part[place]) for place in batch] for batch in scorer.batches(lengths, params.batch_tokens)]
            yield from (found[place] for place in np.random.default_rng([params.seed, epoch, start]).permutation(len(found)))


def _run_id(examples: Examples, params: TrainParams, planned: list[list[int]]) -> str:
    digest = hashlib.sha256(json.dumps(asdict(params) | {"save_every_s": 0}, sort_keys=True).encode())
    digest.update("\n".join(examples.keys).encode() + examples.scores.tobytes() + json.dumps(planned).encode())
    return digest.hexdigest()


def keep(state: Path, run_id: str, scorer: Scorer, optimizer: torch.optim.Optimizer, losses: list[float]) -> None:
    state.parent.mkdir(parents=True, exist_ok=True)
    written = state.with_name(state.name + ".new")
    torch.save({"run": run_id, "model": scorer.model.state_dict(), "optimizer": optimizer.state_dict(), "losses": losses}, written)
    written.rename(state)


def restore(state: Path, run_id: str, scorer: Scorer, optimizer: torch.optim.Optimizer) -> tuple[int, list[float]]:
    """Steps done and their losses; none where there is no state of this very run."""
    if not state.exists():
        return 0, []
    found = torch.load(state, weights_only=True)
    if found["run"] != run_id:
        return 0, []
    scorer.model.load_state_dict(found["model"])
    optimizer.load_state_dict(found["optimizer"])
    return len(found["losses"]), list(found["losses"])
