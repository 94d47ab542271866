"""MinHash signatures of texts: k coordinates, each a minimum over the text's shingles, that agree as often as the texts are alike.

The sketch is Fast Similarity Sketching (Dahlgaard, Knudsen, Thorup, FOCS 2017): in round i every shingle falls into one of the k
coordinates by a fresh hash and leaves the value (i, hash) there; a coordinate keeps its least value; the rounds end when none is empty
(after 2k at the latest: from round k on all shingles go to coordinate i - k). Each coordinate is thus a minimum over all shingles of one
random function, as in MinHash with k permutations, and has its properties: two texts agree in a coordinate with probability equal to the
Jaccard similarity of their shingle sets, the error is at most that of k permutations, and the signature of a union is the elementwise
minimum. It costs one hash per shingle for all k coordinates instead of k (measured in docs/decisions/0008).
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from udfs.compiled import compiled
from udfs.shingles import FACTOR, KIND, VALUE, mix, shingles_of, text_buffers, tokens_of

VERSION = 1

_FULL = np.uint64(0xFFFFFFFFFFFFFFFF)
_ROUND_STEP = np.uint64(0x9E3779B97F4A7C15)
_MANTISSA_BITS = 25
SEEN = 32  # of so many shingles a hash, at random, one in 10**11 sets leaves a coordinate empty; a power of two


@dataclass(frozen=True)
class SignatureParams:
    """Of signatures. Both are part of the version: signatures of other parameters are never compared."""

    shingle_tokens: int = field(default=4, metadata={"help": "tokens in a shingle"})
    hashes: int = field(default=128, metadata={"help": "coordinates of a signature, a power of two from 16 to 256"})

    def checked(self) -> "SignatureParams":
        """Raises ValueError for parameters that the kernel cannot take."""
        if self.hashes not in (16, 32, 64, 128, 256):
            raise ValueError(f"hashes={self.hashes}: expected 16, 32, 64, 128 or 256")
        if not 1 <= self.shingle_tokens <= 64:
            raise ValueError(f"shingle_tokens={self.shingle_tokens}: expected 1 to 64")
        return self


SCHEMA = pa.schema(
    [
        pa.field("shingle_count", pa.int64(), False),
        pa.field("signature", pa.binary()),
        pa.field("node", pa.int64()),
    ]
)


def signatures(texts: pa.Array, params: SignatureParams) -> pa.RecordBatch:
    """Signature of each text: rows of SCHEMA.

    shingle_count: shingles, repetitions counted. signature: `hashes` little-endian uint32; null where the text has no token.
    node: 64-bit hash of the signature, which names all texts that have it; null where the signature is.
    """
    data, offsets = text_buffers(texts)
    longest = int(np.diff(offsets).max(initial=0))
    found, counts = _signatures(data, offsets, params.shingle_tokens, params.hashes, KIND, VALUE, FACTOR, longest)
    is_empty = counts == 0
    raw = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(4 * params.hashes), len(texts), [None, pa.py_buffer(np.ascontiguousarray(found, "<u4"))]
    ).cast(pa.binary())
    null = pa.array(is_empty)
    columns = [pa.array(counts), _nulled(raw, null), _nulled(pa.array(node_of(found)), null)]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def _nulled(array: pa.Array, null: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    return pc.if_else(null, pa.scalar(None, array.type), array)


def matrix(column: pa.Array) -> np.ndarray:
    """Signatures of a binary column without nulls as rows of uint32."""
    data, offsets = text_buffers(column)
    if len(column) == 0:
        return np.empty((0, 0), np.uint32)
    return data[offsets[0] : offsets[-1]].view("<u4").reshape(len(column), -1)


@compiled
def sketch(shingles: Any, hashes: Any, least: Any, seen: Any, out: Any) -> None:
    """The signature of a text that has shingles, to `out` (uint32). `shingles` may be overwritten. Room for the work: `least`, `hashes`
    uint64, and `seen`, SEEN * `hashes` uint64."""
    for j in range(hashes):
        least[j] = _FULL
    shift = np.uint64(64)
    size = hashes
    while size > 1:
        size >>= 1
        shift -= np.uint64(1)
    count = len(shingles)
    for turn in range(2 * hashes):
        above = np.uint64(turn) << np.uint64(55)
        if turn == 0:
            for i in range(count):
                value = (shingles[i] << np.uint64(8)) >> np.uint64(9)
                place = shingles[i] >> shift
                least[place] = min(least[place], value)
        elif turn < hashes:
            step = np.uint64(turn) * _ROUND_STEP
            for i in range(count):
                value = mix(shingles[i] + step)
                place = value >> shift
                least[place] = min(least[place], above | ((value << np.uint64(8)) >> np.uint64(9)))
        elif least[turn - hashes] == _FULL:
            step = np.uint64(turn) * _ROUND_STEP
            for i in range(count):
                value = mix(shingles[i] + step)
                least[turn - hashes] = min(least[turn - hashes], above | ((value << np.uint64(8)) >> np.uint64(9)))
        is_whole = True
        for j in range(hashes):
            is_whole &= least[j] != _FULL
        if is_whole:
            break
        if turn == 0 and count > len(seen):  # what is so long and leaves a coordinate empty is the same again and again
            count = _once(shingles, seen)
    for j in range(hashes):
        out[j] = _as_32_bits(least[j])


@compiled
def _once(shingles: Any, seen: Any) -> Any:
    """Moves the distinct shingles to the front and returns how many there are; from where they fill half of `seen`, repetitions stay."""
    seen[:] = 0
    mask = np.uint64(len(seen) - 1)
    count = 0
    for i in range(len(shingles)):
        value = shingles[i]
        if 2 * count < len(seen):
            place = value & mask
            while seen[place] != 0 and seen[place] != value:
                place = (place + np.uint64(1)) & mask
            if seen[place] != 0:
                continue
            seen[place] = value
        shingles[count] = value
        count += 1
    return count


@compiled
def _as_32_bits(value: Any) -> Any:
    """7 bits for the value's length in bits, then the 25 that follow its highest: keeps the order, and tells minima apart at any size."""
    length = np.uint64(0)
    rest = value
    while rest > 0:
        length += np.uint64(1)
        rest >>= np.uint64(1)
    if length == 0:
        return np.uint32(0)
    mantissa = ((value << (np.uint64(64) - length)) << np.uint64(1)) >> np.uint64(64 - _MANTISSA_BITS)
    return np.uint32((length << np.uint64(_MANTISSA_BITS)) | mantissa)


@compiled
def _signatures(data: Any, offsets: Any, width: Any, hashes: Any, kind: Any, value: Any, factor: Any, longest: Any) -> Any:
    rows = len(offsets) - 1
    tokens = np.empty(longest + 1, np.uint64)
    least, seen = np.empty(hashes, np.uint64), np.empty(SEEN * hashes, np.uint64)
    found = np.zeros((rows, hashes), np.uint32)
    counts = np.zeros(rows, np.int64)
    for row in range(rows):
        count = tokens_of(data[offsets[row] : offsets[row + 1]], kind, value, factor, tokens)
        counts[row] = shingles_of(tokens[:count], width, tokens)
        if count > 0:
            sketch(tokens[: counts[row]], hashes, least, seen, found[row])
    return found, counts


@compiled
def _node_of(found: Any, out: Any) -> None:
    for row in range(len(found)):
        value = np.uint64(len(found[row]))
        for j in range(found.shape[1]):
            value = mix(value + np.uint64(found[row, j]))
        out[row] = np.int64(value)


def node_of(found: np.ndarray) -> np.ndarray:
    """A 64-bit name of each signature (rows of uint32), as int64. N signatures share a name by accident in N**2 / 2**65 cases."""
    names = np.empty(len(found), np.int64)
    if len(found):
        _node_of(np.ascontiguousarray(found), names)
    return names


def union(found: np.ndarray) -> np.ndarray:
    """The signature of the union of the shingle sets behind rows of signatures."""
    least: np.ndarray = found.min(axis=0)
    return least


def similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Estimated Jaccard similarity of rows of signatures with rows of others (both uint32, n x hashes)."""
    agreement: np.ndarray = (a == b).mean(axis=1)
    return agreement


def standard_error(jaccard: float, hashes: int) -> float:
    """Of an estimate by k permutations (Broder 1997); the sketch's own is at most that."""
    return math.sqrt(jaccard * (1 - jaccard) / hashes)
