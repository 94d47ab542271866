"""Similarities out of the tables of an earlier run: known is what has the same version and the same texts."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.annotate.known_similarities import known_similarities, least_contents
from schemas.annotate import DUPLICATE_PAIRS, DUPLICATES
from schemas.lake import Lake
from tests.table_rows import empty_row, put_rows

NODES = st.integers(-1, 1)
TEXTS = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.none() | NODES), unique_by=lambda text: text[0])
PAIRS = st.dictionaries(
    st.tuples(NODES, NODES).filter(lambda pair: pair[0] < pair[1]), st.tuples(st.sampled_from([0.1, 0.7]), st.booleans())
)


def least_of(texts: list[tuple[str, int | None]]) -> dict[int, str]:
    """The least content of each node, one by one."""
    return {node: min(text for text, of in texts if of == node) for node in sorted({of for _, of in texts if of is not None})}


def rows_of(texts: list[tuple[str, int | None]]) -> pa.Table:
    columns = {
        "content_sha256": pa.array([text for text, _ in texts], pa.string()),
        "node": pa.array([node for _, node in texts], pa.int64()),
    }
    return pa.table(columns)


@given(TEXTS, st.sets(NODES))
def test_the_least_content_of_each_node_that_has_one(texts: list[tuple[str, int | None]], nodes: set[int]) -> None:
    found = least_contents(rows_of(texts), np.array(sorted(nodes), np.int64))
    assert dict(zip(found["node"].to_pylist(), found["content_sha256"].to_pylist(), strict=True)) == {
        node: text for node, text in least_of(texts).items() if node in nodes
    }
    assert found["node"].to_pylist() == sorted(found["node"].to_pylist())


@given(then=TEXTS, changed=TEXTS, pairs=PAIRS, data=st.data())
@settings(max_examples=100, deadline=None)
def test_known_is_what_was_compared_of_the_same_texts(  # type: ignore[no-untyped-def]
    tmp_path_factory: pytest.TempPathFactory, then, changed, pairs, data
) -> None:
    lake = Lake.at(str(tmp_path_factory.mktemp("lake") / "lake"))
    lake.create()
    now = [*(dict(then) | dict(changed)).items()]
    was, least = least_of([text for text in then if text[1] is not None]), least_of(now)
    pairs = {pair: found for pair, found in pairs.items() if {*pair} <= was.keys()}
    rows = [empty_row(DUPLICATES) | {"content_sha256": text, "node": node, "version": "v"} for text, node in then if node is not None]
    put_rows(lake, DUPLICATES, rows)
    held = [{"a": a, "b": b, "version": "v", "similarity": s, "is_true": is_true} for (a, b), (s, is_true) in pairs.items()]
    held += [row | {"version": "w", "similarity": 0.5, "is_true": True} for row in held]
    put_rows(lake, DUPLICATE_PAIRS, [empty_row(DUPLICATE_PAIRS) | row for row in held])
    nodes = [*least]
    wanted = data.draw(st.lists(st.tuples(st.sampled_from(nodes), st.sampled_from(nodes)))) if nodes else []
    one, other = (np.searchsorted(nodes, [pair[end] for pair in wanted]).astype(np.int64) for end in (0, 1))
    least_now = least_contents(rows_of(now), np.array(nodes, np.int64))
    found = known_similarities(lake, "v", least_now, one, other)
    for pair, similarity in zip(wanted, found.tolist(), strict=True):
        is_known = pairs.get(pair, (0, False))[1] and all(was[node] == least[node] for node in pair)
        assert (similarity == pairs[pair][0]) if is_known else np.isnan(similarity)
    assert np.isnan(known_similarities(lake, "w", least_now, one, other)).all()


def test_of_a_lake_without_groups_nothing_is_known(tmp_path) -> None:  # type: ignore[no-untyped-def]
    lake = Lake.at(str(tmp_path / "lake"))
    lake.create()
    least = least_contents(rows_of([("a", 1), ("b", 2)]), np.array([1, 2]))
    assert np.isnan(known_similarities(lake, "v", least, np.array([0]), np.array([1]))).all()
