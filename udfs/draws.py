"""Random draws that depend on nothing but an id and a seed: the same in every run, partition and engine.

The draw of an id is the first 52 bits of SHA-256 over `seed:id` in UTF-8, as a fraction of 2**52. In Spark SQL:

    cast(conv(substring(sha2(concat(seed, ':', id), 256), 1, 13), 16, 10) as double) / 4503599627370496

What is drawn at a rate, `uniform(id, seed) < rate`, is part of what is drawn at a higher rate with the same seed, and new ids change no
old draw. Draws with different seeds are independent.
"""

import hashlib

import numpy as np
import pyarrow as pa

_SEPARATOR = ":"
_DRAW_BITS = 52  # 13 hexadecimal digits, exact in a double


def uniform(ids: pa.Array, seed: str) -> np.ndarray:
    """A draw in [0, 1) for each id (string array without nulls), as float64."""
    if _SEPARATOR in seed:
        raise ValueError(f"the seed {seed!r} has a {_SEPARATOR!r}, which separates seed and id")
    if ids.null_count:
        raise ValueError(f"{ids.null_count} of {len(ids)} ids are null")
    start = hashlib.sha256(f"{seed}{_SEPARATOR}".encode())
    digests = bytearray()
    for raw in ids.cast(pa.binary()).to_pylist():
        state = start.copy()
        state.update(raw)
        digests += state.digest()
    draws: np.ndarray = np.frombuffer(digests, dtype=">u8")[::4] >> np.uint64(64 - _DRAW_BITS)
    fractions: np.ndarray = draws / 2.0**_DRAW_BITS
    return fractions


def hash_group(ids: pa.Array, groups: int, seed: str) -> np.ndarray:
    """The group of each id, from 0 to `groups` - 1, as int32: `floor(uniform * groups)`."""
    if groups < 1:
        raise ValueError(f"groups is {groups}; at least 1 is needed")
    numbers: np.ndarray = np.floor(uniform(ids, seed) * groups)
    return numbers.astype(np.int32)
