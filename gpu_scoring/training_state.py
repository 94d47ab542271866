"""What a killed training goes on from: weights, the optimizer and the losses so far, of this very run."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from gpu_scoring.examples import Examples
from gpu_scoring.model_folder import hash_of
from gpu_scoring.scorer import Scorer

if TYPE_CHECKING:
    from gpu_scoring.train import TrainParams


def run_id(scorer: Scorer, examples: Examples, params: "TrainParams", planned: list[list[int]]) -> str:
    """A hash of all that decides the result: weights that training starts from (and not where they lie), examples, parameters, batches."""
    beside = {"save_every_s": 0, "checkpoint": hash_of(scorer)}
    digest = hashlib.sha256(json.dumps(asdict(params) | beside, sort_keys=True).encode())
    digest.update("\n".join(examples.keys).encode() + examples.scores.tobytes() + json.dumps(planned).encode())
    return digest.hexdigest()


def keep(state: Path, run: str, scorer: Scorer, optimizer: torch.optim.Optimizer, losses: list[float]) -> None:
    state.parent.mkdir(parents=True, exist_ok=True)
    written = state.with_name(state.name + ".new")
    torch.save({"run": run, "model": scorer.model.state_dict(), "optimizer": optimizer.state_dict(), "losses": losses}, written)
    written.rename(state)


def restore(state: Path, run: str, scorer: Scorer, optimizer: torch.optim.Optimizer) -> tuple[int, list[float]]:
    """Steps done and their losses; none where there is no state of this very run. It may have been written on another device."""
    if not state.exists():
        return 0, []
    found = torch.load(state, weights_only=True, map_location="cpu")
    if found["run"] != run:
        return 0, []
    scorer.model.load_state_dict(found["model"])
    optimizer.load_state_dict(found["optimizer"])
    return len(found["losses"]), list(found["losses"])
