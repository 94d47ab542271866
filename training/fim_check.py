"""Does the model use what stands behind a gap? The loss of true middles of held-out texts, given suffix and prefix.

A text is a stretch of a held-out document, from where it starts in a sequence, cut at two random characters. It is asked as the report
writes it (section 2.2.6): suffix, prefix, middle; only the middle's tokens count. The same middles are asked again without their suffixes,
and between the suffix and prefix of another text: a model that fills gaps needs fewer bits for them where they belong.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pyarrow as pa
from transformers import LlamaForCausalLM

from training.evaluate import bits_per_byte, model_nats
from training.loader import Source, pools
from training.pools import IGNORED, Windows
from training.processes import Processes
from training.record import FimCheck
from udfs.draws import uniform
from udfs.tokenizer import FIM_MIDDLE, FIM_PREFIX, FIM_SUFFIX, Tokenizer, encode

_FEWEST_CHARACTERS = 24  # of a text that is worth cutting
_POOLS = 16  # row groups looked through, at most


@dataclass(frozen=True)
class Gap:
    """Tokens of the three parts of a text, and the bytes of the middle."""

    prefix: list[int]
    middle: list[int]
    suffix: list[int]
    middle_bytes: int


def fim_ids(tokenizer: Tokenizer) -> tuple[int, int, int] | None:
    """The tokens of suffix, prefix and middle; None where the tokenizer has not all of them."""
    suffix, prefix, middle = (tokenizer.model.token_to_id(name) for name in (FIM_SUFFIX, FIM_PREFIX, FIM_MIDDLE))
    return None if suffix is None or prefix is None or middle is None else (suffix, prefix, middle)


def fim_check(
    model: LlamaForCausalLM, source: Source, tokenizer: Tokenizer, documents: int, trained_on: int, batch_size: int, processes: Processes
) -> FimCheck:
    """`source` is the held-out split, with the window of the model. `trained_on` documents with a middle were trained on."""
    ids = fim_ids(tokenizer)
    if ids is None:
        return FimCheck(f"the tokenizer has not all of {FIM_SUFFIX}, {FIM_PREFIX} and {FIM_MIDDLE}")
    if not documents or source.split not in source.manifest.splits:
        return FimCheck("nothing is held out" if documents else "no document was asked for")
    gaps = list(gaps_of(source, tokenizer, documents))
    if len(gaps) < 2:
        return FimCheck(f"{len(gaps)} held-out texts fit a window of {source.context} tokens; 2 are needed at least", len(gaps))
    others = gaps[1:] + gaps[:1]
    asked: dict[str, list[tuple[list[int], list[int], list[int]]]] = {
        "bits_per_byte": [(one.suffix, one.prefix, one.middle) for one in gaps],
        "without_suffix": [([], one.prefix, one.middle) for one in gaps],
        "in_another_document": [(other.suffix, other.prefix, one.middle) for one, other in zip(gaps, others, strict=True)],
    }
    middle_bytes = sum(one.middle_bytes for one in gaps)
    bits = {}
    for name, texts in asked.items():
        windows = windows_of_gaps(texts, ids, source.context, source.end_id)
        nats = float(model_nats(model, windows, batch_size, None, processes).sum())
        bits[name] = bits_per_byte(nats, middle_bytes)
    return FimCheck(None, len(gaps), middle_bytes, trained_on, **bits)


def windows_of_gaps(texts: list[tuple[list[int], list[int], list[int]]], ids: tuple[int, int, int], context: int, end_id: int) -> Windows:
    """Rows (suffix, prefix, middle) as windows whose only targets are the middles' tokens."""
    shape = (len(texts), context)
    inputs, targets = np.full(shape, end_id, dtype=np.int64), np.full(shape, IGNORED, dtype=np.int64)
    for row, (suffix, prefix, middle) in enumerate(texts):
        written = [ids[0], *suffix, ids[1], *prefix, ids[2], *middle]
        inputs[row, 1 : len(written)] = written[:-1]
        targets[row, len(written) - len(middle) : len(written)] = middle
    return Windows(inputs, targets, np.zeros(shape, np.int32), np.zeros(shape, np.int8))


def gaps_of(source: Source, tokenizer: Tokenizer, wanted: int) -> Iterator[Gap]:
    """At most `wanted`, drawn over the documents of some row groups, each so short that any two fit one window."""
    found = [text for texts in islice(_texts_by_pool(source, tokenizer), _POOLS) for text in texts]
    order = np.argsort(uniform(pa.array([f"{place}" for place in range(len(found))], pa.string()), f"{source.seed}.fim"), kind="stable")
    given = 0
    for place in order:
        gap = _cut(found[place], f"{place}", f"{source.seed}.fim", tokenizer)
        if gap is None or len(gap.prefix) + len(gap.middle) + len(gap.suffix) > _room(source.context):
            continue
        yield gap
        given += 1
        if given == wanted:
            return


def _room(context: int) -> int:
    return (context - 3) // 2


def _texts_by_pool(source: Source, tokenizer: Tokenizer) -> Iterator[list[str]]:
    for pool in pools(source):
        starts = np.flatnonzero(np.diff(pool.documents, prepend=-1))
        texts = []
        for start, end in zip(starts, np.append(starts[1:], len(pool.tokens)), strict=True):
            ids = pool.tokens[start : min(end, start + _room(source.context) - 8)]
            if ids[-1] == source.end_id:
                ids = ids[:-1]
            if (tokenizer.token_bytes[ids] == 0).any():
                continue  # a special token: the document is one with a gap itself
            text = tokenizer.model.decode(ids.tolist(), skip_special_tokens=False)
            if len(text) >= _FEWEST_CHARACTERS and "\ufffd" not in text:
                texts.append(text)
        yield texts


def _cut(text: str, name: str, seed: str, tokenizer: Tokenizer) -> Gap | None:
    """The text in three parts at two random characters; None where they fall together."""
    draws = uniform(pa.array([f"{name}.first", f"{name}.second"], pa.string()), seed)
    first, second = sorted(int(draw * (len(text) + 1)) for draw in draws)
    if first == second:
        return None
    parts = [text[:first], text[first:second], text[second:]]
    tokens, offsets = encode(tokenizer, pa.array(parts, pa.string()))
    prefix, middle, suffix = (tokens[offsets[row] : offsets[row + 1] - 1].tolist() for row in range(3))
    return Gap(prefix, middle, suffix, len(parts[1].encode()))
