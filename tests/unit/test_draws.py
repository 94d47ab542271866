import hashlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.draws import hash_group, uniform

IDS = st.lists(st.text(max_size=20), max_size=50)
RATES = st.floats(0, 1)


def test_a_draw_is_the_first_thirteen_hexadecimal_digits_of_the_hash_that_spark_sql_computes() -> None:
    expected = int(hashlib.sha256(b"held-out:caf\xc3\xa9").hexdigest()[:13], 16) / 16**13
    assert uniform(pa.array(["café"]), "held-out").tolist() == [expected]


@given(IDS, RATES, RATES)
def test_what_a_lower_rate_draws_a_higher_rate_draws_too(ids: list[str], one: float, other: float) -> None:
    draws = uniform(pa.array(ids, pa.string()), "s")
    assert set(np.flatnonzero(draws < min(one, other))) <= set(np.flatnonzero(draws < max(one, other)))


@given(IDS)
def test_a_draw_does_not_depend_on_the_ids_around_it(ids: list[str]) -> None:
    alone = [uniform(pa.array([name]), "s")[0] for name in ids]
    assert uniform(pa.array(ids, pa.string()), "s").tolist() == alone


def test_draws_are_spread_evenly_and_seeds_are_independent() -> None:
    ids = pa.array([f"repository-{number}" for number in range(20_000)])
    one, other = uniform(ids, "one"), uniform(ids, "other")
    counts, _ = np.histogram(one, bins=20, range=(0, 1))
    assert abs(counts - 1000).max() < 6 * np.sqrt(1000)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.03
    assert one.min() >= 0 and one.max() < 1


@given(IDS, st.integers(1, 1000))
def test_every_id_has_a_group_below_the_number_of_groups(ids: list[str], groups: int) -> None:
    found = hash_group(pa.array(ids, pa.string()), groups, "groups")
    assert found.dtype == np.int32
    assert all(0 <= group < groups for group in found)


def test_one_group_holds_everything_and_many_groups_are_even() -> None:
    ids = pa.array([str(number) for number in range(10_000)])
    assert set(hash_group(ids, 1, "g")) == {0}
    counts = np.bincount(hash_group(ids, 16, "g"), minlength=16)
    assert abs(counts - 625).max() < 6 * 25


def test_a_seed_with_the_separator_is_refused_because_its_draws_would_be_those_of_another_seed() -> None:
    with pytest.raises(ValueError, match="separates seed and id"):
        uniform(pa.array(["b"]), "a:")


def test_a_null_id_is_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 ids are null"):
        uniform(pa.array(["a", None]), "s")
