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
from transformers.utils.logging import disable_progress_bar

from gpu_scoring.decoders import loaded
from gpu_scoring.given_tokenizer import GivenTokenizer, GivenTokenizerError, given_tokenizer, json_of
from gpu_scoring.out_folder import CARD_NAME, SCORER_NAME, TOKENIZER_NAME
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
_LONGEST = ("max_position_embeddings", "max_seq_len")  # what configurations call the tokens that a model was made for


def from_checkpoint(folder: Path, window: int, seed: int) -> Scorer:
    """A causal language model's decoder with a new head. Raises ScorerError for a folder without model or usable tokenizer."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _scorer(folder, window, 0.0, is_scorer=False)


def load_scorer(folder: Path) -> Scorer:
    """What `save` wrote. Raises ScorerError for a folder that is no scorer, or not the one that it says it is."""
    return read_scorer(folder)[0]


def read_scorer(folder: Path) -> tuple[Scorer, dict[str, Any]]:
    """The same, and what `scorer.json` says of it. All weights are hashed: of 5 GB that takes 3 s."""
    try:
        declared = dict(json.loads((folder / SCORER_NAME).read_text()))
        window, offset, model_hash = int(declared["window"]), float(declared["offset"]), declared["model_hash"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"{SCORER_NAME} has no {error}" if isinstance(error, KeyError) else error
        raise ScorerError(f"{folder} is no scorer: {what}. Expected what `codemill train-scorer --out FOLDER` makes.") from error
    kind = declared.get("kind", KINDS[0])  # what was made before there were kinds is of files
    if kind not in KINDS:
        raise ScorerError(f"{folder / SCORER_NAME} says that it scores {kind!r}. Expected one of {', '.join(KINDS)}.")
    scorer = replace(_scorer(folder, window, offset, is_scorer=True), kind=kind)
    if (found := hash_of(scorer)) != model_hash:
        raise ScorerError(
            f"{folder / SCORER_NAME} says that this is scorer {model_hash}; what lies beside it is {found}: its weights, configuration,"
            " tokenizer, window, offset or kind are not those that were saved, and its card is not about them.\n"
            f"Expected the folder as `codemill train-scorer` wrote it. To use it as it is, as another scorer, write {found} there."
        )
    return scorer, declared


def _scorer(folder: Path, window: int, offset: float, is_scorer: bool) -> Scorer:
    tokenizer, model = _tokenizer(folder), loaded(folder, is_scorer)
    _check_window(folder, model.config, window)
    _check_ids(folder, model, tokenizer)
    return Scorer(model, tokenizer, window, offset, config=_decisive(folder))


def _tokenizer(folder: Path) -> Tokenizer | GivenTokenizer:
    """Ours where it has the ids of the folder's own, else that of the library."""
    try:
        tokenizer_json = json_of(folder, TOKENIZER_NAME)
        try:
            return load(tokenizer_json)
        except TokenizerError as error:
            faults = [line.strip().partition(";")[0] for line in str(error).splitlines()[1:]] or [str(error)]
            return given_tokenizer(tokenizer_json, "; ".join(faults), _end_id(folder))
    except GivenTokenizerError as error:
        raise ScorerError(f"{folder / TOKENIZER_NAME} cannot be used: {error}") from error


def _end_id(folder: Path) -> int | None:
    """The token that ends a text, as a model's configuration names it; the first where it names several."""
    try:
        declared = json.loads((folder / CONFIG_NAME).read_text())
        found = declared.get("eos_token_id", declared.get("text_config", {}).get("eos_token_id"))
    except (OSError, ValueError, AttributeError):
        return None
    found = found[0] if isinstance(found, list) and found else found
    return found if isinstance(found, int) else None


def _check_window(folder: Path, config: Any, window: int) -> None:
    config = config.get_text_config()
    most = next((getattr(config, name) for name in _LONGEST if getattr(config, name, None)), None)
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


def _check_ids(folder: Path, model: Any, tokenizer: Tokenizer | GivenTokenizer) -> None:
    """That every id which a text can become has an embedding."""
    if isinstance(tokenizer, GivenTokenizer):
        last = tokenizer.last_id
    else:
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
