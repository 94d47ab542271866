"""Bands of a signature: which texts are looked at together, and with what probability two texts are.

A signature is cut into `bands` of `rows` coordinates. Texts that agree in a whole band meet in a bucket, so a pair of similarity s meets in
one at least with probability 1 - (1 - s**rows)**bands (Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, 3.4). Its half lies
below the threshold that one has in mind: what is really applied is that curve, followed by the verification.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from udfs.compiled import compiled
from udfs.shingles import mix


@dataclass(frozen=True)
class Banding:
    bands: int
    rows: int

    def chance(self, similarity: float) -> float:
        """Probability that two texts meet in a bucket."""
        return float(1 - (1 - similarity**self.rows) ** self.bands)


def chosen(hashes: int, threshold: float, chance: float) -> Banding:
    """The banding of longest rows (fewest pairs in vain) under which a pair at the threshold meets with this chance at least."""
    found = [Banding(hashes // rows, rows) for rows in range(1, hashes + 1)]
    return max((b for b in found if b.chance(threshold) >= chance or b.rows == 1), key=lambda b: b.rows)


@compiled
def _buckets(signatures: Any, bands: Any, rows: Any, out: Any) -> None:
    for i in range(len(signatures)):
        for band in range(bands):
            bucket = np.uint64(band + 1)
            for j in range(band * rows, (band + 1) * rows):
                bucket = mix(bucket + np.uint64(signatures[i, j]))
            out[i, band] = np.int64(bucket)


def buckets(signatures: np.ndarray, banding: Banding) -> np.ndarray:
    """Names of the buckets of each signature (rows of uint32): int64, n x bands. A name holds the band's number too."""
    out = np.empty((len(signatures), banding.bands), np.int64)
    if len(signatures):
        _buckets(np.ascontiguousarray(signatures), banding.bands, banding.rows, out)
    return out
