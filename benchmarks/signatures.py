"""MinHash signatures of real texts on one core, shingles included: the kernel beside rensa and datasketch.

`python -m benchmarks.signatures [--megabytes N] [--hashes K]`. rensa gets flat hashes, its fastest way in: the kernel's own shingles, and
those of a compiled tokenizer as one would write it first. datasketch gets 5-grams of a regular expression, on part of the input. The limit
is the kernel's own shingles without signatures.
"""

import argparse
import os
import re
from typing import Any

import numpy as np
import pyarrow as pa
import rensa
from datasketch import MinHash

from benchmarks.code import real_texts
from benchmarks.measure import interleaved, report, result
from udfs.compiled import compiled
from udfs.minhash import SignatureParams, signatures
from udfs.shingles import FACTOR, KIND, VALUE, mix, shingles_of, text_buffers, tokens_of

WIDTH = SignatureParams().shingle_tokens
ROWS = 1000  # that rensa is given at once: with all of them memory is the limit
DATASKETCH_SHARE = 40  # datasketch is given one text in so many


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=400)
    parser.add_argument("--hashes", type=int, default=128, choices=(128, 256))
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    texts = pa.array(real_texts(arguments.megabytes << 20), pa.large_string())
    data, offsets = text_buffers(texts)
    part = texts.take(pa.array(range(0, len(texts), DATASKETCH_SHARE)))
    size, part_size = int(offsets[-1]), sum(len(text.as_buffer()) for text in part)
    params = SignatureParams(WIDTH, arguments.hashes)

    def with_rensa(kernel: Any) -> None:
        for start in range(0, len(texts), ROWS):
            flat, ends = kernel(data, offsets[start : start + ROWS + 1], WIDTH, KIND, VALUE, FACTOR)
            rensa.RMinHash.digest_matrix_from_flat_token_hashes(flat, ends, arguments.hashes, 42)

    variants = {
        "codemill": lambda: signatures(texts, params),
        "codemill's shingles alone": lambda: shingles_alone(data, offsets, WIDTH, KIND, VALUE, FACTOR),
        "codemill's shingles, rensa flat": lambda: with_rensa(branchless_shingles),
        "numba shingles with branches, rensa flat": lambda: with_rensa(branchy_shingles),
        "datasketch": lambda: datasketch_signatures(part, arguments.hashes),
    }
    for name in variants.keys() - {"datasketch"}:
        variants[name]()  # type: ignore[no-untyped-call]  # compiles
    seconds = interleaved(variants, arguments.rounds)
    speeds = {name: (part_size if name == "datasketch" else size) / 1e6 / spent for name, spent in seconds.items()}
    for name, speed in speeds.items():
        print(f"  {speed:8.1f} MB/s  {name}")
    best = max((name for name in speeds if "rensa flat" in name and "branches" in name), key=lambda name: speeds[name])
    given = f"{len(texts):,} real files, {size / 1e6:.0f} MB, {arguments.hashes} hashes"
    report(
        result(
            "signatures",
            "MB/s on one core",
            speeds["codemill"],
            (best, speeds[best]),
            ("its shingles alone", speeds["codemill's shingles alone"]),
            given,
        )
    )


@compiled
def shingles_alone(data: Any, offsets: Any, width: Any, kind: Any, value: Any, factor: Any) -> Any:
    """The kernel's shingles, each text's in the place of the last one's; returns how many."""
    tokens = np.empty(len(data) + 1, np.uint64)
    total = 0
    for row in range(len(offsets) - 1):
        count = tokens_of(data[offsets[row] : offsets[row + 1]], kind, value, factor, tokens)
        total += shingles_of(tokens[:count], width, tokens)
    return total


@compiled
def branchless_shingles(data: Any, offsets: Any, width: Any, kind: Any, value: Any, factor: Any) -> Any:
    """The kernel's shingles, flat, with the end of each text's."""
    flat = np.empty(offsets[-1] - offsets[0] + len(offsets), np.uint64)
    tokens = np.empty(offsets[-1] - offsets[0] + 1, np.uint64)
    ends = np.zeros(len(offsets), np.uint64)
    total = 0
    for row in range(len(offsets) - 1):
        count = tokens_of(data[offsets[row] : offsets[row + 1]], kind, value, factor, tokens)
        total += shingles_of(tokens[:count], width, flat[total:])
        ends[row + 1] = total
    return flat[:total], ends


@compiled
def branchy_shingles(data: Any, offsets: Any, width: Any, kind: Any, value: Any, factor: Any) -> Any:
    """The same tokens by a loop over each word, and a rolling hash over a ring of tokens."""
    flat = np.empty(offsets[-1] - offsets[0] + len(offsets), np.uint64)
    ends = np.zeros(len(offsets), np.uint64)
    ring = np.zeros(width, np.uint64)
    step = np.uint64(0xD6E8FEB86659FD93)
    last = np.uint64(1)
    for _ in range(width):
        last *= step
    total = 0
    for row in range(len(offsets) - 1):
        i, end = offsets[row], offsets[row + 1]
        seen = 0
        rolled = np.uint64(0)
        ring[:] = np.uint64(0)
        while i < end:
            token = np.uint64(0)
            while i < end and kind[data[i]] == 1:
                token = (token ^ np.uint64(data[i])) * step
                i += 1
            if token == 0:
                token = value[data[i]]
                i += 1
                if token == 0:  # space
                    continue
            token = mix(token)
            rolled = rolled * step + token - ring[seen % width] * last
            ring[seen % width] = token
            seen += 1
            if seen >= width:
                flat[total] = mix(rolled)
                total += 1
        ends[row + 1] = total
    return flat[:total], ends


def datasketch_signatures(texts: pa.Array, hashes: int) -> None:
    pattern = re.compile(r"\w+|[^\w\s]")
    for text in texts.to_pylist():
        tokens = pattern.findall(text)
        found = MinHash(hashes, seed=1)
        found.update_batch({" ".join(tokens[i : i + WIDTH]).encode() for i in range(max(1, len(tokens) - WIDTH + 1))})


if __name__ == "__main__":
    main()
