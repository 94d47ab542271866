"""A checkpoint measured on a folder of shards, without training."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from training.errors import TrainingError
from training.evaluate import held_out, measured, model_nats, unigram_nats
from training.fim_check import fim_check
from training.folders import opened
from training.loader import joined_sequences
from training.model import load_checkpoint, set_positions
from training.processes import processes

_BATCH = 8


def evaluate_checkpoint(
    checkpoint: str, shards: str, window: int | None, tokens: int, fim_documents: int, masks_documents: bool, say: Callable[[str], None]
) -> dict[str, Any]:
    """`held_out` as `HeldOutBits`, None where nothing is held out, and `fim` as `FimCheck`."""
    folder = opened(shards)
    try:
        model = load_checkpoint(checkpoint)
    except (OSError, ValueError) as error:
        raise TrainingError(f"the checkpoint {checkpoint} cannot be read: {error}") from error
    if model.config.vocab_size != folder.manifest.vocabulary_size:
        raise TrainingError(
            f"the checkpoint {checkpoint} has a vocabulary of {model.config.vocab_size}, the shards {shards} have "
            f"{folder.manifest.vocabulary_size}: they are of other tokenizers. Evaluate it on the shards that it was trained on"
        )
    window = window or model.config.max_position_embeddings
    set_positions(model, max(window, model.config.max_position_embeddings), model.config.rope_parameters["rope_theta"])
    with processes() as here:
        model.to(here.device)
        joined = joined_sequences(folder.manifest, window, True, "evaluate")
        source = folder.source("held_out", window, 0, joined)
        sample = held_out(source, folder.tokenizer.token_bytes, tokens)
        bits = None
        if sample is not None:
            nats = model_nats(model, sample.windows, _BATCH, "sdpa" if masks_documents else None, here)
            bits = measured(sample, nats, unigram_nats(folder.source("train", window, 0), sample.windows))
            for label, one in {"all": bits.model, **bits.by_kind, **bits.by_language}.items():
                say(f"{label:<20} {one.bits_per_byte:6.3f} bits per byte on {one.tokens:,} tokens, {one.text_bytes:,} bytes")
        fim = fim_check(model, source, folder.tokenizer, fim_documents, 0, _BATCH, here)
    return {"held_out": None if bits is None else asdict(bits), "fim": asdict(fim)}
