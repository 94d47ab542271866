"""Fill in the middle, suffix first: `<[fim-suffix]>S<[fim-prefix]>P<[fim-middle]>M` of a document P M S (Seed-Coder report, section 2.2.6).

A document is cut at two random characters before it is tokenized. A character is a code point: no byte sequence is cut, a letter may lose
its combining accent to the next part. All draws are of the document's key, so a document has the same parts in every run. The three marks
are ids put between the tokens of the parts; text that looks like a mark, or like another special token of the tokenizer, stays text, and is
never cut inside.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa

from udfs.draws import uniform
from udfs.tokenizer import FIM_MIDDLE, FIM_PREFIX, FIM_SUFFIX, SPECIAL_TOKENS, Tokenizer, TokenizerError, check_bytes, encode, encode_parts

VERSION = 2  # raise it when the same document gets other parts
RATE_SEED, CUT_SEEDS = "fim", ("fim first cut", "fim second cut")
FEWEST_CHARS = 3  # each part has one at least; a shorter document stays as it is


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


def names_of(tokenizer: Tokenizer) -> tuple[str, ...]:
    """What is never cut inside: this project's special tokens, and all of the tokenizer's own that no text becomes."""
    added = tokenizer.model.get_added_tokens_decoder()
    own = {token.content for index, token in added.items() if tokenizer.token_bytes[index] == 0}
    return tuple(sorted(own | set(SPECIAL_TOKENS)))


def parts_of(text: str, first: float, second: float, names: tuple[str, ...] = SPECIAL_TOKENS) -> Parts | None:
    """The text cut at two of the places between its characters, by two draws in [0, 1); all pairs of places are equally likely.

    None where it has no room. A place inside of what looks like a special token is moved to its start.
    """
    places = len(text) - 1
    if len(text) < FEWEST_CHARS:
        return None
    one, other = 1 + int(first * places), 1 + int(second * (places - 1))
    one, other = sorted((one, other + (other >= one)))
    one, other = outside(text, one, names), outside(text, other, names)
    if not 0 < one < other:
        return None
    return Parts(text[:one], text[one:other], text[other:])


def outside(text: str, place: int, names: tuple[str, ...] = SPECIAL_TOKENS) -> int:
    """The place, or the start of what looks like one of these names around it, and so on where that lies in another one."""
    reach, firsts = _looks(names)
    near = text[max(0, place - reach) : place + reach]
    if not any(first in near for first in firsts):
        return place
    for name in (name for name in names if name in near):
        start = text.rfind(name, max(0, place - len(name) + 1), place + len(name) - 1)
        if start >= 0:
            return outside(text, start, names)
    return place


@lru_cache(16)
def _looks(names: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """How far from a place one of the names may begin or end, and with what characters they begin."""
    return max(map(len, names)) - 1, tuple(sorted({name[0] for name in names}))


def encode_documents(
    tokenizer: Tokenizer, ids: pa.Array, texts: pa.Array, is_wanted: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokens of all documents (int32), where each starts and ends (as `encode`), and which are filled in the middle (bool).

    Those where `is_wanted` that have room are. The tokens of a part are those of the part alone.
    """
    cut = _cut(texts.to_pylist(), ids, is_wanted, names_of(tokenizer))
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


def _cut(texts: list[str], ids: pa.Array, is_wanted: np.ndarray, names: tuple[str, ...]) -> list[str | Parts]:
    """The parts of those texts that are wanted and have room, and the others."""
    found: list[str | Parts] = [*texts]
    rows = np.flatnonzero(is_wanted)
    draws = [uniform(ids.take(pa.array(rows)), seed).tolist() for seed in CUT_SEEDS]
    for row, first, second in zip(rows.tolist(), *draws, strict=True):
        found[row] = parts_of(texts[row], first, second, names) or texts[row]
    return found
