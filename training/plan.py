"""What a run is asked for: a model and its phases, as dataclasses that a Python file can write. No torch here.

    Plan("mine", "small", (Phase("regular", steps=1000, window=8192, ...), Phase("continued", steps=100, window=32768, ...)))

Phases follow each other on the same weights. A step is one update of the weights from `batch_size` windows, over all processes together,
so that a plan gives the same steps with one process and with many.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields

from training.errors import PlanError
from training.shapes import SHAPES, ModelShape

SCHEDULES = ("constant", "cosine", "wsd")
# Each ends where a token ends: the space before a name belongs to the name's token, so the model never saw "def " with a name after it.
PROMPTS = ("def __init__(self", "import", "class", "if __name__ ==", "#include <")


@dataclass(frozen=True)
class Phase:
    """`shards` is the run's folder where None. `fim_rate` says how its mixture was made: shards that say otherwise are refused.

    Schedules: after a linear warm-up the rate is `constant`; or falls as a `cosine` to `final_share` of itself; or is constant (`wsd`)
    and falls linearly to `final_share` in the last `decay_share` of the steps. `joins_sequences` allows windows longer than the shards'
    sequences: neighbours in a shard are joined. `seconds_budget` lowers the steps where the machine is too slow for them.
    """

    name: str
    steps: int
    window: int
    batch_size: int
    learning_rate: float
    warmup_steps: int = 0
    schedule: str = "cosine"
    final_share: float = 0.1
    decay_share: float = 0.2
    rope_theta: float = 10_000.0
    shards: str | None = None
    joins_sequences: bool = False
    keeps_optimizer: bool = True
    seconds_budget: float | None = None
    fim_rate: float | None = None

    def rate(self, step: int, planned_steps: int) -> float:
        """The learning rate of a step, counted from 0."""
        warmup = min(1.0, (step + 1) / self.warmup_steps) if self.warmup_steps else 1.0
        done = step / planned_steps
        if self.schedule == "cosine":
            fall = self.final_share + (1 - self.final_share) * (1 + math.cos(math.pi * done)) / 2
        elif self.schedule == "wsd":
            fall = 1 - (1 - self.final_share) * max(0.0, done - (1 - self.decay_share)) / self.decay_share
        else:
            fall = 1.0
        return self.learning_rate * warmup * fall


@dataclass(frozen=True)
class Plan:
    """`micro_batch` windows go through the model at once, so it bounds memory and not the result. `save_every_s` is between saved states.

    `masks_documents`: attention sees its own document alone, and positions count from the document's start. `shards_model`: each of
    several processes holds a part of weights and moments, not all. `recomputes_layers`: what a layer computed is computed again for its
    gradients and not kept.
    """

    name: str
    model: str
    phases: tuple[Phase, ...]
    optimizer: str = "adamw"
    weight_decay: float = 0.1
    gradient_clip: float = 1.0
    micro_batch: int = 8
    masks_documents: bool = False
    attention: str = "sdpa"
    precision: str = "fp32"
    shards_model: bool = False
    recomputes_layers: bool = False
    seed: int = 0
    threads: int = 0
    save_every_s: float = 600.0
    kept_states: int = 2
    held_out_tokens: int = 65_536
    fim_documents: int = 64
    prompts: tuple[str, ...] = PROMPTS
    completion_tokens: int = 32

    def __post_init__(self) -> None:
        faults = list(_faults(self))
        if faults:
            raise PlanError(f"the plan {self.name!r} cannot be followed:\n  " + "\n  ".join(faults))

    @property
    def shape(self) -> ModelShape:
        return SHAPES[self.model]


def steps_for(tokens: float, window: int, batch_size: int) -> int:
    """How many steps see about so many tokens."""
    return max(1, round(tokens / (window * batch_size)))


_CHOICES = {"model": tuple(SHAPES), "optimizer": ("adamw", "muon"), "attention": ("sdpa", "flex"), "precision": ("fp32", "bf16")}
_FROM_ZERO = {"seed", "threads", "weight_decay", "held_out_tokens", "fim_documents", "completion_tokens", "warmup_steps", "fim_rate"}


def _faults(plan: Plan) -> Iterator[str]:
    for name, choices in _CHOICES.items():
        if getattr(plan, name) not in choices:
            yield f"{name} is {getattr(plan, name)!r}; one of {', '.join(choices)} is needed"
    yield from _numbers(plan, "")
    names = [phase.name for phase in plan.phases]
    if not names or len(set(names)) < len(names):
        yield f"its phases are {names}; at least one is needed, and each has a name of its own"
    for phase in plan.phases:
        yield from _numbers(phase, f"{phase.name}.")
        if phase.schedule not in SCHEDULES:
            yield f"{phase.name}.schedule is {phase.schedule!r}; one of {', '.join(SCHEDULES)} is needed"
        for name in ("final_share", "decay_share", "fim_rate"):
            value = getattr(phase, name)
            if value is not None and value > 1:
                yield f"{phase.name}.{name} is {value}; it is a share, 1 at most"


def _numbers(holder: Plan | Phase, where: str) -> Iterator[str]:
    for field in fields(holder):
        value = getattr(holder, field.name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if math.isnan(value) or value < 0 or (value == 0 and field.name not in _FROM_ZERO):
            yield f"{where}{field.name} is {value}; it must be {'at least' if field.name in _FROM_ZERO else 'above'} 0"
