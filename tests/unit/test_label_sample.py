"""The sample that an oracle is asked about: its shape, and that it never depends on how the candidates come."""

import hashlib
from collections import Counter

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from gpu_scoring.sample import MOST_OF_QUOTA, REPORT_SHAPE, Sample, allocated, drawn, quotas
from udfs.languages import LANGUAGES

SHAPE = {"Python": 6, "C": 3, "Go": 1}
counts = st.dictionaries(st.sampled_from(["Python", "C", "Go"]), st.integers(0, 200))


def key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def batches(languages: list[str | None], size: int = 7) -> list[pa.RecordBatch]:
    keys = [key(number) for number in range(len(languages))]
    table = pa.table({"candidate": keys, "language": pa.array(languages, pa.string())})
    return table.to_batches(max_chunksize=size)


def rows(sample: Sample) -> list[tuple[str, str]]:
    return list(zip(sample.rows.column("content_sha256").to_pylist(), sample.rows.column("language").to_pylist(), strict=True))


def test_the_shape_is_table_17() -> None:
    assert len(REPORT_SHAPE) == 21
    assert REPORT_SHAPE.keys() <= set(LANGUAGES)
    assert quotas(sum(REPORT_SHAPE.values()), REPORT_SHAPE) == REPORT_SHAPE


@given(st.integers(0, 5000))
def test_quotas_add_up_and_follow_the_shape(count: int) -> None:
    found = quotas(count, REPORT_SHAPE)
    assert sum(found.values()) == count
    whole = sum(REPORT_SHAPE.values())
    assert all(abs(found[name] - count * share / whole) < 1 for name, share in REPORT_SHAPE.items())


@given(st.integers(1, 300), counts)
def test_what_a_language_lacks_goes_to_the_others_up_to_twice_their_own(count: int, available: dict[str, int]) -> None:
    quota, found = quotas(count, SHAPE), allocated(count, SHAPE, available)
    for name in SHAPE:
        assert min(quota[name], available.get(name, 0)) <= found[name] <= min(MOST_OF_QUOTA * quota[name], available.get(name, 0))
    possible = sum(min(MOST_OF_QUOTA * quota[name], available.get(name, 0)) for name in SHAPE)
    assert sum(found.values()) == min(count, possible)


@given(st.lists(st.sampled_from(["Python", "C", "Go", "JSON", None]), max_size=120), st.integers(1, 40), st.integers(1, 50))
def test_a_sample_is_the_same_however_the_candidates_are_cut_and_has_no_other_language(languages, count, size) -> None:
    one, other = drawn(batches(languages), count, SHAPE), drawn(batches(languages, size), count, SHAPE)
    assert rows(one) == rows(other)
    assert one.found == allocated(count, SHAPE, Counter(language for language in languages if language in SHAPE))
    assert Counter(language for _, language in rows(one)) == Counter(one.found)


@given(st.lists(st.sampled_from(["Python", "C", "JSON", None]), max_size=120), st.integers(0, 60), st.integers(0, 60))
def test_a_natural_sample_is_the_beginning_of_a_larger_one(languages, smaller, more) -> None:
    few, many = (rows(drawn(batches(languages), count, None)) for count in (smaller, smaller + more))
    assert few == many[:smaller]
    assert len(many) == min(smaller + more, sum(language is not None for language in languages))


def test_draws_change_nothing_when_files_are_added() -> None:
    before = rows(drawn(batches(["Python"] * 50), 20, None))
    after = rows(drawn(batches(["Python"] * 100), 40, None))
    assert [row for row in after if row in before] == before[: sum(row in after for row in before)]


@given(st.lists(st.sampled_from(["Python", "C", "Go"]), min_size=1, max_size=120), st.integers(1, 40))
def test_any_beginning_of_a_stratified_sample_has_its_shape(languages, count) -> None:
    sample = drawn(batches(languages), count, SHAPE)
    taken = [language for _, language in rows(sample)]
    for end in range(1, len(taken)):
        begun = Counter(taken[:end])
        assert all(abs(begun[name] - end * share / len(taken)) <= len(SHAPE) / 2 for name, share in Counter(taken).items())
