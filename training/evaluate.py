"""Bits per byte on held-out text: what a model needs for one UTF-8 byte, comparable across tokenizers.

All nats of all held-out tokens, end-of-document tokens included, divided by ln 2 and by the bytes of the text. Windows do not overlap, so
the first tokens of each see little context: the number is an upper bound.
"""

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from transformers import LlamaForCausalLM

from training.loader import IGNORED, Windows, sequences, windows_of
from udfs.draws import uniform
from udfs.manifest import Manifest
from udfs.tokenizer import Tokenizer, encode


@dataclass(frozen=True)
class HeldOut:
    """Windows of held-out text, and the bytes that their targets stand for."""

    windows: Windows
    tokens: int
    text_bytes: int


def held_out(folder: str, manifest: Manifest, context: int, tokenizer: Tokenizer, tokens_asked: int, seed: str) -> HeldOut | None:
    """About `tokens_asked` tokens, in windows drawn one by one over the whole split: a repository counts as much as it has tokens.

    All windows where the split has no more tokens than asked; None where nothing is held out. Reads the split, one row group at a time.
    """
    if "held_out" not in manifest.splits or not manifest.splits["held_out"].totals["text_bytes"]:
        return None
    rate = tokens_asked / manifest.splits["held_out"].totals["tokens"]
    inputs, targets = [], []
    for number, table in enumerate(sequences(folder, manifest, "held_out", seed)):
        windows = windows_of(table, context, tokenizer.end_id)
        ids = pa.array([f"{number}/{row}" for row in range(len(windows.inputs))], pa.string())
        is_drawn = uniform(ids, f"{seed}.windows") < rate
        inputs.append(windows.inputs[is_drawn])
        targets.append(windows.targets[is_drawn])
    drawn = Windows(np.concatenate(inputs), np.concatenate(targets))
    tokens = drawn.targets[drawn.targets != IGNORED]
    text_bytes = int(tokenizer.token_bytes[tokens].sum())
    return HeldOut(drawn, len(tokens), text_bytes) if text_bytes else None


def model_nats(model: LlamaForCausalLM, windows: Windows, batch_size: int) -> float:
    """The sum of negative log likelihoods of all targets."""
    nats = 0.0
    model.eval()
    with torch.inference_mode():
        for start in range(0, len(windows.inputs), batch_size):
            inputs = torch.from_numpy(windows.inputs[start : start + batch_size])
            targets = torch.from_numpy(windows.targets[start : start + batch_size])
            logits = model(input_ids=inputs, use_cache=False).logits
            losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none")
            nats += losses.double().sum().item()
    return nats


def unigram_nats(folder: str, manifest: Manifest, vocabulary_size: int, windows: Windows) -> float:
    """The same sum for a model that knows only how often each token stands in the training shards, plus one."""
    counts = np.ones(vocabulary_size, dtype=np.int64)
    for table in sequences(folder, manifest, "train", "unigram"):
        for chunk in table.column("tokens").chunks:
            counts += np.bincount(chunk.flatten().to_numpy(), minlength=vocabulary_size)
    targets = windows.targets[windows.targets != IGNORED]
    return float(-np.log(counts / counts.sum())[targets].sum())


def bits_per_byte(nats: float, text_bytes: int) -> float:
    return nats / math.log(2) / text_bytes


def completion(model: LlamaForCausalLM, tokenizer: Tokenizer, prompt: str, tokens_max: int) -> str:
    """The likeliest continuation, token by token. A prompt starts a document."""
    tokens, _ = encode(tokenizer, pa.array([prompt], pa.string()))
    ids = torch.tensor([[tokenizer.end_id, *tokens[:-1].tolist()]])
    room = min(tokens_max, model.config.max_position_embeddings - ids.shape[1])
    if room < 1:
        return ""
    with torch.inference_mode():
        written = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=room, do_sample=False)
    return tokenizer.model.decode(written[0, ids.shape[1] :].tolist(), skip_special_tokens=True)
