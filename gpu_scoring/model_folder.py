"""The folder of a scorer: read, written whole, and known by a hash.

It is one of Transformers (`AutoModelForSequenceClassification` loads it), with `tokenizer.json`, `scorer.json` (window, offset, kind, hash)
and a card. A folder is refused where its parts do not fit each other: on a GPU a token without embedding would end the process.
"""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from transformers import AutoModelForSequenceClassification
from transformers.utils.logging import disable_progress_bar

from gpu_scoring.out_folder import CARD_NAME, SCORER_NAME, TOKENIZER_NAME
from gpu_scoring.packed import pack
from gpu_scoring.population import KINDS
from gpu_scoring.scorer import Scorer, ScorerError
from udfs.folders import replaced
from udfs.tokenizer import Tokenizer, TokenizerError, load

CONFIG_NAME = "config.json"
# Of config.json: what says where it comes from, and nothing of what a model does.
_ORIGIN = ("transformers_version", "_name_or_path")
# Its frequencies depend on the longest text of a batch, once one is longer than the model was first trained on. Those of `dynamic` do so
# beyond max_position_embeddings, where no window goes.
_CHANGING_ROPE = "longrope"


def from_checkpoint(folder: Path, window: int, seed: int) -> Scorer:
    """A causal language model's decoder with a new head. Raises ScorerError for a folder without model or usable tokenizer."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _scorer(folder, window, 0.0)


def load_scorer(folder: Path) -> Scorer:
    """What `save` wrote. Raises ScorerError for a folder that is no scorer."""
    try:
        declared = json.loads((folder / SCORER_NAME).read_text())
        window, offset = int(declared["window"]), float(declared["offset"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"{SCORER_NAME} has no {error}" if isinstance(error, KeyError) else error
        raise ScorerError(f"{folder} is no scorer: {what}. Expected what `codemill train-scorer --out FOLDER` makes.") from error
    kind = declared.get("kind", KINDS[0])  # what was made before there were kinds is of files
    if kind not in KINDS:
        raise ScorerError(f"{folder / SCORER_NAME} says that it scores {kind!r}. Expected one of {', '.join(KINDS)}.")
    return replace(_scorer(folder, window, offset), kind=kind)


def _scorer(folder: Path, window: int, offset: float) -> Scorer:
    tokenizer, model = _tokenizer(folder), _model(folder)
    _check_window(folder, model.config, window)
    _check_ids(folder, model, tokenizer)
    return Scorer(model, tokenizer, window, offset, config=_decisive(folder))


def _model(folder: Path) -> Any:
    disable_progress_bar()
    try:
        model = AutoModelForSequenceClassification.from_pretrained(str(folder), num_labels=1, dtype=torch.float32, local_files_only=True)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ScorerError(f"{folder} holds no model that Transformers loads: {error}") from error
    pack(model)
    return model


def _tokenizer(folder: Path) -> Tokenizer:
    try:
        return load((folder / TOKENIZER_NAME).read_text())
    except (OSError, TokenizerError) as error:
        raise ScorerError(f"{folder / TOKENIZER_NAME} cannot be used: {error}") from error


def _check_window(folder: Path, config: Any, window: int) -> None:
    most = getattr(config, "max_position_embeddings", None)
    declared = getattr(config, "rope_parameters", None) or {}
    for rope in (declared, *(one for one in declared.values() if isinstance(one, dict))):  # of all layers, or by their kind
        first = rope.get("original_max_position_embeddings")
        if first and rope.get("rope_type") == _CHANGING_ROPE and window > first:
            raise ScorerError(
                f"{folder} turns its positions otherwise ({_CHANGING_ROPE}) once a text is longer than {first:,} tokens: with a window of"
                f" {window:,} a score would depend on the other texts of its batch. Expected a window of at most {first:,}."
            )
    if most and window > most:
        raise ScorerError(f"{folder} was made for {most:,} tokens; a window of {window:,} is more than that")


def _check_ids(folder: Path, model: Any, tokenizer: Tokenizer) -> None:
    """That every id which a text can become has an embedding."""
    last = max(int(np.flatnonzero(tokenizer.token_bytes)[-1]), tokenizer.end_id, tokenizer.padding_id)
    held = model.get_input_embeddings().weight.shape[0]
    if last >= held:
        raise ScorerError(
            f"{folder / TOKENIZER_NAME} has ids up to {last:,}; the model beside it has embeddings for {held:,}, from 0 on.\n"
            "Expected a tokenizer and a model that belong together."
        )


def save(scorer: Scorer, folder: Path, card: str, facts: dict[str, Any], pictures: dict[str, bytes]) -> str:
    """Writes the folder, whole or not at all, in place of what it was; returns the hash by which scores are known (16 hex digits).

    facts: what `scorer.json` says besides. pictures: files of the card, by name.
    """
    disable_progress_bar()
    with replaced(folder) as written:
        scorer.model.save_pretrained(written)
        model_hash = _hash(scorer, _decisive(written))
        declared = {"window": scorer.window, "offset": scorer.offset, "kind": scorer.kind, "model_hash": model_hash} | facts
        (written / TOKENIZER_NAME).write_text(scorer.tokenizer.tokenizer_json)
        (written / SCORER_NAME).write_text(json.dumps(declared, indent=2, sort_keys=True) + "\n")
        (written / CARD_NAME).write_text(card.replace("MODEL_HASH", model_hash))
        for name, picture in pictures.items():
            (written / name).write_bytes(picture)
    return model_hash


def hash_of(scorer: Scorer) -> str:
    """Of weights, configuration, tokenizer, window and offset: what decides a score; and of the kind of candidates where it is no file."""
    return _hash(scorer, scorer.config)


def _hash(scorer: Scorer, config: str) -> str:
    kind = "" if scorer.kind == KINDS[0] else f" {scorer.kind}"
    digest = hashlib.sha256(f"{scorer.window} {scorer.offset} {scorer.tokenizer.sha256} {config}{kind}".encode())
    for name, weight in sorted(scorer.model.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def _decisive(folder: Path) -> str:
    """The model's configuration as its folder has it, and not as a version of Transformers reads it: an upgrade is no other model."""
    declared = json.loads((folder / CONFIG_NAME).read_text())
    return json.dumps({name: value for name, value in declared.items() if name not in _ORIGIN}, sort_keys=True)
