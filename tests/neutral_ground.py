"""What shinglings and methods of near-duplicates are measured against: the edit distance of tokens, and the groups of all pairs."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import networkx
import numba
import numpy as np
import pyarrow as pa
from rapidfuzz.distance import Levenshtein

from udfs.shingles import mix_values

TOKEN = re.compile(r"\w+|[^\w\s]")
LARGEST_GROUP = 200  # of groups whose pairs are all looked at


@dataclass(frozen=True)
class Score:
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        return 2 * self.precision * self.recall / ((self.precision + self.recall) or 1)

    def __str__(self) -> str:
        return f"{self.precision:.4f} {self.recall:.4f} {self.f1:.4f}"


def numbered(token_lists: Iterable[Sequence[str]]) -> list[np.ndarray]:
    """Tokens as numbers, the same of equal tokens."""
    numbers: dict[str, int] = {}
    return [np.array([numbers.setdefault(token, len(numbers)) for token in tokens], np.int64) for tokens in token_lists]


def grams(texts: Iterable[np.ndarray], width: int) -> pa.LargeListArray:
    """The distinct runs of `width` tokens of each text, as 64-bit hashes; of a shorter text its whole."""
    sets = []
    for tokens in texts:
        mixed = mix_values(tokens.astype(np.uint64) + np.uint64(1))
        size = min(width, len(mixed))
        rolled = np.zeros(max(0, len(mixed) - size + 1) if size else 0, np.uint64)
        for j in range(size):
            rolled = rolled * np.uint64(0xD6E8FEB86659FD93) + mixed[j : j + len(rolled)]
        sets.append(np.unique(rolled))
    return pa.LargeListArray.from_arrays(pa.array(np.cumsum([0, *map(len, sets)])), pa.array(np.concatenate(sets)))


def edit_similarities(tokens: Sequence[np.ndarray], pairs: np.ndarray) -> np.ndarray:
    """1 - Levenshtein distance / length of the longer, of pairs (n x 2) of positions; 0 where it is below 0.5."""
    return np.array([Levenshtein.normalized_similarity(tokens[a].tolist(), tokens[b].tolist(), score_cutoff=0.5) for a, b in pairs])


def jaccards(sets: pa.LargeListArray, pairs: np.ndarray) -> np.ndarray:
    """Of pairs (n x 2) of positions of ascending sets."""
    return _jaccards(np.asarray(sets.offsets), np.asarray(sets.values), pairs)


@numba.njit
def _jaccards(offsets: Any, values: Any, pairs: Any) -> Any:
    found = np.zeros(len(pairs))
    for row in range(len(pairs)):
        i, end = offsets[pairs[row, 0]], offsets[pairs[row, 0] + 1]
        j, other_end = offsets[pairs[row, 1]], offsets[pairs[row, 1] + 1]
        union, shared = end - i + other_end - j, 0
        while i < end and j < other_end:
            shared += values[i] == values[j]
            smaller = values[i] <= values[j]
            j += values[j] <= values[i]
            i += smaller
        found[row] = shared / max(union - shared, 1)
    return found


def labels(size: int, edges: Iterable[tuple[int, int]]) -> np.ndarray:
    """The group of each position: the least position that edges connect it with."""
    found = np.arange(size)
    for group in networkx.connected_components(networkx.Graph(list(edges))):
        found[list(group)] = min(group)
    return found


def groups_against(found: np.ndarray, true: np.ndarray) -> Score:
    """Pairs in one group of `found` against pairs in one group of `true`, counted without listing them."""

    def pairs(groups: Iterable[Any]) -> int:
        return sum(count * (count - 1) // 2 for count in Counter(groups).values())

    right = pairs(zip(found.tolist(), true.tolist(), strict=True))
    return Score(right / pairs(found.tolist()), right / pairs(true.tolist()))


def pairs_in_groups(found: np.ndarray) -> set[tuple[int, int]]:
    """Of groups of up to LARGEST_GROUP members."""
    order = np.argsort(found, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(found[order])) + 1)
    return {pair for group in groups if 1 < len(group) <= LARGEST_GROUP for pair in combinations(group.tolist(), 2)}


def weighed(called: np.ndarray, alike: np.ndarray, weights: np.ndarray) -> Score:
    """Of pairs that are called alike or not, each with its weight."""
    right = weights[called & alike].sum()
    return Score(right / weights[called].sum(), right / weights[alike].sum())


def average_precision(similarity: np.ndarray, alike: np.ndarray, weights: np.ndarray) -> float:
    """Mean precision over the alike pairs, in falling order of similarity: how well it ranks them, at any threshold."""
    order = np.argsort(-similarity, kind="stable")
    right = weights[order] * alike[order]
    precision = np.cumsum(right) / np.cumsum(weights[order])
    return float((precision * right).sum() / right.sum())


def weights_by_file(pairs: np.ndarray, alike: np.ndarray, size: int) -> np.ndarray:
    """Of each pair: 1 / alike partners of that one of the two that has more, so that a group of n files counts about n and not n**2."""
    partners = np.bincount(pairs[alike].ravel(), minlength=size)
    found: np.ndarray = 1 / np.maximum(1, partners[pairs].max(axis=1))
    return found
