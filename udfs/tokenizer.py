"""Byte-level BPE: training, loading, and encoding without loss.

Two laws hold for every document, and `encode` checks both on every batch: no text ever becomes a special token, and the bytes that the
tokens stand for add up to the bytes of the text. Threads come from the `tokenizers` library: set TOKENIZERS_PARALLELISM=false where
something else, such as Spark, already keeps the cores busy.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib import metadata
from importlib.util import find_spec
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tokenizers
from tokenizers import Regex, decoders, models, pre_tokenizers, trainers

from udfs.text_pieces import calls, pieces
from udfs.token_kernels import joined

HAS_GIGATOKEN = find_spec("gigatoken") is not None  # the ids are the same without it; a second to import, with Awkward
VERSION = 1  # of `encode`: raise it when the same text and tokenizer give other tokens

END_OF_DOCUMENT = "<|endoftext|>"
PADDING = "<|pad|>"
# Names and order of the fill-in-the-middle tokens: Seed-Coder report, section 2.2.6.
FIM_SUFFIX, FIM_PREFIX, FIM_MIDDLE = "<[fim-suffix]>", "<[fim-prefix]>", "<[fim-middle]>"
SPECIAL_TOKENS = (END_OF_DOCUMENT, PADDING, FIM_SUFFIX, FIM_PREFIX, FIM_MIDDLE)
USUAL_END_TOKENS = (END_OF_DOCUMENT, "<|end_of_text|>", "<|endofdocument|>", "</s>", "<eos>", "<\uff5cend\u2581of\u2581sentence\uff5c>")
SMALLEST_VOCABULARY = 256 + len(SPECIAL_TOKENS)

# How Llama 3 splits text before merging (the report takes Llama 3's structure and is silent on its tokenizer).
_SPLIT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
# The library needs about 90 bytes of memory a character; the compiled tokenizer is a quarter slower where it gets a megabyte at a time.
LIBRARY_CALL_CHARS, COMPILED_CALL_CHARS = 1 << 20, 1 << 23
LONGEST_TOKEN = 64  # bytes; without a limit one file of a million spaces fills a small vocabulary with runs of spaces


class TokenizerError(Exception):
    """A tokenizer cannot be used: it would lose text, or let text become a special token."""


@dataclass(frozen=True, eq=False)
class Tokenizer:
    """A checked tokenizer. `tokenizer_json` is what was given, byte for byte; `model` differs from it in how added tokens are flagged.

    `token_bytes[id]` is the number of UTF-8 bytes that a token stands for (int64, 0 for special tokens): the text bytes of any run
    of tokens are a sum over it. `vocabulary_size` counts special tokens and gaps: every id is below it.
    """

    tokenizer_json: str
    sha256: str
    model: tokenizers.Tokenizer
    end_token: str
    end_id: int
    vocabulary_size: int
    token_bytes: np.ndarray
    compiled: Any = None  # a gigatoken tokenizer with the same ids, 60 times as fast; None where there is none

    @property
    def padding_id(self) -> int:
        """A given tokenizer may have no padding token: its end token serves, since padding is masked or stands after all that counts."""
        found = self.model.token_to_id(PADDING)
        return self.end_id if found is None else int(found)


def library_versions() -> str:
    """Of all that makes ids here: another library, or another version of one, is another way to make them."""
    return f"tokenizers {tokenizers.__version__}, gigatoken {metadata.version('gigatoken') if HAS_GIGATOKEN else 'none'}"


def train(texts: Iterator[str], vocabulary_size: int) -> str:
    """The tokenizer JSON for these texts: same texts in the same order give the same bytes, with any number of threads.

    `vocabulary_size` includes `SPECIAL_TOKENS`, which get the first ids. Fewer texts than it takes give a smaller vocabulary.
    """
    if vocabulary_size < SMALLEST_VOCABULARY:
        raise TokenizerError(f"vocabulary_size is {vocabulary_size}; 256 bytes and the special tokens need {SMALLEST_VOCABULARY} at least")
    model = tokenizers.Tokenizer(models.BPE())
    model.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(_SPLIT), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    model.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        min_frequency=2,
        max_token_length=LONGEST_TOKEN + 1,  # the library takes it as the first length that is too long
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    model.train_from_iterator((piece for text in texts for piece in pieces(text)), trainer)
    return model.to_str()


def load(tokenizer_json: str) -> Tokenizer:
    """Raises `TokenizerError` with everything that keeps this tokenizer from being used here."""
    try:
        declared = json.loads(tokenizer_json)
        for token in declared["added_tokens"]:
            token["special"] = _is_special(token["content"])
        model = tokenizers.Tokenizer.from_str(json.dumps(declared))
    except Exception as error:  # the library raises bare Exception
        raise TokenizerError(f"not a tokenizer.json of the tokenizers library: {error}") from error
    faults = list(_faults(declared, model))
    if faults:
        raise TokenizerError("this tokenizer cannot be used:\n  " + "\n  ".join(faults))
    model.no_truncation()
    model.no_padding()
    model.encode_special_tokens = True
    ids = model.get_vocab(with_added_tokens=True)
    size = 1 + max(ids.values())
    end_token = next(name for name in USUAL_END_TOKENS if _is_added(declared, name))
    sha256 = hashlib.sha256(tokenizer_json.encode()).hexdigest()
    loaded = Tokenizer(tokenizer_json, sha256, model, end_token, ids[end_token], size, _token_bytes(declared, model, size))
    probes = _probes([token["content"] for token in declared["added_tokens"]])
    _check_on_probes(loaded, probes)
    compiled = _compiled(declared)
    return replace(loaded, compiled=compiled) if compiled is not None and _has_same_ids(compiled, loaded, probes) else loaded


def encode(tokenizer: Tokenizer, texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Tokens of all texts, flat (int32), and where each document starts and ends (int64, one more than texts).

    Every document ends with the end-of-document token, an empty one too. A null is an error. Texts over `PIECE_CHARS` are encoded in
    pieces: the ids are those of the whole text, unless half a piece (32,768 characters) has no single space or line end between two
    visible characters; such a text is cut where the piece is full. (A given tokenizer that merges across spaces, which is rare, may
    have other ids than the whole text's at any cut. Nothing is lost in either case.)
    """
    if texts.null_count:
        raise TokenizerError(f"{texts.null_count} of {len(texts)} texts are null")
    tokens, offsets, sizes = encode_parts(tokenizer, texts.to_pylist(), np.full(len(texts), tokenizer.end_id, np.int32))
    check_bytes(tokenizer, sizes, texts)
    return tokens, offsets


def encode_parts(tokenizer: Tokenizer, parts: list[str], ends: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokens of parts (int32), each followed by its own id of `ends`; where each part starts and ends; the bytes that its tokens stand for.

    Whoever calls it compares the bytes with those of the texts, by `check_bytes`.
    """
    pieces_of = [list(pieces(part)) for part in parts]
    ids, counts = _flat_ids(tokenizer, list(chain.from_iterable(pieces_of)))
    if len(counts) != len(parts):  # each has one at least
        numbers = np.array([len(found) for found in pieces_of])
        counts = np.add.reduceat(counts, np.cumsum(numbers) - numbers)
    tokens, sizes = joined(ids, counts, ends, tokenizer.token_bytes)
    return tokens, np.concatenate([np.zeros(1, np.int64), np.cumsum(counts + 1)]), sizes


def check_bytes(tokenizer: Tokenizer, found: np.ndarray, texts: pa.Array) -> None:
    """Special tokens stand for no bytes, so one that came from text shows here, as lost text does."""
    wanted = pc.binary_length(texts).to_numpy(zero_copy_only=False)
    wrong = np.flatnonzero(found != wanted)
    if len(wrong):
        row = int(wrong[0])
        raise TokenizerError(
            f"{len(wrong)} of {len(texts)} texts are not encoded without loss by tokenizer {tokenizer.sha256[:12]}: "
            f"the tokens of text {row} stand for {found[row]} bytes of its {wanted[row]}"
        )


def _flat_ids(tokenizer: Tokenizer, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """The ids of all texts (uint32), and how many each has (int64)."""
    most_chars = LIBRARY_CALL_CHARS if tokenizer.compiled is None else COMPILED_CALL_CHARS
    found = [_ids_of_call(tokenizer, call) for call in calls(texts, most_chars)] or [(np.zeros(0, np.uint32), np.zeros(0, np.int64))]
    if len(found) == 1:
        return found[0]
    ids, counts = zip(*found, strict=True)
    return np.concatenate(ids), np.concatenate(counts)


def _ids_of_call(tokenizer: Tokenizer, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    if tokenizer.compiled is not None:
        import awkward

        found = tokenizer.compiled.encode_batch(texts, parallel=False)
        return np.asarray(awkward.flatten(found)), np.asarray(awkward.num(found))
    ids = [one.ids for one in tokenizer.model.encode_batch_fast(texts, add_special_tokens=False)]
    counts = np.array([len(one) for one in ids], np.int64)
    return np.fromiter(chain.from_iterable(ids), np.uint32, int(counts.sum())), counts


def _is_special(added_token: str) -> bool:
    """Flags in tokenizer files are unreliable (many leave control tokens unflagged): only added runs of whitespace are taken as text."""
    return not added_token.isspace()


def _is_added(declared: dict[str, Any], name: str) -> bool:
    return any(token["content"] == name for token in declared["added_tokens"])


def _faults(declared: dict[str, Any], model: tokenizers.Tokenizer) -> Iterator[str]:
    bpe = declared["model"]
    if bpe.get("type") != "BPE":
        yield f"its model is {bpe.get('type')}; only byte-level BPE keeps every byte"
        return
    for setting in ("dropout", "continuing_subword_prefix", "end_of_word_suffix"):
        if bpe.get(setting):
            yield f"its model has {setting} {bpe[setting]!r}; expected none"
    if declared.get("normalizer"):
        yield f"its normalizer {declared['normalizer'].get('type')} changes text; set it to null"
    splitter = declared.get("pre_tokenizer") or {}
    levels = [part for part in [splitter, *splitter.get("pretokenizers", [])] if part.get("type") == "ByteLevel"]
    if not levels:
        yield "its pre_tokenizer has no ByteLevel step; a SentencePiece-like vocabulary loses U+2581"
    if any(level.get("add_prefix_space") for level in levels):
        yield "its ByteLevel step adds a space before text; set add_prefix_space to false"
    missing = [byte for byte in pre_tokenizers.ByteLevel.alphabet() if model.token_to_id(byte) is None]
    if missing:
        yield f"its vocabulary has no token for {len(missing)} of the 256 bytes"
    if not any(_is_added(declared, name) for name in USUAL_END_TOKENS):
        yield f"it has no end-of-document token; one of {', '.join(USUAL_END_TOKENS)} must be among its added tokens"


def _token_bytes(declared: dict[str, Any], model: tokenizers.Tokenizer, size: int) -> np.ndarray:
    """A byte-level token is written with one character per byte, an added token as its text."""
    alphabet = frozenset(pre_tokenizers.ByteLevel.alphabet())
    lengths = np.zeros(size, dtype=np.int64)
    for token, index in model.get_vocab(with_added_tokens=False).items():
        lengths[index] = len(token) if alphabet.issuperset(token) else 0
    for added in declared["added_tokens"]:
        lengths[added["id"]] = 0 if _is_special(added["content"]) else len(added["content"].encode())
    return lengths


def _compiled(declared: dict[str, Any]) -> Any:
    """The tokenizer without its special tokens, which gigatoken would find in text; None where text can become an added token."""
    if not HAS_GIGATOKEN or not all(_is_special(token["content"]) for token in declared["added_tokens"]):
        return None
    try:
        import awkward  # noqa: F401  its arrays are what comes back
        import gigatoken

        return gigatoken.Tokenizer.from_json(json.dumps(declared | {"added_tokens": [], "post_processor": None}))
    except Exception:  # a kind that it does not know, or a library that cannot be loaded here
        return None


def _has_same_ids(compiled: Any, tokenizer: Tokenizer, probes: list[str]) -> bool:
    expected = tokenizer.model.encode_batch_fast(probes, add_special_tokens=False)
    return all(compiled.encode(probe).tolist() == one.ids for probe, one in zip(probes, expected, strict=True))


def _probes(added: Iterable[str]) -> list[str]:
    """Texts that break careless tokenizers."""
    characters = "".join(map(chr, [*range(0x800), 0x2581, 0x3000, 0xAC00, 0xFEFF, 0xFFFD, 0x1F600]))
    spaces = " a  b   c\t\td \r\n e\n\n\n  f\u00a0g \n"
    looks_special = [f"{before}{name}{after}" for name in added for before, after in [("", ""), ("x", "y"), (" ", "\n")]]
    return [characters, spaces, "e\u0301 \u00e9 A\u030a", *looks_special]


def _check_on_probes(tokenizer: Tokenizer, probes: list[str]) -> None:
    """Encodes the probes, and compares what comes back with what went in, exactly."""
    tokens, offsets = encode(tokenizer, pa.array(probes, pa.string()))
    for row, probe in enumerate(probes):
        ids = tokens[offsets[row] : offsets[row + 1] - 1].tolist()
        if tokenizer.model.decode(ids, skip_special_tokens=False) != probe:
            raise TokenizerError(f"this tokenizer cannot be used: the text {probe[:40]!r} does not come back from its tokens")
