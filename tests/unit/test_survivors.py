"""The survivor of a group is the least of a total order, whatever the order of the rows."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.commands.tallies import Tally, settle
from jobs.decide.policy import SURVIVOR_ORDERS, Policy
from jobs.decide.survivors import CONTAINED, NEAR_DUPLICATE, OF_HELD_OUT, ORDERS, lie_in_winners, ranks, reasons_of
from schemas.decide import FEATURES, OCCURRENCE

POLICY = Policy("p", None, None, None, None, keep_unknown_repository_facts=True)
facts = st.one_of(st.none(), st.integers(0, 3))
members = st.lists(
    st.fixed_dictionaries(
        {"licence": st.sampled_from([None, "MIT"]), "stars": facts, "maintained_days": facts, "path": st.sampled_from(["a.c", "b/a.c"])}
    ),
    min_size=1,
    max_size=6,
)


def features(rows, held_out=frozenset(), group=7):
    filled = [
        {
            "kind": "file",
            "candidate": f"{place:064x}",
            "size_bytes": 100 + place,
            "token_estimate": 1,
            "has_text_facts": True,
            "longest_line_bytes": 10,
            "alphanumeric_share": 0.9,
            "has_generated_mark": False,
            "duplicate_group": group,
            "duplicate_group_size": len(rows),
            "benchmark_count": 0,
            "is_held_out": place in held_out,
            "occurrence_count": 1,
            "occurrences": [{"repository": "r", "language": "C", "syntax_status": "parsed", "error_bytes_share": 0.0} | row],
        }
        for place, row in enumerate(rows)
    ]
    return pa.RecordBatch.from_pylist(filled, schema=FEATURES.arrow_schema)


def ranked(policy, batch):
    picked = pa.array([row["occurrences"][0] for row in batch.to_pylist()], OCCURRENCE)
    return ranks(policy, batch, picked, np.ones(batch.num_rows, bool)).to_pylist()


@given(members)
def test_licence_then_stars_then_days_then_a_short_path_then_the_key_decide(rows):
    def plain(place):
        row = rows[place]
        unknown = 10**9
        descending = [unknown if row[n] is None else -row[n] for n in ("stars", "maintained_days")]
        return (row["licence"] is None, *descending, len(row["path"]), -place)  # the last place is the largest

    found = ranked(POLICY, features(rows))
    if len(rows) == 1:
        assert found == [None]
        return
    assert sorted(range(len(rows)), key=lambda place: found[place]) == sorted(range(len(rows)), key=plain)
    assert len({len(rank) for rank in found}) == 1
    assert min(found)[-64:] == f"{min(range(len(rows)), key=plain):064x}"


def test_every_name_that_a_policy_may_use_is_an_order():
    assert tuple(ORDERS) == SURVIVOR_ORDERS


def test_held_out_members_come_first_and_their_likes_say_so():
    rows = [{"licence": "MIT", "stars": 900, "path": "a"}, {"licence": None, "stars": None, "path": "b"}]
    found = ranked(POLICY, features(rows, held_out={1}))
    assert min(found) == found[1]
    nobody = pa.nulls(2, pa.string())
    in_none = pa.array([False, False])
    assert reasons_of(pa.array(found), pa.array([found[1]] * 2), nobody, in_none).to_pylist() == [OF_HELD_OUT, None]
    assert reasons_of(pa.array(found), pa.array([found[0]] * 2), nobody, in_none).to_pylist() == [None, NEAR_DUPLICATE]


@pytest.mark.parametrize(
    ("rank", "best", "container_best", "expected"),
    [
        ("10:a", "10:a", None, None),
        ("10:a", "10:a", "10:c", CONTAINED),
        ("10:a", "10:a", "10:other:c", None),  # another member of the container's group is kept: it may lack what lies in c
        ("10:b", "10:a", "10:c", NEAR_DUPLICATE),
        ("10:a", "10:a", "00:c", OF_HELD_OUT),
        ("10:a", "10:a", "00:other:c", OF_HELD_OUT),
        ("00:a", "00:a", "10:c", None),
        ("00:a", "00:a", "00:c", CONTAINED),
        ("00:b", "00:a", "10:c", NEAR_DUPLICATE),
        ("10:b", "00:a", "10:c", OF_HELD_OUT),
        ("1:", "1:", "1:", None),  # without deduplication ranks name nobody
        ("1:", "1:", "0:", OF_HELD_OUT),
        ("0:", "0:", "0:", None),
        ("0:", "0:", "1:", None),
    ],
)
def test_who_wins_its_group_is_out_where_its_container_wins_its_own(rank, best, container_best, expected):
    rank, best, container_best = (pa.array([value], pa.string()) for value in (rank, best, container_best))
    is_contained = lie_in_winners(rank, pa.array(["c"]), container_best)
    assert reasons_of(rank, best, container_best, is_contained).to_pylist() == [expected]


def contained(*places):
    """Repositories that each are a group of their own, by (name, container)."""
    rows = features([{"path": ""}] * len(places)).to_pylist()
    group_of = {name: number for number, (name, _) in enumerate(places)}
    for row, (name, container) in zip(rows, places, strict=True):
        row |= {"kind": "repository", "candidate": name, "duplicate_group": group_of[name], "duplicate_group_size": 1}
        row |= {"container": container, "container_group": group_of.get(container), "containment": 0.95 if container else None}
    return pa.RecordBatch.from_pylist(rows, schema=FEATURES.arrow_schema)


def test_who_lies_in_what_lies_in_another_stays_since_that_one_may_lack_it():
    tally = Tally()
    tally.add(POLICY, contained(("inner", "middle"), ("middle", "outer"), ("outer", None)))
    settle([tally])
    tally.judge_quality(POLICY, None)
    assert (tally.kept, tally.dropped) == (2, {CONTAINED: 1})


def test_who_fails_a_rule_or_has_no_company_does_not_compete():
    batch = features([{"path": "a"}, {"path": "b"}])
    picked = pa.array([row["occurrences"][0] for row in batch.to_pylist()], OCCURRENCE)
    assert ranks(POLICY, batch, picked, np.array([True, False])).to_pylist()[1] is None


def test_without_deduplication_what_is_like_something_held_out_is_out_all_the_same():
    found = pa.array(ranked(Policy("p", deduplicate=False), features([{"path": "a"}, {"path": "b"}, {"path": "c"}], frozenset({1}))))
    best = pa.array([min(found.to_pylist())] * 3)
    in_none = pa.array([False] * 3)
    assert reasons_of(found, best, pa.nulls(3, pa.string()), in_none).to_pylist() == [OF_HELD_OUT, None, OF_HELD_OUT]
    alike = pa.array(ranked(Policy("p", deduplicate=False), features([{"path": "a"}, {"path": "b"}])))
    assert reasons_of(alike, pa.array([min(alike.to_pylist())] * 2), pa.nulls(2, pa.string()), in_none[:2]).to_pylist() == [None, None]


def test_of_a_file_and_a_page_of_one_text_the_file_is_kept():
    file = features([{"path": "a"}])
    page = file.set_column(0, "kind", pa.array(["page"]))
    both = [
        batch.set_column(batch.schema.get_field_index("duplicate_group_size"), "duplicate_group_size", pa.array([2]))
        for batch in (page, file)
    ]
    page_rank, file_rank = (ranked(POLICY, batch)[0] for batch in both)
    assert file_rank < page_rank
    assert page_rank.partition(":")[2] == file_rank.partition(":")[2] == f"{0:064x}"


@given(members, st.integers(1, 5))
def test_what_if_keeps_one_of_a_group_however_the_candidates_come(rows, cut):
    tally = Tally()
    whole = features(rows)
    for part in (whole.slice(0, cut), whole.slice(cut)):
        if part.num_rows:
            tally.add(POLICY, part)
    settle([tally])
    tally.judge_quality(POLICY, None)
    assert tally.kept == 1
    assert tally.dropped.total() == len(rows) - 1 == tally.dropped[NEAR_DUPLICATE]


def test_repositories_that_were_not_compared_are_no_group_to_what_if() -> None:
    """Where the policy does not deduplicate they pass, also beside one that is held out; as `decide.gates` has it."""
    batch = features([{"path": ""}, {"path": ""}], frozenset({1}), group=None)
    batch = batch.set_column(0, "kind", pa.array(["repository"] * 2))
    tally = Tally()
    policy = Policy("p", deduplicate=False, keep_unknown_repository_facts=True)
    tally.add(policy, batch)
    settle([tally])
    tally.judge_quality(policy, None)
    assert tally.kept == 2
