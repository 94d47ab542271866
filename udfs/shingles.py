"""Token shingles of code: what two texts have in common is counted in these.

A token is a run of letters, digits, underscores and non-ASCII bytes, or one other visible byte: `x = f(a, b);` is `x`, `=`, `f`, `(`, `a`,
`,`, `b`, `)`, `;`. Space is left out, so a text that was only laid out anew keeps its tokens; case, digits and operators stay, because in
code they are the content. A shingle is `width` tokens in a row, named by a 64-bit hash. A text of fewer tokens has one shingle, of all its
tokens; a text without tokens has none. Rule and width were chosen on real pairs, beside other shinglings (docs/decisions/0008).

All arithmetic is modulo 2**64. A token's hash is a polynomial over a table of random values, one per byte, a shingle's one over its
tokens' mixed hashes. No branch depends on the text: one at every end of a word would be guessed wrong and cost more than all else.
"""

from typing import Any

import numpy as np
import pyarrow as pa

from udfs.compiled import compiled

VERSION = 2

_MULTIPLIER = np.uint64(0xD6E8FEB86659FD93)
_ONE = np.uint64(1)
_HALF = np.uint64(32)


def mix_values(values: np.ndarray) -> np.ndarray:
    """A bijection of uint64 under which near values come to lie far apart (the finalizer of rrmxmx's family)."""
    values = np.asarray(values, np.uint64)
    for _ in range(2):
        values = (values ^ (values >> _HALF)) * _MULTIPLIER
    mixed: np.ndarray = values ^ (values >> _HALF)
    return mixed


def _tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each byte: its kind (0 space, 1 of a word, 2 a token alone), its value in the polynomial, the polynomial's factor.

    Space changes nothing."""
    bytes_ = np.arange(256)
    is_space = np.isin(bytes_, list(b" \t\n\r\x0b\x0c\x00"))
    is_word = np.array([b >= 128 or chr(b).isalnum() or b == ord("_") for b in range(256)])
    values = mix_values(bytes_.astype(np.uint64) + _ONE)
    kind = np.where(is_space, 0, np.where(is_word, 1, 2)).astype(np.uint64)
    return kind, np.where(is_space, np.uint64(0), values), np.where(is_space, _ONE, _MULTIPLIER)


KIND, VALUE, FACTOR = _tables()


@compiled
def mix(value: Any) -> Any:
    value ^= value >> np.uint64(32)
    value *= _MULTIPLIER
    value ^= value >> np.uint64(32)
    value *= _MULTIPLIER
    return value ^ (value >> np.uint64(32))


@compiled
def tokens_of(text: Any, kind: Any, value: Any, factor: Any, out: Any) -> Any:
    """Writes the hashes of the tokens of `text` (uint8) to `out` (uint64, at least len(text) + 1); returns how many."""
    count = np.uint64(0)
    token = np.uint64(0)
    was_word = np.uint64(0)
    for i in range(len(text)):
        byte = text[i]
        is_word = kind[byte] & _ONE
        starts = (kind[byte] >> _ONE) | (is_word & ~was_word)
        was_word = is_word
        out[count] = token
        count += starts
        token = token * (factor[byte] & (starts - _ONE)) + value[byte]
    out[count] = token
    count += np.uint64(token != 0)
    skipped = np.uint64(count > 0 and out[0] == 0)  # what is before the first token
    for i in range(count - skipped):
        out[i] = mix(out[np.uint64(i) + skipped])
    return count - skipped


@compiled
def shingles_of(tokens: Any, width: Any, out: Any) -> Any:
    """Writes the hashes of the shingles of mixed `tokens` to `out`, which may be `tokens`; not made distinct. Returns how many."""
    if len(tokens) == 0:
        return 0
    count = max(1, len(tokens) - width + 1)
    size = min(width, len(tokens))
    for i in range(count):
        shingle = tokens[i]
        for j in range(1, size):
            shingle = shingle * _MULTIPLIER + tokens[i + j]
        out[i] = mix(shingle)
    return count


@compiled
def _sets(data: Any, offsets: Any, width: Any, most: Any, kind: Any, value: Any, factor: Any, longest: Any) -> Any:
    tokens = np.empty(longest + 1, np.uint64)
    ends = np.zeros(len(offsets), np.int64)
    flat = np.empty(1024, np.uint32)
    total = 0
    for row in range(len(offsets) - 1):
        count = tokens_of(data[offsets[row] : offsets[row + 1]], kind, value, factor, tokens)
        high = tokens[: shingles_of(tokens[:count], width, tokens)] >> np.uint64(32)
        distinct = np.unique(high)[:most]
        if total + len(distinct) > len(flat):
            grown = np.empty(2 * (total + len(distinct)), np.uint32)
            grown[:total] = flat[:total]
            flat = grown
        for i in range(len(distinct)):
            flat[total + i] = np.uint32(distinct[i])
        total += len(distinct)
        ends[row + 1] = total
    return flat[:total], ends


def text_buffers(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Bytes (uint8) and offsets (int64, one more than rows) of a string or binary array without nulls. No copy of the bytes."""
    if texts.null_count:
        raise ValueError(f"{texts.null_count} of {len(texts)} texts are null")
    wide = pa.types.is_large_string(texts.type) or pa.types.is_large_binary(texts.type)
    _, offsets, data = texts.buffers()
    found = np.frombuffer(offsets, np.int64 if wide else np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    return np.frombuffer(data or b"", np.uint8), found


def shingle_sets(texts: pa.Array, width: int, most: int) -> pa.LargeListArray:
    """The distinct shingles of each text, by the upper 32 bits of their hashes, ascending (list of uint32).

    Of a text with more than `most` the smallest are kept: a sample that is the same function of every text, so that two samples can be
    compared by `jaccard`.
    """
    data, offsets = text_buffers(texts)
    longest = int(np.diff(offsets).max(initial=0))
    flat, ends = _sets(data, offsets, width, most, KIND, VALUE, FACTOR, longest)
    return pa.LargeListArray.from_arrays(pa.array(ends), pa.array(flat))


@compiled
def jaccard(a: Any, b: Any, most: Any) -> Any:
    """Jaccard similarity of two ascending sets without repetitions; of the `most` smallest of their union where that is larger."""
    i: Any = 0
    j: Any = 0
    shared: Any = 0
    seen = 0
    while seen < most and i < len(a) and j < len(b):  # without a branch that depends on the sets: half of them would be guessed wrong
        one, other = a[i], b[j]
        shared += np.int64(one == other)
        i += np.int64(one <= other)
        j += np.int64(other <= one)
        seen += 1
    seen = min(most, seen + len(a) - i + len(b) - j)
    return shared / seen if seen else 1.0


@compiled
def _compare(values: Any, ends: Any, is_head: Any, head: Any, most: Any, out: Any) -> Any:
    """Compares each set with the last head before it. Returns the row of the last head of the batch, -1 where there is none."""
    last = -1
    for row in range(len(is_head)):
        if is_head[row]:
            last = row
            continue
        found = values[ends[row] : ends[row + 1]]
        out[row] = jaccard(head if last < 0 else values[ends[last] : ends[last + 1]], found, most)
    return last


def compare_with_heads(
    a: pa.Array, b: pa.Array, sets: pa.Array, head: np.ndarray, most: int
) -> tuple[pa.Array, pa.Array, pa.Array, np.ndarray]:
    """Jaccard similarity of rows (a, b) to the head (a, null) that comes before them.

    sets: uint32 as bytes, ascending. `head` is the set of the last head of the batch before; returned with a, b, similarity of the rows
    that are no heads is that of this one.
    """
    data, offsets = text_buffers(sets)
    values, ends = data[: offsets[-1]].view(np.uint32), offsets // 4
    is_head = np.asarray(b.is_null())
    out = np.empty(len(is_head))
    last = _compare(values, ends, is_head, head, most, out)
    if last >= 0:
        head = values[ends[last] : ends[last + 1]].copy()
    members = pa.array(~is_head)
    return a.filter(members), b.filter(members), pa.array(out).filter(members), head
