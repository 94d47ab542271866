"""What a probe run is asked for and what it finds. No torch here: a run that is already there is recognised without it."""

import hashlib
import json
import os
import platform
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

METRICS_NAME = "metrics.json"
CHECKPOINT_NAME = "checkpoint"
VERSION = 2  # raised where the same parameters would give other numbers
# Each ends where a token ends: the space before a name belongs to the name's token, so the model never saw "def " with a name after it.
_PROMPTS = ("def __init__(self", "import", "class", "if __name__ ==", "#include <")


@dataclass(frozen=True)
class ProbeParams:
    """What a probe run depends on. Times are seconds of wall clock."""

    shards: str = field(metadata={"help": "folder with manifest.json: a path or a URI that Arrow knows"})
    out: str = field(metadata={"help": "local folder for checkpoint/ and metrics.json"})
    steps: int = field(default=420, metadata={"help": "optimizer steps"})
    seconds_budget: float = field(default=75.0, metadata={"help": "training is planned to end within it, by fewer steps if need be"})
    context: int = field(default=128, metadata={"help": "tokens a window; the manifest's window where that is shorter"})
    batch_size: int = field(default=8, metadata={"help": "windows a step"})
    learning_rate: float = field(default=1e-2, metadata={"help": "highest; a linear warm-up before it, a cosine to a tenth of it after"})
    warmup_steps: int = field(default=20, metadata={"help": "steps of the warm-up"})
    held_out_tokens: int = field(default=65_536, metadata={"help": "tokens evaluated, about: windows drawn over all that is held out"})
    threads: int = field(default=os.cpu_count() or 1, metadata={"help": "of torch"})
    seed: int = field(default=0, metadata={"help": "of the weights and of the order of windows"})
    save_every_s: float = field(default=20.0, metadata={"help": "between saved states, from which a killed run goes on"})
    completion_tokens: int = field(default=32, metadata={"help": "tokens of each completion"})
    hidden_size: int = field(default=128, metadata={"help": "of the decoder"})
    layers: int = field(default=2, metadata={"help": "of the decoder"})
    prompts: tuple[str, ...] = field(default=_PROMPTS, metadata={"help": "texts to complete"})

    def __post_init__(self) -> None:
        for param in fields(self):
            value = getattr(self, param.name)
            if isinstance(value, int | float) and param.name not in ("seed", "completion_tokens") and value <= 0:
                raise ValueError(f"{param.name} is {value}; it must be above 0")


@dataclass(frozen=True)
class LogLine:
    """`loss` is the mean since the line before, in nats per token; `tokens` and `seconds` count from the start."""

    step: int
    loss: float
    learning_rate: float
    tokens: int
    seconds: float


@dataclass(frozen=True)
class ProbeResult:
    """What metrics.json holds. Bits per byte are None where no text is held out; both are over the same tokens and bytes."""

    run: str
    manifest_sha256: str
    steps: int
    steps_asked: int
    tokens: int
    parameters: int
    first_loss: float
    final_loss: float
    held_out_bits_per_byte: float | None
    unigram_bits_per_byte: float | None
    held_out_tokens: int
    held_out_text_bytes: int
    completions: dict[str, str]
    training_s: float
    checkpoint: str
    versions: dict[str, str]
    params: dict[str, Any]
    log: tuple[LogLine, ...]


def run_id(params: ProbeParams, manifest_sha256: str) -> str:
    """Names what the numbers depend on: not where the folders lie, nor how often states are saved."""
    depends = {name: value for name, value in asdict(params).items() if name not in ("shards", "out", "save_every_s")}
    return hashlib.sha256(json.dumps([VERSION, depends, manifest_sha256, library_versions()], sort_keys=True).encode()).hexdigest()


def library_versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in ("pyarrow", "tokenizers", "torch", "transformers")}}


def write_result(result: ProbeResult, out: Path) -> None:
    written = out / f"{METRICS_NAME}.new"
    written.write_text(json.dumps(asdict(result), indent=2) + "\n")
    os.replace(written, out / METRICS_NAME)


def finished(out: Path, run: str) -> ProbeResult | None:
    """The result of this very run where it is there already, with its checkpoint."""
    try:
        record = json.loads((out / METRICS_NAME).read_bytes())
    except (OSError, ValueError):
        return None
    if record.get("run") != run or not (out / CHECKPOINT_NAME).is_dir():
        return None
    return ProbeResult(**{**record, "log": tuple(LogLine(**line) for line in record["log"])})
