"""Bits per byte on held-out text: what a model needs for one UTF-8 byte, comparable across tokenizers.

All nats of all held-out tokens, end-of-document tokens included, divided by ln 2 and by the bytes of the text. Windows do not overlap, so
the first tokens of each see little context: the number is an upper bound, and a longer window alone makes it smaller.
"""

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from transformers import LlamaForCausalLM

from training.loader import Source, pools
from training.losses import token_losses
from training.pools import IGNORED, KINDS, Pool, Windows, one_pool
from training.processes import Processes
from training.record import Bits, HeldOutBits
from udfs.draws import uniform
from udfs.tokenizer import Tokenizer, encode

_UNIGRAM_TOKENS = 64 << 20  # counted at most


@dataclass(frozen=True)
class HeldOut:
    """Windows of held-out text, the bytes of each target ([windows, context]), and its language."""

    windows: Windows
    target_bytes: np.ndarray
    languages: np.ndarray

    @property
    def tokens(self) -> int:
        return int((self.windows.targets != IGNORED).sum())

    @property
    def text_bytes(self) -> int:
        return int(self.target_bytes.sum())


def held_out(source: Source, token_bytes: np.ndarray, tokens_asked: int) -> HeldOut | None:
    """About `tokens_asked` tokens of whole documents, drawn by their keys over the whole split: the same text whatever the window and the
    packing, so that phases can be compared. A sample of fewer tokens is part of a larger one, and one document at least is drawn.

    All documents where the split has no more tokens than asked; None where nothing is held out. Reads the split, one row group at a time.
    """
    split = source.manifest.splits.get(source.split)
    if split is None or not split.totals["text_bytes"] or not tokens_asked:
        return None
    rate = tokens_asked / split.totals["tokens"]
    drawn: list[Pool] = []
    first: list[Pool] = []  # of the document that would be drawn first
    least = 1.0
    for row_group in source.row_groups():
        pool = source.pool([row_group])
        draws = uniform(pool.candidates, f"{source.seed}.held_out")
        drawn.append(pool.of_documents(draws < rate, source.context))
        if draws.min(initial=1.0) < least:
            first, least = [], draws.min()
        first += [pool.of_documents(draws == least, source.context)]
    pool = one_pool(drawn if any(len(part.tokens) for part in drawn) else first, source.context)
    windows = pool.windows(np.arange(len(pool.starts)), source.context, source.end_id)
    target_bytes = np.where(windows.targets == IGNORED, 0, token_bytes[np.maximum(windows.targets, 0)])
    languages = pool.languages[windows.documents] if len(pool.languages) else windows.documents  # padding gets some, and is not counted
    return HeldOut(windows, target_bytes, languages) if target_bytes.any() else None


def model_nats(model: LlamaForCausalLM, windows: Windows, batch_size: int, attention: str | None, processes: Processes) -> np.ndarray:
    """[windows, context]: the negative log likelihood of each target, 0 where none is. Processes share the windows.

    All of them go as often through the model, which may lie in parts with all of them: who has no windows left takes the first ones.
    """
    nats = torch.zeros(windows.targets.shape, dtype=torch.float64)
    model.eval()
    with torch.no_grad():  # and not inference_mode, whose tensors a model in parts cannot train with afterwards
        for start in range(0, len(windows), processes.count * batch_size):
            mine = start + processes.rank * batch_size
            rows = slice(mine, mine + batch_size) if mine < len(windows) else slice(0, batch_size)
            losses = token_losses(model, windows[rows], attention, processes.device).double().cpu()
            if mine < len(windows):
                nats[rows] = losses
    found: np.ndarray = processes.summed(nats.to(processes.device)).cpu().numpy()
    return found


def unigram_nats(source: Source, windows: Windows) -> np.ndarray:
    """The same for a model that knows only how often each token stands in the source, plus one."""
    counts = np.ones(source.manifest.vocabulary_size, dtype=np.int64)
    for pool in pools(source):
        counts += np.bincount(pool.tokens, minlength=len(counts))
        if counts.sum() > _UNIGRAM_TOKENS:
            break
    nats: np.ndarray = np.where(windows.targets == IGNORED, 0.0, -np.log(counts / counts.sum())[np.maximum(windows.targets, 0)])
    return nats


def measured(sample: HeldOut, nats: np.ndarray, unigram: np.ndarray) -> HeldOutBits:
    """Of all, of each kind and of each language. A part without a byte of text has no bits per byte and is left out."""
    kinds = np.array(KINDS)[sample.windows.kinds]
    return HeldOutBits(
        _bits(sample, nats, sample.windows.targets != IGNORED),
        bits_per_byte(float(unigram.sum()), sample.text_bytes),
        _by_label(sample, nats, kinds),
        _by_label(sample, nats, sample.languages),
    )


def _by_label(sample: HeldOut, nats: np.ndarray, labels: np.ndarray) -> dict[str, Bits]:
    is_target = sample.windows.targets != IGNORED
    masks = {str(label): is_target & (labels == label) for label in sorted(set(labels[is_target].tolist()))}
    return {label: _bits(sample, nats, mask) for label, mask in masks.items() if sample.target_bytes[mask].any()}


def _bits(sample: HeldOut, nats: np.ndarray, mask: np.ndarray) -> Bits:
    text_bytes = int(sample.target_bytes[mask].sum())
    return Bits(bits_per_byte(float(nats[mask].sum()), text_bytes), int(mask.sum()), text_bytes)


def bits_per_byte(nats: float, text_bytes: int) -> float:
    return nats / math.log(2) / text_bytes


def completion(model: LlamaForCausalLM, tokenizer: Tokenizer, prompt: str, tokens_max: int) -> str:
    """The likeliest continuation, token by token. A prompt starts a document."""
    tokens, _ = encode(tokenizer, pa.array([prompt], pa.string()))
    ids = torch.tensor([[tokenizer.end_id, *tokens[:-1].tolist()]], device=model.device)
    room = min(tokens_max, model.config.max_position_embeddings - ids.shape[1])
    if room < 1:
        return ""
    with torch.no_grad():
        written = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=room, do_sample=False)
    return tokenizer.model.decode(written[0, ids.shape[1] :].tolist(), skip_special_tokens=True)
