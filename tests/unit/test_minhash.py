"""Signatures: unbiased, as exact as theory says, and mergeable. datasketch and true Jaccard are the oracles."""

import math
import timeit

import numpy as np
import pyarrow as pa
import pytest
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from udfs.minhash import SEEN, SignatureParams, matrix, node_of, signatures, similarity, sketch, standard_error, union
from udfs.shingles import shingle_sets


def sketch_of(shingles: np.ndarray, hashes: int) -> np.ndarray:
    found, least, seen = np.empty(hashes, np.uint32), np.empty(hashes, np.uint64), np.empty(SEEN * hashes, np.uint64)
    sketch(np.array(shingles, np.uint64), hashes, least, seen, found)
    return found


def random_pair(rng: np.random.Generator, size: int, shared: int) -> tuple[np.ndarray, np.ndarray]:
    """Two random sets whose union has `size` elements, of which `shared` are in both."""
    values = rng.integers(0, 2**64, size, dtype=np.uint64)
    middle = shared + (size - shared) // 2
    return values[:middle], np.concatenate([values[:shared], values[middle:]])


@pytest.mark.parametrize("hashes", [128, 256])
@pytest.mark.parametrize(("size", "shared", "pairs"), [(10, 7, 3000), (100, 50, 2000), (1000, 700, 600), (20_000, 17_000, 300)])
def test_the_estimate_is_unbiased_and_its_error_at_most_that_of_theory(hashes: int, size: int, shared: int, pairs: int) -> None:
    rng = np.random.default_rng(7)
    errors = np.empty(pairs)
    for i in range(pairs):
        a, b = random_pair(rng, size, shared)
        errors[i] = (sketch_of(a, hashes) == sketch_of(b, hashes)).mean() - shared / size
    theory = standard_error(shared / size, hashes)
    assert abs(errors.mean()) < 4 * theory / math.sqrt(pairs)
    noise = 3 / math.sqrt(2 * pairs)  # of a measured standard deviation, relative, three sigma
    assert np.sqrt(np.mean(errors**2)) < theory * (1.05 + noise)


def test_the_error_is_that_of_datasketch_on_the_same_shingles_or_less() -> None:
    rng = np.random.default_rng(11)
    ours, theirs = [], []
    for _ in range(150):
        a, b = random_pair(rng, 400, 240)
        ours.append((sketch_of(a, 128) == sketch_of(b, 128)).mean() - 0.6)
        sketches = [MinHash(128, seed=1, hashfunc=lambda value: int(value) & 0xFFFFFFFF) for _ in range(2)]
        for found, values in zip(sketches, (a, b), strict=True):
            found.update_batch([int(v) for v in values])
        theirs.append(sketches[0].jaccard(sketches[1]) - 0.6)
    assert np.std(ours) < 1.15 * np.std(theirs)
    assert abs(np.mean(ours)) < 0.012 and abs(np.mean(theirs)) < 0.012


@settings(max_examples=40)
@given(st.lists(st.sets(st.integers(0, 2**64 - 1), min_size=1, max_size=300), min_size=2, max_size=4), st.sampled_from([16, 128]))
def test_the_signature_of_a_union_is_the_elementwise_minimum(sets: list[set[int]], hashes: int) -> None:
    rows = np.array([sketch_of(np.array(sorted(found), np.uint64), hashes) for found in sets])
    assert (union(rows) == sketch_of(np.array(sorted(set().union(*sets)), np.uint64), hashes)).all()


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=200))
def test_order_and_repetition_of_shingles_do_not_count(values: list[int]) -> None:
    once = np.array(sorted(set(values)), np.uint64)
    assert (sketch_of(np.array(values, np.uint64), 64) == sketch_of(once, 64)).all()


@settings(max_examples=40)
@given(st.integers(1, 700), st.integers(0, 2**32), st.integers(1, 9_000), st.sampled_from([16, 128]))
def test_many_repetitions_of_few_shingles_do_not_count(distinct: int, seed: int, length: int, hashes: int) -> None:
    """Those of a long text that leaves coordinates empty are made distinct on the way, as far as there is room."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 2**64, distinct, dtype=np.uint64)
    values[0] = seed % 2  # 0 is what stands for an empty place
    many = np.concatenate([values, values[rng.integers(0, distinct, length)]])
    assert (sketch_of(many, hashes) == sketch_of(values, hashes)).all()


def test_a_table_of_one_number_costs_a_byte_no_more_than_code() -> None:
    def seconds(text: str) -> float:
        texts, params = pa.array([text]), SignatureParams()
        return min(timeit.repeat(lambda: signatures(texts, params), number=1, repeat=3))

    code = "".join(f"v{number * 7919 % 9973} = f({number})\n" for number in range(100_000))
    assert seconds("0, " * (len(code) // 3)) < 5 * seconds(code)


def test_signatures_of_real_texts_estimate_the_jaccard_of_their_shingle_sets() -> None:
    import inspect
    import textwrap as module

    text = inspect.getsource(module)
    edited = text.replace("width", "columns", 4)
    batch = signatures(pa.array([text, edited]), SignatureParams())
    rows = matrix(batch.column("signature"))
    one, other = (set(found) for found in shingle_sets(pa.array([text, edited]), 5, 1 << 20).to_pylist())
    true = len(one & other) / len(one | other)
    assert 0.5 < true < 0.99
    assert similarity(rows[:1], rows[1:])[0] == pytest.approx(true, abs=4 * standard_error(true, 128))


def test_a_text_without_tokens_has_no_signature_and_short_texts_have_their_own() -> None:
    batch = signatures(pa.array(["", " \n\t", "a b", "a c", "a  b\n"]), SignatureParams())
    assert batch.column("signature").is_null().to_pylist() == [True, True, False, False, False]
    assert batch.column("shingle_count").to_pylist() == [0, 0, 1, 1, 1]
    nodes = batch.column("node").to_pylist()
    assert nodes[:2] == [None, None]
    assert nodes[2] == nodes[4] != nodes[3]


def test_a_text_does_not_depend_on_its_batch() -> None:
    texts = [f"def f{i}(x): return x + {i} * y" * (i + 1) for i in range(20)]
    whole = signatures(pa.array(texts), SignatureParams())
    parts = [signatures(pa.array(texts).slice(start, 7), SignatureParams()) for start in (0, 7, 14)]
    assert pa.Table.from_batches([whole]).combine_chunks() == pa.Table.from_batches(parts).combine_chunks()


def test_nodes_differ_where_signatures_do() -> None:
    rows = np.arange(32, dtype=np.uint32).reshape(2, 16)
    assert node_of(rows)[0] != node_of(rows)[1]
    assert node_of(rows[:1]) == node_of(rows[:1].copy())


def test_a_signature_is_the_same_in_every_version() -> None:
    """A change of these numbers is another annotator: raise VERSION in udfs/minhash.py or udfs/shingles.py."""
    batch = signatures(pa.array(["for i in range(10): print(i, end='')\n" * 3]), SignatureParams(5, 16))
    assert matrix(batch.column("signature"))[0, :3].tolist() == [1915026837, 1901809522, 1879502823]


@pytest.mark.parametrize(("params", "message"), [(SignatureParams(5, 100), "hashes=100"), (SignatureParams(0), "shingle_tokens=0")])
def test_parameters_that_cannot_be_are_refused(params: SignatureParams, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        params.checked()
