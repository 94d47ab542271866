"""What texts share with benchmarks: word n-grams, named with their benchmark and item.

Texts and items are compared by `udfs.words` and `udfs.ngrams`. An n-gram counts if one of its words has a letter. An item of fewer words
than an n-gram cannot be found and is said to be ignored.
"""

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from udfs import ngrams, words
from udfs.ngrams import Grams, find, gram_set
from udfs.shingles import text_buffers
from udfs.words import alphabet, words_from

WIDTH = 10  # words, as in the report
MOST_MATCHES = 16  # that are listed of a text, one an item
_MOST_CHARACTERS = 300  # of an n-gram that is shown
_BLOCK_WORDS = 4096  # of a text that are held at once: 100 kB of tables, whatever the text

MATCH = pa.struct(
    [
        pa.field("benchmark", pa.string(), False),
        pa.field("item", pa.string(), False),
        pa.field("ngram", pa.string(), False),
        pa.field("offset_bytes", pa.int64(), False),
    ]
)


@dataclass(frozen=True)
class Benchmark:
    """A benchmark's name and items, each (name, text)."""

    name: str
    items: tuple[tuple[str, str], ...]

    @property
    def sha256(self) -> str:
        """Of its items in order, whatever file they came in."""
        digest = hashlib.sha256()
        for part in (part for item in self.items for part in item):
            raw = part.encode("utf-8", "replace")
            digest.update(len(raw).to_bytes(8, "big") + raw)
        return digest.hexdigest()


@dataclass(frozen=True)
class Facts:
    """What became of a benchmark: its items, those with too few words, and the distinct n-grams that are looked for."""

    item_count: int
    ignored_count: int
    ngram_count: int


@dataclass(frozen=True)
class Wanted:
    """The n-grams of all benchmarks. Pickled, it goes to every task."""

    grams: Grams
    benchmarks: tuple[str, ...]  # of each item
    items: tuple[str, ...]  # names

    def matches(self, entries: np.ndarray, offsets_bytes: np.ndarray) -> pa.StructArray:
        """Rows of MATCH of n-grams (places in `grams`), each n-gram's words put together once."""
        distinct, place = np.unique(entries, return_inverse=True)
        shown = pa.array([self._shown(int(entry)) for entry in distinct], pa.string())
        item = pa.array(self.grams.item[entries])
        columns = [
            pa.array(self.benchmarks).take(item),
            pa.array(self.items).take(item),
            shown.take(pa.array(place)),
            pa.array(offsets_bytes),
        ]
        return pa.StructArray.from_arrays(columns, fields=list(MATCH))

    def _shown(self, entry: int) -> str:
        ngram = " ".join(words_from(self.grams.text, int(self.grams.start[entry]), self.grams.width))
        return ngram if len(ngram) <= _MOST_CHARACTERS else ngram[:_MOST_CHARACTERS] + " ..."


def versions() -> tuple[str, ...]:
    """What of this code, and of this Python's Unicode, changes what is found."""
    return (str(words.VERSION), str(ngrams.VERSION), str(WIDTH), str(MOST_MATCHES), unicodedata.unidata_version)


def wanted_of(benchmarks: Sequence[Benchmark], width: int = WIDTH) -> tuple[Wanted, list[Facts]]:
    """The n-grams of benchmarks, and what became of each."""
    items = [(number, name, text) for number, one in enumerate(benchmarks) for name, text in one.items]
    groups = np.array([number for number, _, _ in items], np.int64)
    grams, counts = gram_set([text.encode("utf-8", "replace") for _, _, text in items], groups, width)
    found = np.bincount(groups[grams.item], minlength=len(benchmarks))
    short = np.bincount(groups[counts < width], minlength=len(benchmarks))
    facts = [Facts(len(one.items), int(short[n]), int(found[n])) for n, one in enumerate(benchmarks)]
    return Wanted(grams, tuple(benchmarks[n].name for n, _, _ in items), tuple(name for _, name, _ in items)), facts


def contamination(texts: pa.Array, wanted: Wanted) -> pa.RecordBatch:
    """One row per text, in order: `matches`, at most MOST_MATCHES, the first of each item by place; `match_count`, all places.

    A place is a word of the text where an n-gram of a benchmark begins.
    """
    data, offsets = text_buffers(texts)
    rows, counts = find(data, offsets, alphabet(), wanted.grams, len(wanted.items), MOST_MATCHES, _BLOCK_WORDS)
    ends = np.concatenate([[0], np.cumsum(np.bincount(rows[:, 0], minlength=len(texts)))]).astype(np.int32)
    matches = wanted.matches(rows[:, 1], rows[:, 2])
    return pa.record_batch({"matches": pa.ListArray.from_arrays(pa.array(ends), matches), "match_count": pa.array(counts)})
