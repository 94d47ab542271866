"""Three fastText models that judge a page by its words: whether it is about code, of what kind its site is, how well it is made.

fastText reads and writes files: they are temporary, and a model is its bytes. With one thread and a fixed seed the same lines in the same
order give the same bytes. A line is what `udfs.page_words` makes; nothing else may be given to `judgements`.
"""

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import pyarrow as pa

from udfs import page_words
from udfs.page_words import MOST_BYTES

VERSION = 1
PREFIX = "__label__"
RELEVANT, IRRELEVANT = "code", "not_code"
MODELS = ("relevance", "category", "quality")
# fastText's odds are extreme; their fifth part in the logarithm spreads over whole percents, so that a threshold can lie between pages that
# it finds unlikely.
ODDS_POWER = 0.2

SCHEMA = pa.schema(
    [
        pa.field("relevance_percent", pa.int32(), False),
        pa.field("category", pa.string(), False),
        pa.field("category_percent", pa.int32(), False),
        pa.field("quality_percent", pa.int32(), False),
    ]
)


@dataclass(frozen=True)
class FastTextParams:
    """Of one model. A table of `buckets` by `dimensions` numbers of four bytes is most of its size."""

    dimensions: int = 16
    buckets: int = 1 << 17
    word_grams: int = 2
    least_count: int = 2
    epochs: int = 10
    least_updates: int = 15_000  # lines that are read, repetitions counted: few lines are read in more epochs
    rate: float = 0.8
    seed: int = 0


@dataclass(frozen=True)
class PageModels:
    """The bytes of the three models, and the relevance_percent from which a page is taken to be about code."""

    threshold_percent: int
    relevance: bytes
    category: bytes
    quality: bytes

    @property
    def model_hash(self) -> str:
        """Names the models, the threshold, and how words are made and answers read; lower-case hex."""
        digest = hashlib.sha256(f"{VERSION} {page_words.VERSION} {MOST_BYTES} {self.threshold_percent}".encode())
        for name in MODELS:
            digest.update(hashlib.sha256(getattr(self, name)).digest())
        return digest.hexdigest()

    @cached_property
    def loaded(self) -> dict[str, Any]:
        return {name: load(getattr(self, name)) for name in MODELS}

    def judgements(self, lines: pa.Array) -> pa.RecordBatch:
        """Rows of SCHEMA, one per line of `page_words`."""
        texts = lines.to_pylist()
        category, category_percent = most_likely(self.loaded["category"], texts)
        columns = [relevance_percents(self.loaded["relevance"], texts), category, category_percent]
        columns.append(quality_percents(self.loaded["quality"], texts))
        return pa.RecordBatch.from_arrays([pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)], schema=SCHEMA)


def library() -> str:
    return f"fasttext-community {library_version('fasttext-community')}"


def fit(lines: Sequence[str], labels: Sequence[str], params: FastTextParams) -> bytes:
    """A model that tells the label of a line. fastText sees the lines in this order: sorted by label they would teach it the last one."""
    epochs = max(params.epochs, -(-params.least_updates // max(1, len(lines))))
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "lines", Path(folder) / "model"
        with source.open("w", encoding="utf-8") as file:
            file.writelines(f"{PREFIX}{label} {line}\n" for label, line in zip(labels, lines, strict=True))
        model = fasttext.train_supervised(
            input=str(source), dim=params.dimensions, bucket=params.buckets, wordNgrams=params.word_grams, minCount=params.least_count,
            epoch=epochs, lr=params.rate, seed=params.seed, loss="softmax", thread=1, verbose=0,
        )  # fmt: skip
        model.save_model(str(target))
        return target.read_bytes()


def load(model: bytes) -> Any:
    """Raises ValueError where the bytes are no fastText model."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(model)
        file.flush()
        return fasttext.load_model(file.name)


def labels_of(model: Any) -> list[str]:
    return sorted(label.removeprefix(PREFIX) for label in model.get_labels())


def chances(model: Any, texts: list[str], label: str) -> np.ndarray:
    """The model's probability of one label, for each line."""
    wanted = PREFIX + label
    found, values = model.predict(texts, k=-1) if texts else ([], [])
    pairs = zip(found, values, strict=True)
    return np.array([dict(zip(names, chances, strict=True)).get(wanted, 0.0) for names, chances in pairs], float)


def relevance_percents(model: Any, texts: list[str]) -> np.ndarray:
    """0 to 100, rising with the model's odds that a page is about code; 50 where they are even. No probability: see ODDS_POWER."""
    chance = np.clip(chances(model, texts, RELEVANT), 1e-6, 1 - 1e-6)
    odds = (chance / (1 - chance)) ** ODDS_POWER
    return _percents(odds / (1 + odds))


def most_likely(model: Any, texts: list[str]) -> tuple[list[str], np.ndarray]:
    """The first label of each line, and its probability in percent."""
    found, values = model.predict(texts, k=1) if texts else ([], [])
    return [names[0].removeprefix(PREFIX) for names in found], _percents(np.array([chance[0] for chance in values], float))


def quality_percents(model: Any, texts: list[str]) -> np.ndarray:
    """The mean rating, 0 to 10, over the model's probabilities of whole ratings, times ten."""
    found, values = model.predict(texts, k=-1) if texts else ([], [])
    pairs = zip(found, values, strict=True)
    ratings = [sum(int(n.removeprefix(PREFIX)) * c for n, c in zip(names, chances, strict=True)) / sum(chances) for names, chances in pairs]
    return _percents(np.array(ratings, float) / 10)


def _percents(shares: np.ndarray) -> np.ndarray:
    return np.floor(100 * np.clip(shares, 0, 1) + 0.5).astype(np.int32)
