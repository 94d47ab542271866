import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from jobs.mix.drawing import SEED, Drawn
from jobs.mix.places import Order, rate_digits
from udfs.draws import hash_group, uniform

KEYS = [f"document-{number}" for number in range(40)]
TAKEN = Drawn([0, 2, 1], [0.4, 0.0, 0.7])


def runs() -> pa.RecordBatch:
    columns = {"split": ["held_out" if n % 10 == 9 else "train" for n in range(40)], "candidate": KEYS}
    return pa.RecordBatch.from_pydict(columns | {"lot": pa.array([n % 3 for n in range(40)], pa.int32())})


def copies(row: dict[str, Any]) -> int:
    if row["split"] == "held_out":
        return 1
    return TAKEN.whole[row["lot"]] + int(uniform(pa.array([row["candidate"]]), SEED)[0] < TAKEN.rates[row["lot"]])


def test_a_run_is_repeated_as_often_as_its_document_is_taken_each_time_in_another_epoch() -> None:
    expected = [row | {"epoch": epoch} for row in runs().to_pylist() for epoch in range(copies(row))]
    assert TAKEN.repeated(runs()).to_pylist() == expected
    assert {row["epoch"] for row in expected} == {0, 1} and len({row["candidate"] for row in expected}) < 40


def test_whoever_takes_each_document_once_gets_all_of_them() -> None:
    once = replace(TAKEN, whole=[1, 1, 1], rates=[0.0] * 3)
    assert once.is_once and not TAKEN.is_once
    assert once.repeated(runs()).select(["split", "candidate", "lot"]).equals(runs())


@given(st.lists(st.floats(0, 1), max_size=5), st.integers(0, 39))
def test_digits_of_a_rate_tell_the_draws_below_it(rates: list[float], exact: int) -> None:
    draws, digits = uniform(pa.array(KEYS), "seed"), [hashlib.sha256(f"seed:{key}".encode()).hexdigest() for key in KEYS]
    drawn = float(draws[exact])
    for rate in (0.0, 1.0, np.nextafter(1.0, 0), drawn, np.nextafter(drawn, 0), np.nextafter(drawn, 1), *rates):
        assert [one < rate_digits(float(rate)) for one in digits] == (draws < rate).tolist()


def test_each_epoch_of_a_document_has_a_group_and_a_place_of_its_own() -> None:
    epochs = pa.array([0, 1] * 20, pa.int32())
    found = Order(5, "order").placed(runs().append_column("epoch", epochs))
    names = pa.array([key if epoch == 0 else f"{key} {epoch}" for key, epoch in zip(KEYS, epochs.to_pylist(), strict=True)])
    assert found.column("hash_group").to_pylist() == hash_group(names, 5, "order group").tolist()
    assert np.array_equal(found.column("place"), uniform(names, "order"))
