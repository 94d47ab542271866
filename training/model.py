"""The probe's model: a decoder of Llama-3 structure, and the folder that `transformers` loads it from."""

from dataclasses import dataclass
from pathlib import Path

import tokenizers
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils.logging import disable_progress_bar

from udfs.folders import replaced
from udfs.tokenizer import Tokenizer


@dataclass(frozen=True)
class ModelShape:
    """Sizes of the decoder. Proportions follow the report's 8.2B model (section 2.3): four query heads share a key and value head there."""

    hidden_size: int = 128
    intermediate_size: int = 384
    layers: int = 4
    heads: int = 4
    key_value_heads: int = 2
    tie_embeddings: bool = True  # beside layers this small, a head of its own nearly doubles what the optimizer has to move


def build_model(shape: ModelShape, tokenizer: Tokenizer, context: int, seed: int) -> LlamaForCausalLM:
    """Random weights that depend on `seed` and `shape` alone; the global random state is left as it was."""
    config = LlamaConfig(
        vocab_size=tokenizer.vocabulary_size,
        hidden_size=shape.hidden_size,
        intermediate_size=shape.intermediate_size,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        max_position_embeddings=context,
        rms_norm_eps=1e-5,
        tie_word_embeddings=shape.tie_embeddings,
        bos_token_id=tokenizer.end_id,
        eos_token_id=tokenizer.end_id,
        pad_token_id=tokenizer.padding_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config)


def save_checkpoint(model: LlamaForCausalLM, tokenizer: Tokenizer, folder: Path) -> None:
    """Writes model and tokenizer for `AutoModelForCausalLM` and `AutoTokenizer`; the folder appears whole or not at all."""
    disable_progress_bar()
    with replaced(folder) as written:
        model.save_pretrained(written)
        fast = PreTrainedTokenizerFast(
            tokenizer_object=tokenizers.Tokenizer.from_str(tokenizer.tokenizer_json),
            bos_token=tokenizer.end_token,
            eos_token=tokenizer.end_token,
            pad_token=tokenizer.model.id_to_token(tokenizer.padding_id),
            model_max_length=model.config.max_position_embeddings,
        )
        fast.save_pretrained(written)
