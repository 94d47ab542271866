"""Trains the probe on the shards: the proof that they can be learned from.

Reads   LAKE/mix/shards/
Writes  LAKE/train/probe/: checkpoint, metrics, completions

Runs `python -m training train` as a process of its own: the trainer reads the shards and nothing else, and its memory ends with it. The
plan `probe` has two short phases, the second with a longer window and a tenth of the rate.
"""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow.fs

from jobs.runtime.errors import CodemillError
from jobs.runtime.job import Job, Write, parameter
from jobs.runtime.tables import Tables
from schemas.lake import PROBE, PROBE_METRICS, SHARDS, Lake
from schemas.mix import MANIFEST, SEQUENCES


@dataclass(frozen=True)
class ProbeJobParams:
    steps: int = parameter(360, "optimizer steps, a twelfth of them in the second phase; fewer where the time does not allow them", least=2)
    seconds_budget: float = parameter(75.0, "seconds of training, a fifth for the second phase", least=1)


def transform(tables: Tables, params: ProbeJobParams) -> Iterator[Write]:
    with local_folders(tables.lake) as (shards, out):
        command = [sys.executable, "-m", "training", "train", "--plan", "probe", "--shards", shards, "--out", out]
        command += [part for setting in settings(params) for part in ("--set", setting)]
        process = subprocess.run(command, stdout=sys.stderr, check=False)
        if process.returncode:
            by_hand = f" By hand: {' '.join(command)}" if tables.lake.is_local else ""
            raise CodemillError(f"the probe ended with status {process.returncode}; what it said is above.{by_hand}")
    yield from ()


def settings(params: ProbeJobParams) -> list[str]:
    continued = max(1, params.steps // 12)
    return [
        f"regular.steps={params.steps - continued}",
        f"continued.steps={continued}",
        f"regular.seconds_budget={0.8 * params.seconds_budget}",
        f"continued.seconds_budget={0.2 * params.seconds_budget}",
    ]


@contextlib.contextmanager
def local_folders(lake: Lake) -> Iterator[tuple[str, str]]:
    """Folders of shards and of results: the lake's own where it is local, else copies, of which the results go to the lake at the end."""
    if lake.is_local:
        yield lake.path(SHARDS), lake.path(PROBE)
        return
    filesystem, root = lake.filesystem()
    local = pyarrow.fs.LocalFileSystem()
    with tempfile.TemporaryDirectory() as folder:
        shards, out = f"{folder}/shards", f"{folder}/out"
        local.create_dir(shards)
        pyarrow.fs.copy_files(f"{root}/{SHARDS}", shards, filesystem, local)
        yield shards, out
        pyarrow.fs.copy_files(out, f"{root}/{PROBE}", local, filesystem)


def is_changed(lake: Lake, params: ProbeJobParams) -> bool:
    filesystem, root = lake.filesystem()
    return filesystem.get_file_info(f"{root}/{PROBE_METRICS}").type != pyarrow.fs.FileType.File


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
