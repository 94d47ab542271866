"""Texts in one row: the same hidden states as each text alone and padded, for models of several kinds."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification as Classifier
from transformers import GemmaConfig, LlamaConfig, MistralConfig, Qwen2Config

from gpu_scoring import packed
from gpu_scoring.packed import is_packed, last_states, pack
from gpu_scoring.scorer import Shape, new_scorer

SIZES = {"vocab_size": 300, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "num_labels": 1,
         "num_key_value_heads": 2, "head_dim": 8, "pad_token_id": 0}  # fmt: skip
PLAIN = [LlamaConfig(**SIZES), Qwen2Config(**SIZES), GemmaConfig(**SIZES), MistralConfig(**SIZES | {"sliding_window": None})]
SLIDING = [
    MistralConfig(**SIZES | {"sliding_window": 8}),
    Qwen2Config(**SIZES, use_sliding_window=True, sliding_window=8, max_window_layers=1),
]


def rows(*lengths: int) -> list[np.ndarray]:
    draw = np.random.default_rng(sum(lengths))
    return [draw.integers(0, 300, length, np.int32) for length in lengths]


def model_of(config):
    torch.manual_seed(0)
    return Classifier.from_config(config).eval()


@pytest.mark.parametrize("config", PLAIN, ids=lambda config: config.model_type)
@pytest.mark.parametrize(("row_tokens", "cached_tokens"), [(1, 4096), (64, 4096), (1, 40), (1, 1)])
def test_a_text_has_the_hidden_states_that_it_has_alone(config, row_tokens, cached_tokens, monkeypatch) -> None:
    monkeypatch.setattr(packed, "CACHED_TOKENS", cached_tokens)
    model = model_of(config)
    texts = rows(1, 30, 7, 2, 55)
    in_a_row = copy.deepcopy(model)
    pack(in_a_row)
    assert is_packed(in_a_row) and not is_packed(model)
    with torch.inference_mode():
        found = last_states(in_a_row, texts, row_tokens)
        alone = [model.base_model(input_ids=torch.from_numpy(row.astype(np.int64))[None]).last_hidden_state[0, -1] for row in texts]
    assert torch.allclose(found, torch.stack(alone), atol=1e-5)


@pytest.mark.parametrize("config", SLIDING, ids=lambda config: config.model_type)
def test_a_model_that_does_not_see_all_that_is_before_keeps_its_own_attention(config) -> None:
    model = model_of(config)
    pack(model)
    assert not is_packed(model)


def test_gradients_are_those_of_padded_texts() -> None:
    scorer = new_scorer(Shape(32, 2, 300), iter(["x = 1\n" * 40]), 60, 0)
    other = replace(scorer, model=copy.deepcopy(scorer.model))
    other.model.set_attn_implementation("sdpa")
    texts = [row % 250 for row in rows(5, 40, 17)]
    for one in (scorer, other):
        one.forward(texts).square().sum().backward()
    for mine, theirs in zip(scorer.model.parameters(), other.model.parameters(), strict=True):
        assert torch.allclose(mine.grad, theirs.grad, atol=1e-5)


def test_packed_batches_hold_every_row_once_within_the_bound_the_first_ones_first() -> None:
    scorer = new_scorer(Shape(32, 1, 300), iter(["x = 1\n" * 40]), 60, 0)
    lengths = [50, 3, 60, 1, 1, 40, 60]
    found = list(scorer.batches(lengths, 60))
    assert found == [[0, 1, 3, 4], [2], [5], [6]]
