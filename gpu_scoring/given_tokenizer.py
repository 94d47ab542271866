"""A checkpoint's own tokenizer, of any kind that the `tokenizers` library reads: where ours (udfs.tokenizer) would lose text, this may.

It reads a text as the checkpoint learned to read: characters may be composed, made lower case or unknown. In training data that would be a
loss; of a score it is a part. Two things hold all the same. No text becomes one of the tokens that control a model: what looks like one is
read as text, and an id that text makes of one is left out. And a text's tokens do not depend on its neighbours.

A text of more than PIECE_CHARS is read in pieces, as many as fill the window: what goes in front of a text (the `▁` of SentencePiece) then
stands in front of each. The library works in threads of its own and does not hold Python's lock.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from transformers import AutoTokenizer

from udfs.text_pieces import pieces
from udfs.tokenizer import PADDING, USUAL_END_TOKENS

VERSION = 1  # raise it when the same text and tokenizer give other tokens
END_NAMES = (*USUAL_END_TOKENS, "<|im_end|>", "<EOS_TOKEN>", "[SEP]")
PADDING_NAMES = (PADDING, "<pad>", "[PAD]")
_CONTROL, _BYTE = re.compile(r"<.+>|\[.+\]"), re.compile(r"<0x[0-9A-Fa-f]{2}>")
# Of what Transformers makes a tokenizer, where a folder has no tokenizer.json.
VOCABULARIES = ("tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "sentencepiece.bpe.model", "tiktoken.model")


class GivenTokenizerError(Exception):
    """A tokenizer of this kind cannot be used: what it lacks, what was expected."""


@dataclass(frozen=True, eq=False)
class GivenTokenizer:
    """`start` goes before every text, `end_id` after it where that fits. `sha256` is of the file and of the rules here.

    `why`: what keeps ours from having the same ids. `last_id`: the largest that a row can hold. `is_control`: by id.
    """

    tokenizer_json: str
    sha256: str
    why: str
    end_id: int
    padding_id: int
    last_id: int
    unknown_id: int | None
    start: np.ndarray
    is_control: np.ndarray
    model: tokenizers.Tokenizer = field(repr=False)

    def first_tokens(self, texts: Sequence[str], most: int) -> list[np.ndarray]:
        """The first `most` tokens of each text (int32), start and end among them."""
        parts = [[self.start] for _ in texts]
        left = {place: pieces(text) for place, text in enumerate(texts)}
        while left:
            read = {place: piece for place, of_text in left.items() if (piece := next(of_text, None)) is not None}
            for place in left.keys() - read.keys():
                parts[place].append(np.array([self.end_id], np.int32))
            for place, ids in zip(read, self._ids(list(read.values())), strict=True):
                parts[place].append(ids)
            left = {place: left[place] for place in read if sum(map(len, parts[place])) < most}
        return [np.concatenate(of_text)[:most] for of_text in parts]

    def _ids(self, texts: list[str]) -> list[np.ndarray]:
        found = (np.array(one.ids, np.int32) for one in self.model.encode_batch_fast(texts, add_special_tokens=False))
        return [ids[~self.is_control[ids]] for ids in found]


def given_tokenizer(tokenizer_json: str, why: str, end_id: int | None = None) -> GivenTokenizer:
    """`end_id` ends a text where the tokenizer has no token of a usual name for that. Raises GivenTokenizerError."""
    try:
        declared = json.loads(tokenizer_json)
        added = {token["content"]: token["id"] for token in declared["added_tokens"]}
        control = {token["content"] for token in declared["added_tokens"] if _is_control(token)}
        for token in declared["added_tokens"]:
            token["special"] = token["content"] in control
        model = tokenizers.Tokenizer.from_str(json.dumps(declared))
    except Exception as error:  # the library raises bare Exception
        raise GivenTokenizerError(f"it is none of the tokenizers library: {error}") from error
    model.no_truncation()
    model.no_padding()
    model.encode_special_tokens = True
    ids = model.get_vocab(with_added_tokens=True)
    end = next((added[name] for name in END_NAMES if name in added), end_id)
    if end is None or end not in ids.values():
        raise GivenTokenizerError(
            f"it has no token that ends a text: none of {', '.join(END_NAMES)} is among its added tokens, and config.json names no"
            " eos_token_id of it. Expected one of both."
        )
    unknown_id = _unknown(declared, ids)
    is_control = np.zeros(1 + max(ids.values()), bool)
    is_control[[ids[name] for name in control if ids[name] != unknown_id]] = True
    is_control[end] = True
    padding = next((added[name] for name in PADDING_NAMES if name in added), end)
    start = _start(model)
    last = max(end, padding, *start.tolist(), *(place for place in ids.values() if not is_control[place]))
    sha256 = hashlib.sha256(f"given {VERSION} {tokenizer_json}".encode()).hexdigest()
    return GivenTokenizer(tokenizer_json, sha256, why, end, padding, last, unknown_id, start, is_control, model)


def _is_control(token: dict[str, Any]) -> bool:
    """Flags are unreliable: many files leave tokens of their turns without one."""
    return bool((token["special"] or _CONTROL.fullmatch(token["content"])) and not _BYTE.fullmatch(token["content"]))


def _unknown(declared: dict[str, Any], ids: dict[str, int]) -> int | None:
    """Of what a vocabulary does not have. Unigram names it by its place, the others by its name."""
    kind = declared["model"]
    if kind.get("type") == "Unigram":
        return kind.get("unk_id")
    return ids.get(kind.get("unk_token") or "")


def _start(model: tokenizers.Tokenizer) -> np.ndarray:
    """What the tokenizer's own template puts before a text (int32)."""
    bare, whole = (model.encode("x = 1", add_special_tokens=is_whole).ids for is_whole in (False, True))
    places = [place for place in range(len(whole) - len(bare) + 1) if whole[place : place + len(bare)] == bare]
    return np.array(whole[: places[0]] if places else [], np.int32)


def json_of(folder: Path, name: str) -> str:
    """The text of `tokenizer.json`, or what Transformers makes of a folder's older files. Raises GivenTokenizerError."""
    try:
        return (folder / name).read_text()
    except (OSError, UnicodeDecodeError) as error:
        if (folder / name).exists() or not any((folder / older).exists() for older in VOCABULARIES):
            raise GivenTokenizerError(str(error)) from error
    try:
        made = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        return str(made.backend_tokenizer.to_str())
    except Exception as error:  # Transformers has no error of its own for this
        there = ", ".join(older for older in VOCABULARIES if (folder / older).exists())
        raise GivenTokenizerError(
            f"it is not there, and Transformers makes none of {there} ({type(error).__name__}: {error}). Expected {name}, which"
            " `AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)` writes where its libraries are installed."
        ) from error
