"""Several texts through a decoder at once: in one row without padding, on a GPU and on a processor, or padded where that cannot be.

A model that Transformers lets choose its attention takes the one here by name. Every text sees itself alone: on a GPU by torch's kernel for
texts of several lengths, elsewhere text by text. Models whose attention is more than causal keep their own, and padding.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch.nn.attention.varlen import varlen_attn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

NAME = "texts_in_a_row"
# A processor is given its row in parts of about so many tokens: what a layer makes of more leaves the caches (16,384: 9 % slower).
CACHED_TOKENS = 4096
# What a model's configuration says where its attention is not that of all earlier places.
_OTHER_ATTENTION = ("sliding_window", "attn_logit_softcapping", "attention_chunk_size", "alibi")


def pack(model: Any) -> None:
    """Gives a model this attention, where it can have it."""
    config = model.config
    has_other = any(getattr(config, name, None) for name in _OTHER_ATTENTION)
    is_plain = not has_other and set(getattr(config, "layer_types", None) or ()) <= {"full_attention"}
    if is_plain and getattr(type(model), "_supports_attention_backend", False):
        model.set_attn_implementation(NAME)


def is_packed(model: Any) -> bool:
    return getattr(model.config, "_attn_implementation", None) == NAME


def last_states(model: Any, rows: Sequence[np.ndarray], row_tokens: int = 1) -> torch.Tensor:
    """Hidden states of each text's last token ([texts, width], on the model's device).

    The row is filled to a multiple of `row_tokens` with texts that nobody asks for: products of matrices of one size are done in one
    order, so that on a GPU too a text's score is the same to the last bit wherever it stands.
    """
    device = model.get_input_embeddings().weight.device
    lengths = np.array([len(row) for row in rows])
    if device.type == "cpu" and len(rows) > 1 and lengths.sum() > CACHED_TOKENS:
        half = max(1, int(np.searchsorted(np.cumsum(lengths), lengths.sum() / 2)))
        return torch.cat([last_states(model, part, row_tokens) for part in (rows[:half], rows[half:])])
    longest, used = int(lengths.max()), int(lengths.sum())
    filled = -(-used // row_tokens) * row_tokens
    filling = np.full(-(-(filled - used) // longest), longest)
    ends = np.minimum(np.cumsum(np.concatenate([[0], lengths, filling])), filled)
    ids = np.zeros(filled, np.int64)
    ids[:used] = np.concatenate(rows)
    places = np.arange(filled) - np.repeat(ends[:-1], np.diff(ends))
    hidden = model.base_model(
        input_ids=torch.from_numpy(ids)[None].to(device),
        position_ids=torch.from_numpy(places)[None].to(device),
        use_cache=False,
        cu_seq_lens_q=torch.from_numpy(ends.astype(np.int32)).to(device),
        max_length_q=longest,
    ).last_hidden_state
    return hidden[0, torch.from_numpy(ends[1 : len(rows) + 1] - 1).to(device)]


def padded_states(model: Any, rows: Sequence[np.ndarray], padding_id: int = 0) -> torch.Tensor:
    """The same, of texts one below the other, each followed by padding up to the longest."""
    lengths = torch.tensor([len(row) for row in rows])
    ids = torch.full((len(rows), int(lengths.max())), padding_id)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = torch.from_numpy(row.astype(np.int64))
    device = model.get_input_embeddings().weight.device
    # No mask: a causal decoder does not look behind a text, where the padding is, and without one attention takes its fast kernel.
    hidden = model.base_model(input_ids=ids.to(device), use_cache=False).last_hidden_state
    found: torch.Tensor = hidden[torch.arange(len(rows), device=device), (lengths - 1).to(device)]
    return found


def attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None,
    scaling: float | None = None,
    dropout: float = 0.0,
    *,
    cu_seq_lens_q: torch.Tensor,
    max_length_q: int,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Transformers' attention interface. query: [1, heads, tokens, width of a head]; returns [1, tokens, heads, width of a head]."""
    groups = query.shape[1] // key.shape[1]
    query, key, value = (part.to(value.dtype)[0].transpose(0, 1) for part in (query, key, value))
    if groups > 1:
        key, value = (part.repeat_interleave(groups, dim=1) for part in (key, value))
    if query.is_cuda and query.dtype != torch.float32:
        ends = cu_seq_lens_q
        found = varlen_attn(query, key, value, ends, ends, max_length_q, max_length_q, scale=scaling, window_size=(-1, 0))
    else:
        found = _text_by_text(query, key, value, cu_seq_lens_q.tolist(), scaling)
    return found[None], None  # type: ignore[index]


def _text_by_text(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, ends: list[int], scaling: float | None) -> torch.Tensor:
    parts = []
    for start, end in pairwise(ends):
        own = [part[start:end].transpose(0, 1)[None] for part in (query, key, value)]
        parts.append(scaled_dot_product_attention(own[0], own[1], own[2], is_causal=True, scale=scaling)[0].transpose(0, 1))
    return torch.cat(parts)


AttentionInterface.register(NAME, attention)
