"""Do the shingles of code serve for the prose of pages? Beside shingles of words, on pairs of real pages.

`python -m benchmarks.page_shingles FOLDER [--pages N]`. FOLDER holds HTML, of which N pages with 50 words or more are taken, spread evenly.
Compared are four tokens of code, as annotate.signatures has them, and three and five words in lower case without signs. Pairs that are
looked at share a value among the 64 least of either kind. What is alike is said by a third measure, which neither is made of: the share of
words that an alignment keeps (1 - edits / words of the longer text), of the first 2,000 words; alike is 0.8 and more. A rule is good where
a threshold finds what is alike and nothing else.
"""

import argparse
import json
import re
from collections import defaultdict
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
from rapidfuzz.distance import Levenshtein

from udfs.page_text import Page, extract
from udfs.shingles import jaccard, mix_values, shingle_sets

LEAST_WORDS, MOST_WORDS = 50, 2000
SKETCH, MOST_BUCKET = 64, 12
ALIKE = 0.8
THRESHOLDS = (0.5, 0.6, 0.7, 0.8)
RULES = {"4 tokens of code": 0, "3 words": 3, "5 words": 5}
_WORD = re.compile(r"\w+")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--pages", type=int, default=3000)
    arguments = parser.parse_args()
    texts = taken(Path(arguments.folder), arguments.pages)
    words = [_WORD.findall(text.lower()) for text in texts]
    sets = {name: code_sets(texts) if width == 0 else [word_set(one, width) for one in words] for name, width in RULES.items()}
    pairs = sorted(set().union(*(candidates(one) for one in sets.values())))
    kept = np.array([aligned(words[a], words[b]) for a, b in pairs])
    print(f"  {len(texts):,} pages, {len(pairs):,} pairs, of which {(kept >= ALIKE).sum():,} are alike")
    best = {}
    for name, found in sets.items():
        similar = np.array([jaccard(found[a], found[b], 1 << 40) for a, b in pairs])
        scores = [(threshold, *quality(similar >= threshold, kept >= ALIKE)) for threshold in THRESHOLDS]
        for threshold, precision, recall, f1 in scores:
            print(f"  {name:<18} from {threshold}: precision {precision:.3f}  recall {recall:.3f}  F1 {f1:.3f}")
        best[name] = {str(threshold): round(f1, 3) for threshold, _, _, f1 in scores}
    print(json.dumps({"name": "page_shingles", "unit": "F1 by threshold", "pairs": len(pairs), **best}))


def taken(folder: Path, count: int) -> list[str]:
    files = [file for file in sorted(folder.rglob("*.html")) if file.is_file() and file.stat().st_size < 1 << 20]
    pages = (extract(file.read_bytes()) for file in files[:: max(1, len(files) // (2 * count))])
    texts = dict.fromkeys(page.text for page in pages if isinstance(page, Page) and page.word_count >= LEAST_WORDS)
    return list(texts)[:: max(1, len(texts) // count)][:count]


def code_sets(texts: list[str]) -> list[np.ndarray]:
    found = shingle_sets(pa.array(texts, pa.large_string()), 4, 1 << 40)
    ends = np.asarray(found.offsets)
    values = np.asarray(found.values)
    return [values[a:b] for a, b in pairwise(ends)]


def word_set(words: list[str], width: int) -> np.ndarray:
    hashes = mix_values(np.array([hash_of(word) for word in words], np.uint64))
    count = max(1, len(words) - width + 1)
    rows = np.zeros(count, np.uint64)
    for place in range(min(width, len(words))):
        rows = mix_values(rows + hashes[place : place + count])
    return np.unique((rows >> np.uint64(32)).astype(np.uint32))


def hash_of(word: str) -> int:
    return int.from_bytes(word.encode()[:64], "little") % ((1 << 64) - 59)


def candidates(sets: list[np.ndarray]) -> set[tuple[int, int]]:
    buckets: dict[int, list[int]] = defaultdict(list)
    for place, one in enumerate(sets):
        for value in one[:SKETCH].tolist():
            buckets[value].append(place)
    return {pair for bucket in buckets.values() for pair in combinations(bucket[:MOST_BUCKET], 2)}


def aligned(one: list[str], other: list[str]) -> float:
    return float(Levenshtein.normalized_similarity(one[:MOST_WORDS], other[:MOST_WORDS]))


def quality(said: np.ndarray, true: np.ndarray) -> tuple[float, float, float]:
    """(precision, recall, F1)"""
    both = int((said & true).sum())
    return both / max(1, int(said.sum())), both / max(1, int(true.sum())), 2 * both / max(1, int(said.sum()) + int(true.sum()))


if __name__ == "__main__":
    main()
