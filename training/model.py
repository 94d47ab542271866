"""The model: a decoder of Llama-3 structure, and the folder that `transformers` loads it from."""

from pathlib import Path
from typing import Any

import tokenizers
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
from transformers.utils.logging import disable_progress_bar

from training.record import MARK_NAME
from training.shapes import ModelShape
from udfs.folders import replaced
from udfs.tokenizer import Tokenizer


def config_of(shape: ModelShape, vocabulary_size: int, window: int, rope_theta: float, **settings: Any) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=vocabulary_size,
        hidden_size=shape.hidden_size,
        intermediate_size=shape.intermediate_size,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        max_position_embeddings=window,
        rope_parameters={"rope_type": "default", "rope_theta": rope_theta},
        rms_norm_eps=1e-5,
        tie_word_embeddings=shape.tie_embeddings,
        **settings,
    )


def build_model(shape: ModelShape, tokenizer: Tokenizer, window: int, rope_theta: float, seed: int) -> LlamaForCausalLM:
    """Random weights that depend on `seed` and `shape` alone; the global random state is left as it was."""
    ids = {"bos_token_id": tokenizer.end_id, "eos_token_id": tokenizer.end_id, "pad_token_id": tokenizer.padding_id}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config_of(shape, tokenizer.vocabulary_size, window, rope_theta, **ids))


def set_positions(model: LlamaForCausalLM, window: int, rope_theta: float) -> None:
    """Gives the model the window and RoPE's theta of another phase. Rotations are no weights: nothing that was learnt changes."""
    config = model.config
    config.max_position_embeddings = window
    config.rope_parameters = {**config.rope_parameters, "rope_theta": rope_theta}
    model.model.rotary_emb = LlamaRotaryEmbedding(config).to(model.device)


def load_checkpoint(folder: str) -> LlamaForCausalLM:
    disable_progress_bar()
    return LlamaForCausalLM.from_pretrained(folder, local_files_only=True)


def save_checkpoint(
    model: LlamaForCausalLM, tokenizer: Tokenizer, folder: Path, run_id: str, weights: dict[str, torch.Tensor] | None = None
) -> None:
    """Writes model and tokenizer for `AutoModelForCausalLM` and `AutoTokenizer`; the folder appears whole or not at all.

    `weights` are all of them where the model holds a part only.
    """
    disable_progress_bar()
    with replaced(folder) as written:
        model.save_pretrained(written, state_dict=weights)
        (written / MARK_NAME).write_text(f"{run_id}\n")
        fast = PreTrainedTokenizerFast(
            tokenizer_object=tokenizers.Tokenizer.from_str(tokenizer.tokenizer_json),
            bos_token=tokenizer.end_token,
            eos_token=tokenizer.end_token,
            pad_token=tokenizer.model.id_to_token(tokenizer.padding_id),
            model_max_length=model.config.max_position_embeddings,
        )
        fast.save_pretrained(written)
