"""One model over several processes: each holds a part of the weights, of their gradients and of the optimizer's moments (FSDP2).

A layer's weights are brought together when it is computed and let go after it. The numbers are those of a model held whole, but for the
order in which floats are added. States are written in parts, by all processes, and read back by any number of them.
"""

from pathlib import Path
from typing import Any

import torch
from torch.distributed import checkpoint, is_initialized
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict, get_state_dict, set_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from transformers import LlamaForCausalLM

from training.plan import Plan
from training.processes import Processes

_WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True)


def placed(model: LlamaForCausalLM, plan: Plan, here: Processes) -> LlamaForCausalLM:
    """The model on this process's device: whole, or its part of it. Layer by layer, so that a device never holds it whole."""
    if plan.recomputes_layers:
        model.activation_checkpointing_enable({"use_reentrant": False})
    if not is_in_parts(plan, here):
        return model.to(here.device)
    mesh = init_device_mesh(here.device.type, (here.count,))
    # In bf16 weights travel as such; what each process keeps, and sums of gradients, are float32.
    precision = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32) if plan.precision == "bf16" else None
    more: dict[str, Any] = {"mesh": mesh} | ({"mp_policy": precision} if precision else {})
    for layer in model.model.layers:
        fully_shard(layer, **more)
    fully_shard(model, **more)
    return model


def is_in_parts(plan: Plan, here: Processes) -> bool:
    return plan.shards_model and here.count > 1


def whole_weights(model: LlamaForCausalLM) -> dict[str, torch.Tensor]:
    """All weights in the memory of the first process, nothing in the others, all of which must come here."""
    return get_model_state_dict(model, options=_WHOLE)


def save_parts(model: LlamaForCausalLM, optimizers: tuple[torch.optim.Optimizer, ...], folder: Path) -> None:
    """Each process writes its part."""
    weights, moments = get_state_dict(model, optimizers)
    checkpoint.save({"weights": weights, "moments": moments}, checkpoint_id=folder, no_dist=not is_initialized())


def load_parts(model: LlamaForCausalLM, optimizers: tuple[torch.optim.Optimizer, ...], folder: Path) -> None:
    """Each process reads what belongs to its part, however many wrote."""
    weights, moments = get_state_dict(model, optimizers)
    found = {"weights": weights, "moments": moments}
    checkpoint.load(found, checkpoint_id=folder, no_dist=not is_initialized())
    set_state_dict(model, optimizers, model_state_dict=found["weights"], optim_state_dict=found["moments"])
