"""Fill in the middle, suffix first: `<[fim-suffix]>S<[fim-prefix]>P<[fim-middle]>M` of a document P M S (Seed-Coder report, section 2.2.6).

A document is cut at two random characters before it is tokenized. A character is a code point: no byte sequence is cut, a letter may lose
its combining accent to the next part. All draws are of the document's key, so a document has the same parts in every run. The three marks
are ids put between the tokens of the parts; text that looks like a mark stays text, and is never cut inside.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from udfs.draws import uniform
from udfs.tokenizer import FIM_MIDDLE, FIM_PREFIX, FIM_SUFFIX, SPECIAL_TOKENS, Tokenizer, TokenizerError, check_bytes, encode, encode_parts

VERSION = 1  # raise it when the same document gets other parts
RATE_SEED, CUT_SEEDS = "fim", ("fim first cut", "fim second cut")
FEWEST_CHARS = 3  # each part has one at least; a shorter document stays as it is
_LONGEST = max(map(len, SPECIAL_TOKENS))


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
    one, other = outside(text, one), outside(text, other)
    if not 0 < one < other:
        return None
    return Parts(text[:one], text[one:other], text[other:])


def outside(text: str, place: int) -> int:
    """The place, or the start of what looks like a special token around it. Their names begin with `<` and have no other."""
    start = text.rfind("<", max(0, place - _LONGEST + 1), place)
    around = start >= 0 and any(place < start + len(name) and text.startswith(name, start) for name in SPECIAL_TOKENS)
    return start if around else place


def encode_documents(
    tokenizer: Tokenizer, ids: pa.Array, texts: pa.Array, is_wanted: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokens of all documents (int32), where each starts and ends (as `encode`), and which are filled in the middle (bool).

    Those where `is_wanted` that have room are. The tokens of a part are those of the part alone.
    """
    cut = _cut(texts.to_pylist(), ids, is_wanted)
    is_fim = np.array([not isinstance(one, str) for one in cut], dtype=bool)
    if not is_fim.any():
        return (*encode(tokenizer, texts), is_fim)
    marks, parts, ends = marks_of(tokenizer), [], []
    for one in cut:
        # An id follows every part: the first mark follows nothing.
        parts += [one] if isinstance(one, str) else ["", one.suffix, one.prefix, one.middle]
        ends += [tokenizer.end_id] if isinstance(one, str) else [marks.suffix, marks.prefix, marks.middle, tokenizer.end_id]
    tokens, offsets, sizes = encode_parts(tokenizer, parts, np.array(ends, np.int32))
    numbers = np.where(is_fim, 4, 1)
    first = np.cumsum(numbers) - numbers
    check_bytes(tokenizer, np.add.reduceat(sizes, first), texts)
    return tokens, np.append(offsets[first], offsets[-1]), is_fim


def _cut(texts: list[str], ids: pa.Array, is_wanted: np.ndarray) -> list[str | Parts]:
    """The parts of those texts that are wanted and have room, and the others."""
    found: list[str | Parts] = [*texts]
    rows = np.flatnonzero(is_wanted)
    draws = [uniform(ids.take(pa.array(rows)), seed).tolist() for seed in CUT_SEEDS]
    for row, first, second in zip(rows.tolist(), *draws, strict=True):
        found[row] = parts_of(texts[row], first, second) or texts[row]
    return found
