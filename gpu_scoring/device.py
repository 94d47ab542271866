"""Where a model runs, how fast that is at best, and how much of it a model's work is."""

import time
from typing import Any

import torch

PEAK_S = 0.3
MATRIX = {"cpu": 1024, "cuda": 8192}


def chosen(name: str) -> torch.device:
    """`auto` is a GPU where there is one. Raises ValueError for a device that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"there is no device {name!r} here: {str(error).splitlines()[0]}") from error


def dtype_of(device: torch.device) -> torch.dtype:
    """bf16 on a GPU, which is made for it; a processor is faster in float32."""
    return torch.bfloat16 if device.type == "cuda" else torch.float32


def version_of(model_hash: str, dtype: torch.dtype) -> str:
    """What scores are known by: the model's hash alone in float32, else the precision behind it.

    Precision moves scores thirty times as far as another attention kernel does (docs/decisions/0010): scores of one version are of one.
    """
    return model_hash if dtype == torch.float32 else f"{model_hash}-{'bf16' if dtype == torch.bfloat16 else str(dtype)}"


def batch_tokens_of(device: torch.device) -> int:
    """Enough to keep the device busy: a processor's caches hold few, a GPU needs many."""
    return 65536 if device.type == "cuda" else 8192


def peak_flops(device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second of one large product of dense matrices: what the device reaches, measured in PEAK_S seconds."""
    size = MATRIX.get(device.type, 1024)
    one, other = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    best, end = float("inf"), time.monotonic() + PEAK_S
    while time.monotonic() < end or best == float("inf"):
        start = time.monotonic()
        torch.mm(one, other)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.monotonic() - start)
    return 2 * size**3 / best


def flops(model: Any, lengths: list[int]) -> float:
    """Operations of a forward pass over texts of these lengths in tokens, padding not counted.

    Two for each weight that is not an embedding, and four times half the length times the width for each layer's causal attention.
    """
    weights = sum(p.numel() for p in model.parameters()) - model.get_input_embeddings().weight.numel()
    attention = 2 * model.config.num_hidden_layers * model.config.hidden_size
    return float(sum(2 * weights * length + attention * length**2 for length in lengths))
