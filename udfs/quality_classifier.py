"""A linear classifier that tells texts like some seeds from others: fastText over a text's words and pairs of words.

One thread and a fixed seed: trained twice on the same lines, its bytes are equal. A model travels as bytes.
"""

import hashlib
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import fasttext
import numpy as np

VERSION = 1
HEAD_CHARACTERS = 4_096
MODELS_KEPT = 9  # as many as a set can have rounds; each is held twice, as fastText has it and as bytes
HIGH, LOW = "__label__high", "__label__low"

_WORDS = re.compile(r"[^\W\d]\w*|\d+|[!-/:-@\[-`{-~]")
_RESERVED = re.compile(r"\b__label__")


@dataclass(frozen=True)
class TrainingParams:
    """fastText's, but for the epochs: as many as `least_lines` need, within two limits, because a small sample taught five times is
    not learned. 2**17 buckets of 16 numbers are a model of 8 MB besides its words. Measured in docs/decisions/0021.
    """

    least_lines: int = 20_000
    fewest_epochs: int = 5
    most_epochs: int = 25
    learning_rate: float = 0.5
    dimensions: int = 16
    buckets: int = 1 << 17
    least_count: int = 3
    seed: int = 20_250_604


def words(text: str) -> str:
    """What the classifier reads of a text: names, numbers and signs of its first HEAD_CHARACTERS, with spaces between, in one line."""
    return _RESERVED.sub("label__", " ".join(_WORDS.findall(text[:HEAD_CHARACTERS])))


def train(examples: Iterable[tuple[bool, str]], params: TrainingParams) -> bytes:
    """A model as bytes. `examples`: whether a line of `words` is a positive; in the order given. Raises ValueError without one of each."""
    counts = [0, 0]
    with tempfile.TemporaryDirectory() as folder:
        lines, model = Path(folder, "lines.txt"), Path(folder, "model.bin")
        with lines.open("w", encoding="utf-8", errors="replace") as file:
            for is_positive, line in examples:
                counts[is_positive] += 1
                file.write(f"{HIGH if is_positive else LOW} {line}\n")
        if not all(counts):
            raise ValueError(f"{counts[1]} positives and {counts[0]} negatives; at least one of each is needed")
        epochs = min(max(-(-params.least_lines // sum(counts)), params.fewest_epochs), params.most_epochs)
        trained = fasttext.train_supervised(
            str(lines), lr=params.learning_rate, dim=params.dimensions, epoch=epochs, wordNgrams=2, bucket=params.buckets,
            minCount=params.least_count, loss="softmax", thread=1, seed=params.seed, verbose=0,
        )  # fmt: skip
        trained.save_model(str(model))
        return model.read_bytes()


def model_hash(model: bytes) -> str:
    return hashlib.sha256(model).hexdigest()[:16]


@lru_cache(maxsize=MODELS_KEPT)
def load(model: bytes) -> Any:
    """A model ready to predict; kept in the process, which other sets use after this one. fastText reads files alone."""
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.write(model)
        file.flush()
        return fasttext.load_model(file.name)


def percents(model: bytes, lines: Sequence[str]) -> np.ndarray:
    """How likely each line of `words` is a positive, in whole percent (int64): whole, so that another processor gives the same."""
    if not lines:
        return np.zeros(0, np.int64)
    labels, chances = load(model).predict(list(lines), k=2)
    high = [float(chance[label.index(HIGH)]) for label, chance in zip(labels, chances, strict=True)]
    return np.floor(100 * np.clip(high, 0, 1) + 0.5).astype(np.int64)
