"""Gives what passes the gates a score: files by a scorer of files, texts of pages by one of pages. `gpu_scoring.worker` as a job.

Reads   decide/gates, ingest/contents, the folders of models
Writes  annotate/scores

Without a model it does nothing and says so: `decide.verdicts` then does not ask for the quality of files, and that of pages is rated by
the models of pages.
"""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from jobs.decide.quality import DECLARED, FILE, declared, declared_version, is_by, scorers
from jobs.runtime.errors import CodemillError, UsageError
from jobs.runtime.job import Job, Write, parameter
from jobs.runtime.tables import Tables
from schemas.annotate import SCORES
from schemas.decide import GATES
from schemas.ingest import CONTENTS
from schemas.lake import SCORERS, Lake

if TYPE_CHECKING:
    from gpu_scoring.progress import Summary

LOOK_AGAIN_S = 30.0
PAGE = "page"
TERMINATED = 143  # the exit status of a process that SIGTERM ended, as shells tell it
BATCH_TOKENS_HELP = "tokens of a batch; 0: 65,536 on a GPU and 8,192 on a processor"
COMMIT_ROWS_HELP = "scores of a commit, which comes after 30 s at the latest"
Say = Callable[[str], None]


@dataclass(frozen=True)
class ScoreParams:
    profile: str = parameter("demo", "whose files are scored: those that pass the gates of this policy")
    model: str = parameter("", "folder of a scorer, which `codemill train-scorer --out FOLDER` makes; without one nothing is scored")
    page_model: str = parameter("", "folder of a scorer of pages, which `codemill train-scorer --kind page` makes; it scores pages")
    share: str = parameter("1/1", "I/N: one of N workers that share the work by key, such as 2/4")
    batch_tokens: int = parameter(0, BATCH_TOKENS_HELP, least=0)
    commit_rows: int = parameter(2000, COMMIT_ROWS_HELP, least=1)
    threads: int = parameter(0, "threads of the processor; 0: as many as torch takes", least=0)
    device: str = parameter("auto", "cpu, cuda or cuda:N; auto: a GPU where there is one, in bf16")
    price_per_hour: float = parameter(0.0, "of the machine, in any currency: the progress then says what is left to pay", least=0)
    wait_s: float = parameter(0.0, "seconds to wait for a model whose folder is not there yet", least=0)

    @property
    def models(self) -> dict[str, str]:
        """By kind of candidates, where one is named."""
        return {kind: model for kind, model in ((FILE, self.model), (PAGE, self.page_model)) if model}

    def checked(self) -> tuple[int, int]:
        """The share as (index from 0, number of shares). Raises `UsageError`."""
        if 0 < self.batch_tokens < 64:
            raise UsageError(f"--batch-tokens {self.batch_tokens}: expected at least 64, or 0 for what fits the device")
        for kind, model in self.models.items():
            if "://" in model:
                raise UsageError(f"{model}: a scorer is read from a folder of this machine. Expected a path")
            check_model(model, kind, is_waited_for=self.wait_s > 0)
        try:
            share, shares = (int(part) for part in self.share.split("/"))
            if not 1 <= share <= shares:
                raise ValueError
        except ValueError:
            raise UsageError(f"--share {self.share}: expected I/N with I from 1 to N, such as 2/4") from None
        return share - 1, shares


def transform(tables: Tables, params: ScoreParams) -> Iterator[Write]:
    if not params.models:
        tables.account.remark = "no model is named, nothing is scored, quality is not judged"
        return
    from gpu_scoring.progress import Summary

    done = {kind: Summary() for kind in params.models}
    try:
        for kind, found in done.items():
            score_files(tables.lake, params, tables.say, found, kind)
        if unusable := sum(len(found.unusable) for found in done.values()):
            tables.account.remark = f"{unusable:,} texts have no finite score, and are out as score_not_finite"
    finally:
        tables.account.read_rows = sum(found.wanted for found in done.values())
        tables.account.written[SCORES.name] = sum(found.written for found in done.values())
    yield from ()


def check_model(model: str, kind: str, is_waited_for: bool = False) -> None:
    """Raises `UsageError` for a folder that is no scorer, or one of another kind of candidates."""
    try:
        found = declared(model).get("kind", FILE)
    except (OSError, ValueError, TypeError):
        if is_waited_for:
            return
        raise UsageError(f"{model} is no scorer: it has no {DECLARED}. Expected what `codemill train-scorer --out FOLDER` makes.") from None
    if found != kind:
        raise UsageError(
            f"{model} scores {found}s, as its card says. Expected a scorer of {kind}s: `codemill train-scorer --kind {kind}` makes one.\n"
            f"Scorers of files are named by --scorer (`codemill score --kind {FILE}`), those of pages by --page-scorer (`--kind {PAGE}`)."
        )


def score_files(lake: Lake, params: ScoreParams, say: Say, found: "Summary", kind: str = FILE) -> tuple[str, int]:
    """Scores candidates of a kind by the model that is named for it. Returns the scorer's version, and its window in tokens.

    `found` is filled with what the worker does, also where that ends in an error.
    """
    share, shares = params.checked()
    model = params.models[kind]
    if lake.version(GATES) is None:
        raise CodemillError(
            f"{lake.path(GATES.name)} is not there: nobody knows which files pass the gates.\n"
            f"Expected what `codemill run --lake {lake.root} --source PATH --until decide.gates` makes."
        )
    check_profile(lake, params.profile)
    wait_for(Path(model), params.wait_s, say)
    check_model(model, kind, is_waited_for=True)
    # Here and not above: other jobs should not wait for torch, and Spark's machines need not have it.
    import torch

    from gpu_scoring.device import batch_tokens_of, chosen, dtype_of, version_of
    from gpu_scoring.model_folder import read_scorer
    from gpu_scoring.scorer import ScorerError
    from gpu_scoring.worker import WorkerParams, run

    if params.threads:
        torch.set_num_threads(params.threads)
    try:
        scorer, said = read_scorer(Path(model))
    except ScorerError as error:
        raise CodemillError(str(error)) from error
    try:
        device = chosen(params.device)
    except ValueError as error:
        raise UsageError(f"--device {params.device}: {error}") from error
    version = version_of(str(said["model_hash"]), dtype_of(device))
    lake.write_json(f"{SCORERS}/{version}.json", said)
    for other in {version_of(said["model_hash"], dtype) for dtype in (torch.float32, torch.bfloat16)} - {version}:
        if lake.has_rows(SCORES, pc.field("version") == other):
            say(f"this lake has scores by {other} too, of the same model on another device: none of them counts for {version}")
    batch_tokens = params.batch_tokens or batch_tokens_of(device)
    worker = WorkerParams(share, shares, batch_tokens, commit_rows=params.commit_rows, price_per_hour=params.price_per_hour, kind=kind)
    try:
        with ended_in_order():
            run(lake, scorer.on(device, dtype_of(device), batch_tokens), version, params.profile, worker, say, found)
    except ScorerError as error:
        raise CodemillError(str(error)) from error
    return version, scorer.window


def check_profile(lake: Lake, profile: str) -> None:
    """Raises `CodemillError` where other policies have gates in this lake and this one has none."""
    if lake.has_rows(GATES) and not lake.has_rows(GATES, pc.field("policy") == profile):
        raise CodemillError(
            f"{lake.path(GATES.name)} has no row of the profile {profile}: nobody knows which files pass its gates.\n"
            f"Expected what `codemill run --lake {lake.root} --source PATH --until decide.gates --profile {profile}` makes."
        )


@contextmanager
def ended_in_order() -> Iterator[None]:
    """A scheduler's SIGTERM ends the worker as an interrupt does: what is scored is committed first."""

    def end(*_: object) -> None:
        sys.exit(TERMINATED)

    if threading.current_thread() is not threading.main_thread():  # where a signal is not ours to take
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def wait_for(model: Path, wait_s: float, say: Say) -> None:
    """Returns when the model is there, or the time is over: what reads it says then what is wrong."""
    end = time.monotonic() + wait_s
    while not (model / DECLARED).exists() and time.monotonic() < end:
        left = (end - time.monotonic()) / 60
        say(
            f"waiting for a scorer: {model / DECLARED} is not there; `codemill train-scorer --out {model}` makes it. "
            f"Looked for again every {LOOK_AGAIN_S:.0f} s, for {left:.0f} more minutes"
        )
        time.sleep(min(LOOK_AGAIN_S, max(0.0, end - time.monotonic())))


def is_changed(lake: Lake, params: ScoreParams) -> bool:
    """Whether a folder holds another model than those that have scored."""
    known = scorers(lake)
    return not all(any(is_by(version, str(declared_version(model))) for version in known) for model in params.models.values())


def identity(params: ScoreParams) -> str:
    """A folder may hold another model than when it was last named: scores of one say nothing of those of the other."""
    return " ".join(str(declared_version(model)) for model in params.models.values())


JOB = Job(
    "score.files",
    "scores what passes the gates, where a model is named",
    reads=(GATES, CONTENTS),
    writes=(SCORES,),
    transform=transform,
    params=ScoreParams,
    engine="worker",
    check=ScoreParams.checked,
    identity=identity,
    is_changed=is_changed,
)
