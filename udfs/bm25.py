"""BM25 over the files of a snapshot, carried along a history: a commit costs what it changes, a query the postings of its terms.

The formula is Lucene's (Robertson and Zaragoza 2009 with an idf that is never negative): a document of length L scores for a term with
document frequency df and frequency tf in it

    log(1 + (N - df + 0.5) / (df + 0.5)) * tf / (tf + k1 * (1 - b + b * L / mean L))

A query says how often each of its terms counts; a list of terms, once each. Terms are made for code: identifiers are split at case and
underscores, and paths are terms of their files.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping

VERSION = 1
K1, B = 1.5, 0.75
Query = Iterable[str] | Mapping[str, int]

# Words of an identifier: HTTPServer_v2 is http, server, v, 2. Other scripts as they come.
_TERM = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")


def terms(text: str) -> list[str]:
    """In lower case, in order. Single letters and digits of ASCII say little and are left out."""
    return [term for term in map(str.lower, _TERM.findall(text)) if len(term) > 1 or not term.isascii()]


def file_terms(path: str, text: str) -> Counter[str]:
    """What a file is found by: how often it has each term, its path among them."""
    return _counted(f"{path}\n{text}")


def _counted(text: str) -> Counter[str]:
    """Words are counted first, and made terms once each."""
    found: Counter[str] = Counter()
    for word, count in Counter(_TERM.findall(text)).items():
        term = word.lower()
        if len(term) > 1 or not term.isascii():
            found[term] += count
    return found


def changed_terms(counts: Counter[str], old: str, new: str) -> Counter[str]:
    """The terms of a file whose text was `old` and is `new`, from those it had: no term crosses a line, so the lines that one of them has
    more often than the other are enough. The lines before the first that differs, and after the last, are not even looked at."""
    start = _same_lines(old, new)
    end = _same_lines(old[start:], new[start:], from_end=True)
    before = Counter(old[start : len(old) - end].split("\n"))
    after = Counter(new[start : len(new) - end].split("\n"))
    found = counts.copy()
    for term, count in _counted(_text_of(after.items() - before.items())).items():
        found[term] += count
    for term, count in _counted(_text_of(before.items() - after.items())).items():
        found[term] -= count
        if not found[term]:
            del found[term]
    return found


def _text_of(lines: Iterable[tuple[str, int]]) -> str:
    return "\n".join(line for line, count in lines for _ in range(count))


def _same_lines(one: str, other: str, from_end: bool = False) -> int:
    """Characters of the whole lines that both begin with, or end with."""

    def is_same(count: int) -> bool:
        return one[-count:] == other[-count:] if from_end else one[:count] == other[:count]

    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if is_same(middle) else (low, middle - 1)
    if from_end:  # begins after a line feed, in both
        return low - (one[len(one) - low :].find("\n") + 1) if "\n" in one[len(one) - low :] else 0
    return one.rfind("\n", 0, low) + 1


class Index:
    """Documents by name. `add` replaces what has the name, and costs what differs."""

    def __init__(self) -> None:
        self._postings: dict[str, dict[str, int]] = {}
        self._counts: dict[str, Counter[str]] = {}
        self._lengths: dict[str, int] = {}
        self._total = 0
        self.entries = 0  # pairs of a document and a term of it: what the memory of an index goes by

    def __len__(self) -> int:
        return len(self._lengths)

    def __contains__(self, name: str) -> bool:
        return name in self._lengths

    def counts(self, name: str) -> Counter[str]:
        """The terms that a document was added with; not to be changed."""
        return self._counts[name]

    def add(self, name: str, counts: Counter[str]) -> None:
        old: Counter[str] = self._counts.get(name, Counter())
        for term in old.keys() - counts.keys():
            self._forget(term, name)
        known = old.get
        for term, count in counts.items():
            if known(term) != count:
                self._postings.setdefault(term, {})[name] = count
        self._counts[name] = counts
        self.entries += len(counts) - len(old)
        self._total += counts.total() - self._lengths.get(name, 0)
        self._lengths[name] = counts.total()

    def remove(self, name: str) -> None:
        """Nothing happens where it is not there."""
        counts = self._counts.pop(name, Counter())
        for term in counts:
            self._forget(term, name)
        self.entries -= len(counts)
        self._total -= self._lengths.pop(name, 0)

    def _forget(self, term: str, name: str) -> None:
        postings = self._postings[term]
        del postings[name]
        if not postings:
            del self._postings[term]

    def scores(self, query: Query) -> dict[str, float]:
        """Of each document that has a term of the query."""
        found: dict[str, float] = {}
        count = len(self._lengths)
        mean = self._total / count if count else 0.0
        norms: dict[str, float] = {}
        weights = query if isinstance(query, Mapping) else dict.fromkeys(query, 1)
        for term, weight in weights.items():
            postings = self._postings.get(term, {})
            idf = weight * math.log(1 + (count - len(postings) + 0.5) / (len(postings) + 0.5))
            for name, tf in postings.items():
                norm = norms.get(name)
                if norm is None:
                    norm = norms[name] = K1 * (1 - B + B * self._lengths[name] / mean)
                    found[name] = idf * tf / (tf + norm)
                else:
                    found[name] += idf * tf / (tf + norm)
        return found

    def search(self, query: Query, most: int) -> list[tuple[str, float]]:
        """The best documents, best first; of equal ones the first by name."""
        scores = self.scores(query)
        found = list(scores.items())
        if len(found) > most > 0:  # cheaper than to sort them all by name too
            least = sorted(scores.values())[-most]
            found = [item for item in found if item[1] >= least]
        return sorted(found, key=lambda item: (-item[1], item[0]))[:most]
