"""Plans by name, plans of the user's own, and single values changed on the command line."""

import runpy
import types
import typing
from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

from training.errors import PlanError
from training.plan import Phase, Plan, steps_for

# The demo's: short windows on a CPU. Two phases of the report in small: longer windows, a tenth of the rate.
PROBE = Plan(
    "probe",
    "tiny",
    (
        Phase("regular", 330, 128, 8, 1e-2, warmup_steps=20, seconds_budget=60, joins_sequences=True),
        Phase("continued", 30, 256, 8, 1e-3, seconds_budget=15, joins_sequences=True),
    ),
    optimizer="muon",
    save_every_s=20,
    kept_states=1,
    fim_documents=32,
)
# For one GPU and an afternoon: not run yet.
PILOT = Plan(
    "pilot",
    "small",
    (
        Phase("regular", steps_for(2.5e9, 8192, 32), 8192, 32, 6e-4, 200, "wsd", rope_theta=10_000.0, fim_rate=0.5),
        Phase("continued", steps_for(0.5e9, 32768, 8), 32768, 8, 6e-5, schedule="cosine", rope_theta=500_000.0, fim_rate=0.1),
    ),
    micro_batch=1,
    masks_documents=True,
    attention="flex",
    precision="bf16",
)
# Seed-Coder report, section 2.3: 6T tokens, 3e-4 and then a tenth, 8K and then 32K. Silent there and chosen here: 8M tokens a step,
# 2,000 steps of warm-up, AdamW, and RoPE's theta, 10,000 and then the 500,000 of "Effective Long-Context Scaling" (arXiv 2309.16039).
SEED_CODER_8B = Plan(
    "seed_coder_8b",
    "seed_coder_8b",
    (
        Phase("regular", steps_for(5e12, 8192, 1024), 8192, 1024, 3e-4, 2000, "constant", rope_theta=10_000.0, fim_rate=0.5),
        Phase("continued", steps_for(1e12, 32768, 256), 32768, 256, 3e-5, schedule="constant", rope_theta=500_000.0, fim_rate=0.1),
    ),
    micro_batch=1,
    masks_documents=True,
    attention="flex",
    precision="bf16",
    shards_model=True,
    recomputes_layers=True,
)
PLANS = {plan.name: plan for plan in (PROBE, PILOT, SEED_CODER_8B)}


def plan_named(name: str) -> Plan:
    """A plan of `PLANS`, or `PLAN` of a Python file, which is run."""
    if name in PLANS:
        return PLANS[name]
    if not name.endswith(".py"):
        raise PlanError(f"there is no plan {name!r}; expected one of {', '.join(PLANS)}, or a Python file that sets PLAN")
    try:
        found = runpy.run_path(name).get("PLAN")
    except OSError as error:
        raise PlanError(f"the plan {name} cannot be read: {error}") from error
    if not isinstance(found, Plan):
        raise PlanError(f"{name} sets PLAN to {type(found).__name__}; expected a training.plan.Plan")
    return found


def with_values(plan: Plan, settings: Iterable[str]) -> Plan:
    """The plan with `FIELD=VALUE`, or `PHASE.FIELD=VALUE` in a phase of that name."""
    for setting in settings:
        path, is_set, text = setting.partition("=")
        phase, is_phase, name = path.rpartition(".")
        if not is_set:
            raise PlanError(f"{setting!r} sets nothing; expected FIELD=VALUE or PHASE.FIELD=VALUE")
        if not is_phase:
            plan = replace(plan, **{name: _value(Plan, name, text)})
            continue
        if phase not in [one.name for one in plan.phases]:
            raise PlanError(f"{setting!r}: the plan {plan.name!r} has the phases {', '.join(one.name for one in plan.phases)}")
        changed = {name: _value(Phase, name, text)}
        plan = replace(plan, phases=tuple(replace(one, **changed) if one.name == phase else one for one in plan.phases))
    return plan


def _value(holder: type, name: str, text: str) -> Any:
    """The text as the field's type: a number, a text, or true and false. Texts alone may be given in a list, separated by commas."""
    types_of = typing.get_type_hints(holder)
    if name not in {field.name for field in fields(holder)} or name == "phases":
        raise PlanError(f"{holder.__name__.lower()} has no {name!r} to set; it has {', '.join(set(types_of) - {'phases'})}")
    kind = types_of[name]
    if isinstance(kind, types.UnionType):
        kind = next(one for one in typing.get_args(kind) if one is not type(None))
    if typing.get_origin(kind) is tuple:
        return tuple(part for part in text.split(",") if part)
    if kind is bool:
        if text not in ("true", "false"):
            raise PlanError(f"{name}={text}: expected true or false")
        return text == "true"
    try:
        return kind(text)
    except ValueError as error:
        raise PlanError(f"{name}={text}: expected {'a whole number' if kind is int else 'a number'}") from error
