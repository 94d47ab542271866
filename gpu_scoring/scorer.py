"""The scorer: a decoder with a regression head.

A text is its first `window` tokens, the end-of-document token among them where it fits; the head reads the last one's hidden state: a
causal decoder has seen them all then. A score is what the head gives plus `offset`. Texts go through the model in one row
(`gpu_scoring.packed`), or padded where its attention does not allow that.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from transformers import LlamaConfig, LlamaForSequenceClassification

from gpu_scoring.packed import is_packed, last_states, pack
from udfs.tokenizer import Tokenizer, encode, load, train

ENCODE_AT_ONCE = 512  # texts


class ScorerError(Exception):
    """A scorer cannot be used, trained or believed: where, what was found, what was expected."""


@dataclass(frozen=True)
class Shape:
    """Sizes of a decoder of Llama structure that starts from random weights."""

    hidden_size: int = 128
    layers: int = 4
    vocabulary_size: int = 4096


@dataclass(frozen=True)
class Scorer:
    """`row_tokens`: to a multiple of which a row of texts is filled. `config`: what the model's folder says of it, where it has one.
    `kind`: of what it gives scores (gpu_scoring.population.KINDS)."""

    model: Any
    tokenizer: Tokenizer
    window: int
    offset: float = 0.0
    row_tokens: int = 1
    config: str = ""
    kind: str = "file"

    def tokens(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The first `window` tokens of each text (int32)."""
        found: list[np.ndarray] = []
        for start in range(0, len(texts), ENCODE_AT_ONCE):
            flat, ends = encode(self.tokenizer, pa.array(texts[start : start + ENCODE_AT_ONCE], pa.large_string()))
            found += [flat[ends[row] : min(ends[row + 1], ends[row] + self.window)] for row in range(len(ends) - 1)]
        return found

    def forward(self, rows: Sequence[np.ndarray]) -> torch.Tensor:
        """Scores of rows of tokens (float32, one a row, on the processor; not held to [0, 1]). On a GPU in bf16, whatever the weights."""
        head = self.model.score.weight
        with torch.autocast("cuda", torch.bfloat16, enabled=head.is_cuda):
            last = last_states(self.model, rows, self.row_tokens) if is_packed(self.model) else self._padded(rows)
        scores: torch.Tensor = torch.nn.functional.linear(last.float(), head.float()).squeeze(-1).cpu()
        return scores + self.offset

    def _padded(self, rows: Sequence[np.ndarray]) -> torch.Tensor:
        lengths = torch.tensor([len(row) for row in rows])
        ids = torch.full((len(rows), int(lengths.max())), self.tokenizer.padding_id)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = torch.from_numpy(row.astype(np.int64))
        device = self.model.score.weight.device
        # No mask: a causal decoder does not look behind a text, where the padding is, and without one attention takes its fast kernel.
        hidden = self.model.base_model(input_ids=ids.to(device), use_cache=False).last_hidden_state
        found: torch.Tensor = hidden[torch.arange(len(rows), device=device), (lengths - 1).to(device)]
        return found

    def batches(self, lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
        """Places of rows, one at least and within `batch_tokens`: the first that fit, or by rising length where they are padded."""
        if not is_packed(self.model):
            yield from padded_batches(lengths, batch_tokens)
            return
        left = list(range(len(lengths)))
        while left:
            batch, others, held = [left[0]], [], lengths[left[0]]
            for place in left[1:]:
                if held + lengths[place] <= batch_tokens:
                    batch.append(place)
                    held += lengths[place]
                else:
                    others.append(place)
            yield batch
            left = others

    def on(self, device: torch.device, dtype: torch.dtype, row_tokens: int = 1) -> "Scorer":
        """The same scorer, its weights moved: the model is changed in place. On a GPU its layers are compiled, where that can be done."""
        self.model.to(device=device, dtype=dtype)
        if device.type != "cuda":
            return self
        if compiles():
            for layer in getattr(self.model.base_model, "layers", ()):
                layer.compile()
        return replace(self, row_tokens=row_tokens)

    def predict(self, texts: Sequence[str], batch_tokens: int = 8192) -> np.ndarray:
        """Scores on [0, 1] (float64)."""
        rows = self.tokens(texts)
        found = np.zeros(len(rows))
        self.model.eval()
        with torch.inference_mode():
            for places in self.batches(list(map(len, rows)), batch_tokens):
                found[places] = self.forward([rows[place] for place in places]).numpy()
        return np.clip(found, 0, 1)


def compiles() -> bool:
    """Whether Triton can build kernels here: it needs a C compiler."""
    return bool(os.environ.get("CC") or any(map(shutil.which, ("cc", "gcc", "clang"))))


def padded_batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    batch: list[int] = []
    for place in np.argsort(lengths, kind="stable").tolist():
        if batch and (len(batch) + 1) * lengths[place] > batch_tokens:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def new_scorer(shape: Shape, texts: Iterator[str], window: int, seed: int) -> Scorer:
    """Random weights, and a tokenizer trained on `texts`. Same arguments, same scorer."""
    tokenizer = load(train(texts, shape.vocabulary_size))
    heads = max(1, shape.hidden_size // 32)
    config = LlamaConfig(
        vocab_size=tokenizer.vocabulary_size,
        hidden_size=shape.hidden_size,
        intermediate_size=3 * shape.hidden_size,
        num_hidden_layers=shape.layers,
        num_attention_heads=heads,
        num_key_value_heads=max(1, heads // 2),
        max_position_embeddings=window,
        rms_norm_eps=1e-5,
        bos_token_id=tokenizer.end_id,
        eos_token_id=tokenizer.end_id,
        pad_token_id=tokenizer.padding_id,
        num_labels=1,
        problem_type="regression",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForSequenceClassification(config)
    pack(model)
    return Scorer(model, tokenizer, window)
