"""The rules of a policy, against a plain reading of them row by row."""

import dataclasses

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.decide.policy import Policy, with_changes
from jobs.decide.profiles import PROFILES
from jobs.decide.rules import REASONS, judge
from jobs.runtime.errors import UsageError
from schemas.decide import FEATURES

numbers = st.one_of(st.none(), st.integers(0, 200))
shares = st.one_of(st.none(), st.sampled_from([0.0, 0.01, 0.2, 1.0]))
occurrences = st.fixed_dictionaries(
    {
        "repository": st.just("r"),
        "path": st.sampled_from(["a", "b"]),
        "language": st.sampled_from([None, "C", "Python"]),
        "licence": st.none(),
        **{name: numbers for name in ("stars", "forks", "commits", "maintained_days")},
        "syntax_status": st.sampled_from([None, "parsed", "timeout", "no_grammar"]),
        "error_bytes_share": shares,
        "syntax_flaw_count": st.sampled_from([None, 0, 1]),
        "comment_share": shares,
    }
)
candidates = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["file", "repository"]),
        "candidate": st.just("k"),
        "size_bytes": st.sampled_from([0, 1, 5000, 1 << 21]),
        "token_estimate": st.just(1),
        "has_text_facts": st.booleans(),
        "line_count": numbers,
        "longest_line_bytes": st.sampled_from([None, 10, 200_000]),
        "alphanumeric_share": shares,
        "has_generated_mark": st.sampled_from([None, True, False]),
        "duplicate_group": st.sampled_from([None, 1]),
        "duplicate_group_size": st.sampled_from([None, 1, 2]),
        "benchmark_count": st.sampled_from([0, 1]),
        "contamination_count": st.sampled_from([None, 0, 3]),
        "is_held_out": st.booleans(),
        "occurrence_count": st.just(1),
        "occurrences": st.lists(occurrences, min_size=1, max_size=3),
    }
)
policies = st.builds(
    Policy,
    name=st.just("p"),
    min_stars=st.sampled_from([None, 100]),
    keep_unknown_repository_facts=st.booleans(),
    languages=st.sampled_from([(), ("C",)]),
    max_error_share=st.sampled_from([None, 0.0, 0.1]),
    max_error_share_by_language=st.sampled_from([(), (("C", 0.2),)]),
    keep_without_grammar=st.booleans(),
    min_size_bytes=st.sampled_from([None, 1]),
    keep_generated=st.booleans(),
    deduplicate=st.booleans(),
    drop_contaminated=st.booleans(),
)


def plain_occurrence(policy, kind, o):
    """Reasons of one occurrence, read from the policy's words."""
    found = set()
    limits = {"few_stars": ("stars", policy.min_stars), "few_forks": ("forks", policy.min_forks)}
    limits |= {"few_commits": ("commits", policy.min_commits), "short_maintenance": ("maintained_days", policy.min_maintained_days)}
    for reason, (name, limit) in limits.items():
        if limit is not None and (not policy.keep_unknown_repository_facts if o[name] is None else o[name] < limit):
            found.add(reason)
    if kind == "repository":
        return found
    if o["language"] is None:
        found.add("unknown_language")
    elif policy.languages and o["language"] not in policy.languages:
        found.add("language_not_wanted")
    if o["language"] is not None and o["syntax_status"] is None:
        found.add("not_evaluated")
    if o["syntax_status"] in ("timeout", "crashed", "too_large"):
        found.add("parser_failed")
    if o["syntax_status"] == "no_grammar" and not policy.keep_without_grammar:
        found.add("no_grammar")
    limit = dict(policy.max_error_share_by_language).get(o["language"], policy.max_error_share)
    if policy.max_error_share is not None and o["error_bytes_share"] is not None and o["error_bytes_share"] > limit:
        found.add("syntax_errors")
    if policy.max_error_share is not None and limit == 0 and o["syntax_flaw_count"]:
        found.add("syntax_errors")
    return found


def plain(policy, c):
    found = next((reasons for o in c["occurrences"] if not (reasons := plain_occurrence(policy, c["kind"], o))), None)
    found = set(plain_occurrence(policy, c["kind"], c["occurrences"][0]) if found is None else found)
    if policy.deduplicate and c["duplicate_group"] is None:
        found.add("not_evaluated")
    if policy.min_size_bytes is not None and c["size_bytes"] < policy.min_size_bytes:
        found.add("empty")
    if c["kind"] == "repository":
        return sorted(found)
    if policy.max_size_bytes is not None and c["size_bytes"] > policy.max_size_bytes:
        found.add("too_long")
    if policy.max_longest_line_bytes is not None and (c["longest_line_bytes"] or 0) > policy.max_longest_line_bytes:
        found.add("long_line")
    share = c["alphanumeric_share"]
    if policy.min_alphanumeric_share is not None and share is not None and share < policy.min_alphanumeric_share:
        found.add("few_alphanumerics")
    if not policy.keep_generated and c["has_generated_mark"]:
        found.add("generated")
    if policy.drop_contaminated and not c["is_held_out"]:
        if c["contamination_count"] is None:
            found |= {"not_evaluated"} if c["benchmark_count"] else set()
        elif c["contamination_count"]:
            found.add("contaminated")
    if not c["has_text_facts"]:
        found.add("not_evaluated")
    return sorted(found)


@settings(max_examples=300, deadline=None)
@given(policies, st.lists(candidates, max_size=6))
def test_verdicts_are_those_of_a_plain_reading(policy, rows):
    batch = pa.RecordBatch.from_pylist(rows, schema=FEATURES.arrow_schema)
    verdicts = judge(policy, batch)
    assert verdicts.reasons.to_pylist() == [plain(policy, row) for row in rows]
    flat = [o for row in rows for o in row["occurrences"]]
    for row, picked in zip(rows, verdicts.picked, strict=True):
        passing = [o for o in row["occurrences"] if not plain_occurrence(policy, row["kind"], o)]
        assert flat[picked] == (passing or row["occurrences"])[0]


@given(policies, st.lists(candidates, min_size=2, max_size=6))
@settings(max_examples=50, deadline=None)
def test_a_slice_is_judged_like_its_rows_alone(policy, rows):
    batch = pa.RecordBatch.from_pylist(rows, schema=FEATURES.arrow_schema)
    assert judge(policy, batch.slice(1)).reasons.to_pylist() == judge(policy, batch).reasons.to_pylist()[1:]


def test_every_reason_has_a_meaning():
    assert all(REASONS.values())


def test_a_changed_value_changes_the_hash_and_nothing_else_does():
    paper = PROFILES["paper"]
    assert dataclasses.replace(paper).hash == paper.hash
    assert dataclasses.replace(paper, min_stars=99).hash != paper.hash


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        (("min_stars", "5"), "min_stars", 5),
        (("min_stars", "none"), "min_stars", None),
        (("max_error_share", "0.5"), "max_error_share", 0.5),
        (("keep_generated", "yes"), "keep_generated", True),
        (("languages", "C,Go"), "languages", ("C", "Go")),
        (("survivor_order", "stars,path_length"), "survivor_order", ("stars", "path_length")),
        (("max_error_share.Rust", "0.3"), "max_error_share_by_language", (("Rust", 0.3),)),
    ],
)
def test_a_policy_is_changed_as_a_command_line_says(change, field, value):
    assert getattr(with_changes(Policy("p"), dict([change])), field) == value


@pytest.mark.parametrize(
    "change",
    [
        ("min_starz", "5"),
        ("min_stars", "many"),
        ("keep_generated", "perhaps"),
        ("survivor_order", "age"),
        ("max_error_share", "nan"),
        ("max_containment", "nan"),
        ("max_error_share.Rust", "nan"),
        ("max_error_share.rust", "0.3"),
    ],
)
def test_a_change_that_makes_no_sense_says_what_was_expected(change):
    with pytest.raises(UsageError, match=r"It has|expected"):
        with_changes(Policy("p"), dict([change]))
