"""What of signatures travels to where they are compared."""

import numpy as np
import pyarrow as pa

from jobs.annotate.candidates import Target, _in_buckets, _sketches, part_count
from udfs import minhash
from udfs.minhash import SignatureParams

TARGET = Target(128, 0.7, 0.985, 2.0)


def test_contents_of_one_signature_travel_once_a_batch() -> None:
    texts = ["x = f(1, 2)" + " " * spaces for spaces in range(1_000)] + ["y = g(3, 4)", "z = h(5, 6)"]
    batch = minhash.signatures(pa.array(texts), SignatureParams()).select(["node", "signature"])
    sketched = np.concatenate(list(_sketches([batch, batch])))
    assert len(sketched) == 6 and len(np.unique(sketched["node"])) == 3
    in_buckets = np.concatenate(list(_in_buckets([batch], TARGET.banding)))
    assert len(in_buckets) == 3 * TARGET.banding.bands == len(np.unique(in_buckets))


def test_a_part_is_bounded_by_what_is_largest_in_it() -> None:
    few_bands = Target(256, 0.99, 0.985, 2.0)  # sketches of 256 bytes, four buckets of 16
    assert few_bands.banding.bands * 16 < 256
    assert part_count(10**9, few_bands, 2) >= 10**9 * 256 // (64 << 20)
    assert part_count(10**9, TARGET, 2) >= 10**9 * TARGET.banding.bands * 16 // (64 << 20)
