"""States from which a killed run goes on: OUT/states/STEP/, each whole or not there, the newest few kept.

weights.safetensors    the model
optimizers.pt          torch.save of the optimizers' states
state.json             the run, its steps and log, and where every stream of the loader stands
"""

import json
import pickle
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_model, save_model

from training.record import Bits, HeldOutBits, LogLine, PhaseResult
from training.steps import Run
from udfs.folders import replaced

_COUNTERS = ("phase", "phase_step", "step", "tokens", "phase_tokens", "seconds", "phase_seconds", "fim_documents")


def save_state(run: Run, positions: dict[int, dict[str, int]], folder: Path, run_id: str, kept: int) -> None:
    record: dict[str, Any] = {name: getattr(run, name) for name in _COUNTERS}
    record |= {"run": run_id, "positions": positions, "log": [asdict(line) for line in run.log], "phases": run.phases}
    folder.mkdir(parents=True, exist_ok=True)
    with replaced(folder / f"{run.step:09d}") as written:
        written.mkdir()
        save_model(run.model, str(written / "weights.safetensors"))
        torch.save([optimizer.state_dict() for optimizer in run.optimizers], written / "optimizers.pt")
        (written / "state.json").write_text(json.dumps(record))
    for old in list(_states(folder))[kept:]:
        shutil.rmtree(old)


def restore(run: Run, folder: Path, run_id: str, say: Callable[[str], None]) -> dict[Any, dict[str, int]]:
    """Brings a new run to its newest state that can be read; returns the positions of the streams, none where there is no such state.

    States of other runs are left out. A damaged one is said and left out.
    """
    for state in _states(folder):
        try:
            record = json.loads((state / "state.json").read_text())
            if record["run"] != run_id:
                continue
            optimizers = torch.load(state / "optimizers.pt", weights_only=True, map_location=run.model.device)
            load_model(run.model, str(state / "weights.safetensors"), device=str(run.model.device))
        except (OSError, ValueError, KeyError, RuntimeError, EOFError, pickle.UnpicklingError, SafetensorError) as error:
            say(f"the state {state} cannot be read and is left out: {type(error).__name__}: {error}")
            continue
        for optimizer, saved in zip(run.optimizers, optimizers, strict=True):
            optimizer.load_state_dict(saved)
        for name in _COUNTERS:
            setattr(run, name, record[name])
        run.log = [LogLine(**line) for line in record["log"]]
        run.phases = record["phases"]
        return dict(record["positions"])
    return {}


def _states(folder: Path) -> Iterator[Path]:
    """Newest first; half-written ones have other names."""
    found = [path for path in folder.glob("*") if path.name.isdigit()]
    yield from sorted(found, key=lambda path: int(path.name), reverse=True)


def phases_of(run: Run) -> tuple[PhaseResult, ...]:
    """Their records, as they went through JSON or not, as what they are."""

    def held_out(record: dict[str, Any] | None) -> HeldOutBits | None:
        if record is None:
            return None
        parts = {name: {label: Bits(**bits) for label, bits in record[name].items()} for name in ("by_kind", "by_language")}
        return HeldOutBits(Bits(**record["model"]), record["unigram"], **parts)

    return tuple(PhaseResult(**{**record, "held_out": held_out(record["held_out"])}) for record in run.phases)
