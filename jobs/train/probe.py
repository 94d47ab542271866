"""Trains the probe on the shards: the proof that they can be learned from.

Reads   LAKE/mix/shards/, or those of the mixtures that are named
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

from jobs.mix.mixtures import shards_folder
from jobs.runtime.errors import CodemillError
from jobs.runtime.job import Job, Write, parameter
from jobs.runtime.tables import Tables
from schemas.lake import PROBE, PROBE_METRICS, Lake
from schemas.mix import MANIFEST, SEQUENCES


@dataclass(frozen=True)
class ProbeJobParams:
    profile: str = parameter("demo", "whose mixture it trains on")
    mixture: str = parameter("", "its name, as `mix.shards` was given it; default: the profile's")
    continued_mixture: str = parameter("", "the mixture that the second phase trains on; default: that of the first")
    steps: int = parameter(360, "optimizer steps, a twelfth of them in the second phase; fewer where the time does not allow them", least=2)
    seconds_budget: float = parameter(75.0, "seconds of training, a fifth for the second phase", least=1)

    @property
    def folders(self) -> tuple[str, str]:
        """Those of the shards of both phases, in the lake."""
        return shards_folder(self.mixture, self.profile), shards_folder(self.continued_mixture or self.mixture, self.profile)


def transform(tables: Tables, params: ProbeJobParams) -> Iterator[Write]:
    with local_folders(tables.lake, *params.folders) as (shards, continued, out):
        command = [sys.executable, "-m", "training", *arguments(params, shards, continued, out)]
        process = subprocess.run(command, stdout=sys.stderr, check=False)
        if process.returncode:
            by_hand = f" By hand: {' '.join(command)}" if tables.lake.is_local else ""
            raise CodemillError(f"the probe ended with status {process.returncode}; what it said is above.{by_hand}")
    yield from ()


def arguments(params: ProbeJobParams, shards: str, continued: str, out: str) -> list[str]:
    """For `python -m training`. The second phase has shards of its own where it is given another folder."""
    asked = [*settings(params), *([f"continued.shards={continued}"] if continued != shards else [])]
    return ["train", "--plan", "probe", "--shards", shards, "--out", out, *(part for setting in asked for part in ("--set", setting))]


def settings(params: ProbeJobParams) -> list[str]:
    continued = max(1, params.steps // 12)
    return [
        f"regular.steps={params.steps - continued}",
        f"continued.steps={continued}",
        f"regular.seconds_budget={0.8 * params.seconds_budget}",
        f"continued.seconds_budget={0.2 * params.seconds_budget}",
    ]


@contextlib.contextmanager
def local_folders(lake: Lake, first: str, second: str) -> Iterator[tuple[str, str, str]]:
    """Folders of the phases' shards and of results: the lake's own where it is local, else copies; results go back at the end."""
    if lake.is_local:
        yield lake.path(first), lake.path(second), lake.path(PROBE)
        return
    filesystem, root = lake.filesystem()
    local = pyarrow.fs.LocalFileSystem()
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/out"
        for shards in {first, second}:
            local.create_dir(f"{folder}/{shards}")
            pyarrow.fs.copy_files(f"{root}/{shards}", f"{folder}/{shards}", filesystem, local)
        yield f"{folder}/{first}", f"{folder}/{second}", out
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
