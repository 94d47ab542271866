"""The loss of every target of some windows, with or without walls between documents."""

from typing import Any

import torch

from training.pools import IGNORED, Windows


def token_losses(model: torch.nn.Module, windows: Windows, attention: str | None, device: torch.device) -> torch.Tensor:
    """[windows, context] nats, 0 where nothing is asked. `attention` None sees all that is before; `sdpa` and `flex` the own document."""
    inputs, targets = (torch.from_numpy(array).to(device, non_blocking=True) for array in (windows.inputs, windows.targets))
    walls = {} if attention is None else document_walls(torch.from_numpy(windows.documents).to(device), attention)
    logits = model(input_ids=inputs, use_cache=False, **walls).logits
    losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORED, reduction="none")
    return losses.view_as(targets)


def document_walls(documents: torch.Tensor, attention: str) -> dict[str, Any]:
    """What the model needs to see each document alone: a mask, and positions from each document's start. `documents`: [windows, context].

    The mask of `sdpa` has an entry for each pair of places, 1 GiB for a window of 32,768; that of `flex` has one for each pair of blocks.
    """
    return {"attention_mask": _flex_mask(documents) if attention == "flex" else _mask(documents), "position_ids": positions(documents)}


def positions(documents: torch.Tensor) -> torch.Tensor:
    """Places counted from the start of each document, or of its part in the window."""
    places = torch.arange(documents.shape[1], device=documents.device).expand_as(documents)
    is_start = torch.ones_like(documents, dtype=torch.bool)
    is_start[:, 1:] = documents[:, 1:] != documents[:, :-1]
    return places - torch.where(is_start, places, 0).cummax(dim=1).values


def _mask(documents: torch.Tensor) -> torch.Tensor:
    """[windows, 1, context, context], true where a place sees another."""
    context = documents.shape[1]
    earlier = torch.ones(context, context, dtype=torch.bool, device=documents.device).tril()
    return (documents[:, None, :] == documents[:, :, None])[:, None] & earlier


def _flex_mask(documents: torch.Tensor) -> Any:
    from torch.nn.attention.flex_attention import create_block_mask

    def sees(window: torch.Tensor, _: torch.Tensor, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        return (query >= key) & (documents[window, query] == documents[window, key])

    windows, context = documents.shape
    return create_block_mask(sees, windows, None, context, context, device=documents.device)
