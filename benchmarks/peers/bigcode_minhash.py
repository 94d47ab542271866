"""Near-duplicates as BigCode found them, with datasketch: 5-grams of a split at what is no letter, digit or underscore, 256 permutations.

Parameters of the Stack's deduplication (thresholds 0.7 and 0.85). What MinHashLSH answers is a duplicate; nothing is verified. Texts of
fewer than five words, whose signatures would all be equal, are left out.
"""

import re
from collections.abc import Iterator, Sequence
from multiprocessing import Pool

from datasketch import MinHash, MinHashLSH

WIDTH, PERMUTATIONS = 5, 256
NO_WORD = re.compile(r"[^A-Za-z_0-9]")


def words(text: str) -> list[str]:
    """Of a text in order, empty ones between two separators in a row too."""
    return NO_WORD.split(text)


def signature(text: str) -> MinHash | None:
    found = words(text)
    if len(found) < WIDTH:
        return None
    minhash = MinHash(num_perm=PERMUTATIONS)
    minhash.update_batch({" ".join(found[i : i + WIDTH]).encode() for i in range(len(found) - WIDTH + 1)})
    return minhash


def signatures(texts: Sequence[str], processes: int) -> list[MinHash | None]:
    with Pool(processes) as pool:
        return pool.map(signature, texts, chunksize=100)


def pairs(signatures: Sequence[MinHash | None], threshold: float) -> Iterator[tuple[int, int]]:
    """Positions a < b of what shares a band."""
    index = MinHashLSH(threshold=threshold, num_perm=PERMUTATIONS)
    for place, minhash in enumerate(signatures):
        if minhash is not None:
            yield from ((other, place) for other in index.query(minhash))
            index.insert(place, minhash)
