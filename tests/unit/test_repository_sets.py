"""Repositories as sets: the hash is that of the sorted keys, the signature that of the set, however the stream is cut."""

import hashlib

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from udfs.repository_sets import identities

SCHEMA = pa.schema([("repository", pa.string()), ("content_count", pa.int64()), ("content_hash", pa.string()), ("signature", pa.binary())])
HASHES = 128


def key(number):
    return hashlib.sha256(str(number).encode()).hexdigest()


def rows_of(repositories, cut=10**6, hashes=HASHES):
    """identities of {name: {content number: group}}, read in batches of `cut` rows."""
    rows = sorted((name, key(number), group) for name, held in repositories.items() for number, group in held.items())
    names, keys, groups = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    table = pa.table(
        {
            "repository": pa.array(names, pa.string()),
            "content_sha256": pa.array(keys, pa.string()),
            "group_id": pa.array(groups, pa.int64()),
        }
    )
    found = list(identities(table.to_batches(max_chunksize=cut), hashes, SCHEMA))
    return pa.Table.from_batches(found, SCHEMA).to_pylist()


repositories = st.dictionaries(
    st.text(min_size=1, max_size=3),
    st.dictionaries(st.integers(0, 20), st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=6),
    max_size=5,
)


@given(repositories, st.integers(1, 7))
def test_each_repository_has_one_row_however_the_stream_is_cut(held, cut):
    found = rows_of(held, cut, 16)
    assert [row["repository"] for row in found] == sorted(held)
    assert [row["content_count"] for row in found] == [len(held[name]) for name in sorted(held)]
    for row in found:
        keys = "".join(sorted(key(number) for number in held[row["repository"]]))
        assert row["content_hash"] == hashlib.sha256(keys.encode()).hexdigest()
        assert row["signature"] == rows_of({"alone": held[row["repository"]]}, hashes=16)[0]["signature"]


def test_the_signature_depends_on_the_groups_alone():
    one, other = rows_of({"a": {1: 5, 2: 6, 3: 6}, "b": {7: 6, 8: 5}})
    assert one["signature"] == other["signature"]
    assert one["content_hash"] != other["content_hash"]


def test_agreement_estimates_the_similarity_of_the_sets_without_bias():
    draw = np.random.default_rng(7)
    for shared, alone in ((80, 10), (50, 25), (10, 45)):
        errors = []
        for _ in range(200):
            groups = draw.integers(-(2**63), 2**63 - 1, shared + 2 * alone).tolist()
            held = {"a": dict(enumerate(groups[: shared + alone])), "b": dict(enumerate(groups[:shared] + groups[shared + alone :]))}
            one, other = (np.frombuffer(row["signature"], "<u4") for row in rows_of(held))
            errors.append((one == other).mean() - shared / (shared + 2 * alone))
        jaccard = shared / (shared + 2 * alone)
        theory = (jaccard * (1 - jaccard) / HASHES) ** 0.5
        assert abs(np.mean(errors)) < 4 * theory / 200**0.5
        assert np.std(errors) < 1.15 * theory
