"""Which models can be scorers: causal decoders of Transformers, each with a head of one number that reads a text's last token.

Transformers has such a class for many decoders; for the others one is made of the same parts. Nothing is believed of a model's kind: a
folder is used where texts that go through it together come out as they do alone, and refused where they do not.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel
from transformers.modeling_layers import GenericForSequenceClassification
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING
from transformers.utils import logging

from gpu_scoring.packed import is_packed, last_states, pack, padded_states
from gpu_scoring.scorer import ScorerError

HEAD = "score.weight"
MOST_NAMED = 3
# Texts that a model is tried with, by their tokens, and how far from what each is alone: of the largest state's size.
TRIED_LENGTHS, TOLERANCE = (2, 11, 5), 1e-4
# What Transformers raises for a folder or a class that it cannot make a model of: it has no error of its own.
REFUSALS = (OSError, ValueError, RuntimeError, ImportError, LookupError, TypeError, AttributeError, SafetensorError)


def loaded(folder: Path, is_scorer: bool) -> Any:
    """The folder's decoder in float32 on the processor, with a head: its own where it is a scorer's, else a new one.

    Raises ScorerError where there is none that can be one, with what it is and what is expected.
    """
    given = {"local_files_only": True, "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(str(folder), num_labels=1, **given)
        _check_kind(folder, config)
        with _quiet():
            model, info = _class_of(config).from_pretrained(
                str(folder), config=config, dtype=torch.float32, output_loading_info=True, **given
            )
    except REFUSALS as error:
        raise ScorerError(f"{folder} holds no model that Transformers loads: {error}") from error
    _check_weights(folder, model, set(info["missing_keys"]), is_scorer)
    settle(folder, model)
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Transformers would show a bar, and a table of the weights that are not there, which are looked at here."""
    logging.disable_progress_bar()
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def is_known_to_transformers(config: Any) -> bool:
    """Whether `AutoModelForSequenceClassification` has a class for it, without our help."""
    return type(config) in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING


def _class_of(config: Any) -> Any:
    """What loads it: Transformers' choice, or the same head over the decoder of its causal language model."""
    if is_known_to_transformers(config):
        return AutoModelForSequenceClassification
    causal = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
    own = next(base for base in causal.__mro__[1:] if issubclass(base, PreTrainedModel) and base is not PreTrainedModel)
    name = causal.__name__.removesuffix("ForCausalLM") + "ForSequenceClassification"
    return type(name, (GenericForSequenceClassification, own), {"base_model_prefix": causal.base_model_prefix})


def _check_kind(folder: Path, config: Any) -> None:
    expected = "Expected a causal language model (a decoder), which reads a text from its start to its end."
    if config.is_encoder_decoder or type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise ScorerError(f"{folder} holds a model of the kind {config.model_type}, which is no causal decoder to Transformers. {expected}")
    if getattr(config, "quantization_config", None):
        raise ScorerError(
            f"{folder} holds weights that are quantized, which cannot be trained. Expected the model from before that, in bf16 or float32."
        )


def _check_weights(folder: Path, model: Any, missing: set[str], is_scorer: bool) -> None:
    """What a folder lacks Transformers would draw at random, and only warn."""
    if HEAD not in model.state_dict():
        raise ScorerError(
            f"{folder}: {type(model).__name__}, which Transformers has for the kind {model.config.model_type}, does not read the last token"
            " as decoders' heads do. Expected a causal language model, such as of Llama, Qwen, GPT-NeoX or Gemma structure."
        )
    missing -= set() if is_scorer else {HEAD}
    if missing:
        named = ", ".join(sorted(missing)[:MOST_NAMED]) + (f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else "")
        raise ScorerError(
            f"{folder} lacks weights of a {model.config.model_type}: {named}. They would be random.\n"
            "Expected all of them, as `save_pretrained` writes them."
        )


def settle(folder: Path, model: Any) -> None:
    """Lets texts go through the model in one row where they keep apart in it, else padded. Raises ScorerError where they never do."""
    rows = _tried(model)
    own = model.config._attn_implementation
    try:
        alone = torch.cat([_states(model, padded_states, [row]) for row in rows])
    except REFUSALS as error:
        raise ScorerError(f"{folder}: the model cannot read a text: {type(error).__name__}: {error}") from error
    pack(model)
    if is_packed(model) and not _is_same(model, last_states, rows, alone):
        model.set_attn_implementation(own)
    if not is_packed(model) and not _is_same(model, padded_states, rows, alone):
        raise ScorerError(
            f"{folder}: what a {model.config.model_type} says of a text depends on what comes after it, so that a score would depend on the"
            " other texts of its batch. Expected a causal decoder."
        )


def _tried(model: Any) -> list[np.ndarray]:
    held = model.get_input_embeddings().weight.shape[0]
    draw = np.random.default_rng(0)
    return [draw.integers(held // 2, held, length, np.int32) for length in TRIED_LENGTHS]


def _is_same(model: Any, read: Callable[..., torch.Tensor], rows: Sequence[np.ndarray], alone: torch.Tensor) -> bool:
    try:
        found = _states(model, read, rows)
    except REFUSALS:  # it does not take texts so
        return False
    finite = alone.isfinite().all(1)  # a token whose weights are no numbers says nothing of this
    far = (found - alone)[finite].abs()
    return not len(far) or bool(far.max() <= TOLERANCE * alone[finite].abs().max())


def _states(model: Any, read: Callable[..., torch.Tensor], rows: Sequence[np.ndarray]) -> torch.Tensor:
    model.eval()
    with torch.inference_mode():
        return read(model, rows)
