"""Fill in the middle, suffix first: `<[fim-suffix]>S<[fim-prefix]>P<[fim-middle]>M` of a document P M S (Seed-Coder report, section 2.2.6).

A document is cut at two random characters before it is tokenized. A character is a code point: no byte sequence is cut, a letter may lose
its combining accent to the next part. All draws are of the document's key, so a document has the same parts in every run. The three marks
are ids put between the tokens of the parts; text that looks like a mark stays text, and is never cut inside.
"""

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from udfs.draws import uniform
from udfs.tokenizer import FIM_MIDDLE, FIM_PREFIX, FIM_SUFFIX, SPECIAL_TOKENS, Tokenizer, TokenizerError, encode

VERSION = 1  # raise it when the same document gets other parts
RATE_SEED, CUT_SEEDS = "fim", ("fim first cut", "fim second cut")
FEWEST_CHARS = 3  # each part has one at least; a shorter document stays as it is
_LOOKS_SPECIAL = re.compile("|".join(map(re.escape, SPECIAL_TOKENS)))


@dataclass(frozen=True)
class Parts:
    """A document in the order of its text."""

    prefix: str
    middle: str
    suffix: str


@dataclass(frozen=True)
class Marks:
    """Ids of the three tokens."""

    suffix: int
    prefix: int
    middle: int


def marks_of(tokenizer: Tokenizer) -> Marks:
    """Raises `TokenizerError` where a mark is not among the tokenizer's added tokens."""
    names = (FIM_SUFFIX, FIM_PREFIX, FIM_MIDDLE)
    ids = [tokenizer.model.token_to_id(name) for name in names]
    found = [index for index in ids if index is not None and tokenizer.token_bytes[index] == 0]  # else text can become it
    if len(found) < len(names):
        missing = ", ".join(name for name, index in zip(names, ids, strict=True) if index not in found)
        raise TokenizerError(
            f"tokenizer {tokenizer.sha256[:12]} has no token {missing}, so no document can be filled in the middle. Add them to the added "
            "tokens of its tokenizer.json, let `codemill mix.tokenizer` train one that has them, or ask for mix.sequences.fim_rate=0"
        )
    return Marks(*found)


def parts_of(text: str, first: float, second: float) -> Parts | None:
    """The text cut at two of the places between its characters, by two draws in [0, 1); all pairs of places are equally likely.

    None where it has no room. A place inside of what looks like a special token is moved to its start.
    """
    places = len(text) - 1
    if len(text) < FEWEST_CHARS:
        return None
    one, other = 1 + int(first * places), 1 + int(second * (places - 1))
    one, other = sorted((one, other + (other >= one)))
    for found in _LOOKS_SPECIAL.finditer(text):
        one, other = (found.start() if found.start() < place < found.end() else place for place in (one, other))
    if not 0 < one < other:
        return None
    return Parts(text[:one], text[one:other], text[other:])


def encode_documents(
    tokenizer: Tokenizer, ids: pa.Array, texts: pa.Array, is_wanted: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokens of all documents (int32), where each starts and ends (as `encode`), and which are filled in the middle (bool).

    Those where `is_wanted` that have room are. The tokens of a part are those of the part alone.
    """
    draws = [uniform(ids, seed) for seed in CUT_SEEDS]
    rows = zip(texts.to_pylist(), is_wanted.tolist(), *(one.tolist() for one in draws), strict=True)
    cut = [parts_of(text, first, second) if wanted else None for text, wanted, first, second in rows]
    is_fim = np.array([parts is not None for parts in cut], dtype=bool)
    if not is_fim.any():
        return (*encode(tokenizer, texts), is_fim)
    pieces: list[str] = []
    for text, parts in zip(texts.to_pylist(), cut, strict=True):
        pieces += [text] if parts is None else [parts.suffix, parts.prefix, parts.middle]
    tokens, offsets = encode(tokenizer, pa.array(pieces, texts.type))
    return (*_marked(tokens, offsets, is_fim, marks_of(tokenizer)), is_fim)


def _marked(tokens: np.ndarray, offsets: np.ndarray, is_fim: np.ndarray, marks: Marks) -> tuple[np.ndarray, np.ndarray]:
    """Every part ends with the end-of-document token: after a suffix and a prefix the next mark takes its place."""
    parts = np.where(is_fim, 3, 1)
    first = np.cumsum(parts) - parts
    suffixes = first[is_fim]
    tokens = tokens.copy()
    tokens[offsets[suffixes + 1] - 1] = marks.prefix
    tokens[offsets[suffixes + 2] - 1] = marks.middle
    tokens = np.insert(tokens, offsets[suffixes], np.int32(marks.suffix))
    starts = np.append(offsets[first], offsets[-1])
    return tokens, starts + np.concatenate([[0], np.cumsum(is_fim)])
