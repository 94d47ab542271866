"""Trains the probe on the shards: the proof that they can be learned from.

Reads   LAKE/mix/shards/
Writes  LAKE/train/probe/: checkpoint, metrics, completions

Runs `python -m training.probe` as a process of its own: the trainer reads the shards and nothing else, and its memory ends with it.
"""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jobs.mix.shards import FOLDER as SHARDS
from jobs.runtime.errors import CodemillError
from jobs.runtime.job import Job, Write, parameter
from jobs.runtime.tables import Tables
from schemas.lake import Lake
from schemas.mix import MANIFEST, SEQUENCES

FOLDER = "train/probe"


@dataclass(frozen=True)
class ProbeJobParams:
    steps: int = parameter(600, "optimizer steps; fewer where the time does not allow them")
    seconds_budget: float = parameter(50.0, "seconds of training")


def transform(tables: Tables, params: ProbeJobParams) -> Iterator[Write]:
    if not tables.lake.is_local:
        raise CodemillError(
            f"the probe reads local shards, and the lake is {tables.lake.root}. Copy {SHARDS} here and run `python -m training.probe`"
        )
    command = [sys.executable, "-m", "training.probe", "--shards", tables.lake.path(SHARDS), "--out", tables.lake.path(FOLDER)]
    command += ["--steps", str(params.steps), "--seconds-budget", str(params.seconds_budget)]
    process = subprocess.run(command, stdout=sys.stderr, check=False)
    if process.returncode:
        raise CodemillError(f"the probe ended with status {process.returncode}; what it said is above. By hand: {' '.join(command)}")
    yield from ()


def is_changed(lake: Lake, params: ProbeJobParams) -> bool:
    return not (Path(lake.root) / FOLDER / "metrics.json").is_file()


JOB = Job(
    "train.probe",
    "trains a small model on the shards",
    reads=(SEQUENCES, MANIFEST),
    writes=(),
    transform=transform,
    params=ProbeJobParams,
    engine="python",
    is_changed=is_changed,
)
