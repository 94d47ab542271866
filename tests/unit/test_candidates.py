"""What of signatures travels to where they are compared."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from jobs.annotate.candidates import Target, among, part_count, records_in_buckets, sketch_records
from udfs import minhash
from udfs.minhash import SignatureParams

TARGET = Target(128, 0.7, 0.985, 2.0)


def test_contents_of_one_signature_travel_once_a_batch() -> None:
    texts = ["x = f(1, 2)" + " " * spaces for spaces in range(1_000)] + ["y = g(3, 4)", "z = h(5, 6)"]
    batch = minhash.signatures(pa.array(texts), SignatureParams()).select(["node", "signature"])
    sketched = np.concatenate(list(sketch_records([batch, batch])))
    assert len(sketched) == 6 and len(np.unique(sketched["node"])) == 3
    in_buckets = np.concatenate(list(records_in_buckets([batch], TARGET.banding)))
    assert len(in_buckets) == 3 * TARGET.banding.bands == len(np.unique(in_buckets))


def test_a_part_is_bounded_by_what_is_largest_in_it() -> None:
    few_bands = Target(256, 0.99, 0.985, 2.0)  # sketches of 256 bytes, four buckets of 16
    assert few_bands.banding.bands * 16 < 256
    assert part_count(10**9, few_bands, 2) >= 10**9 * 256 // (64 << 20)
    assert part_count(10**9, TARGET, 2) >= 10**9 * TARGET.banding.bands * 16 // (64 << 20)


@given(st.lists(st.integers(-5, 5)), st.sets(st.integers(-5, 5)))
def test_values_among_known_ones_are_those_that_are(values: list[int], known: set[int]) -> None:
    found = among(np.array(values, np.int64), np.array(sorted(known), np.int64))
    assert found.tolist() == [value in known for value in values]
