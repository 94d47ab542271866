"""States from which a killed run goes on: OUT/states/RUN/STEP/, each whole or not there, the newest few of a run kept.

weights.safetensors    the model
optimizers.pt          torch.save of the optimizers' states
parts/                 in place of both where a plan shards its model: what each process holds, as torch.distributed.checkpoint writes it
state.json             the run, its steps and log, and where every stream of the loader stands

RUN is the start of the run's id: another plan in the same folder has states of its own, whichever of the two has more steps.
"""

import json
import pickle
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_model, save_model
from torch.distributed.checkpoint import CheckpointException

from training.errors import TrainingError
from training.plan import Plan
from training.processes import Processes
from training.record import Bits, HeldOutBits, LogLine, PhaseResult
from training.sharding import load_parts, save_parts
from training.steps import Run
from udfs.folders import replaced

_DAMAGED = (OSError, ValueError, KeyError, RuntimeError, EOFError)
_PARTS = "parts"
_COUNTERS = ("phase", "phase_step", "step", "tokens", "phase_tokens", "seconds", "phase_seconds", "fim_documents")


def states_of(out: Path, run_id: str) -> Path:
    return out / "states" / run_id[:16]


def other_states(out: Path, run_id: str) -> int:
    """How many other runs have states there."""
    return sum(path.is_dir() and path != states_of(out, run_id) for path in (out / "states").glob("*"))


def save_state(run: Run, positions: dict[int, dict[str, int]], folder: Path, plan: Plan, here: Processes) -> None:
    """All processes come here. The first writes, and of a model in parts each its own."""
    if not (here.is_first or plan.shards_model):
        return
    record: dict[str, Any] = {name: getattr(run, name) for name in _COUNTERS}
    record |= {"positions": positions, "log": [asdict(line) for line in run.log], "phases": run.phases}
    with _appearing(folder / f"{run.step:09d}", plan, here) as written:
        if plan.shards_model:
            save_parts(run.model, run.optimizers, written / _PARTS)
        else:
            save_model(run.model, str(written / "weights.safetensors"))
            torch.save([optimizer.state_dict() for optimizer in run.optimizers], written / "optimizers.pt")
        if here.is_first:
            (written / "state.json").write_text(json.dumps(record))
    if here.is_first:
        for old in list(_states(folder))[plan.kept_states :]:
            shutil.rmtree(old)


@contextmanager
def _appearing(state: Path, plan: Plan, here: Processes) -> Iterator[Path]:
    """`replaced` for all that write: the first makes the folder, and gives it its name when all have written."""
    if here.is_first:
        state.parent.mkdir(parents=True, exist_ok=True)
        with replaced(state) as written:
            written.mkdir()
            yield Path(here.agreed(str(written)) if plan.shards_model else written)
            if plan.shards_model:
                here.gathered(None)
    else:
        yield Path(here.agreed(None))
        here.gathered(None)


def restore(run: Run, folder: Path, plan: Plan, here: Processes, say: Callable[[str], None]) -> dict[Any, dict[str, int]]:
    """Brings a new run to its newest state that can be read; returns the positions of the streams, none where there is no such state.

    A damaged one is said and left out.
    """
    names = here.agreed([state.name for state in _states(folder)])
    for state in (folder / name for name in names):
        try:
            record = json.loads((state / "state.json").read_text())
            _load(run, state, plan)
        except (*_DAMAGED, pickle.UnpicklingError, SafetensorError, CheckpointException) as error:
            say(f"the state {state} cannot be read and is left out: {type(error).__name__}: {error}")
            continue
        for name in _COUNTERS:
            setattr(run, name, record[name])
        run.log = [LogLine(**line) for line in record["log"]]
        run.phases = record["phases"]
        return dict(record["positions"])
    if names and plan.shards_model:  # its parts are read into the model itself, so it is no longer a new one
        raise TrainingError(f"none of the {len(names)} states in {folder} can be read; remove the folder to start anew")
    return {}


def _load(run: Run, state: Path, plan: Plan) -> None:
    if plan.shards_model:
        load_parts(run.model, run.optimizers, state / _PARTS)
        return
    optimizers = torch.load(state / "optimizers.pt", weights_only=True, map_location=run.model.device)
    load_model(run.model, str(state / "weights.safetensors"), device=str(run.model.device))
    for optimizer, saved in zip(run.optimizers, optimizers, strict=True):
        optimizer.load_state_dict(saved)


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
