"""Verdicts by Spark, and what-if without it, over features made at random: the same, with one survivor a group and no circle."""

import random
from collections import Counter

import pytest

from jobs.commands.tallies import scored_by, tally
from jobs.decide import gates, verdicts
from jobs.decide.policy import with_changes
from jobs.decide.profiles import PolicyParams, profile
from jobs.decide.survivors import CONTAINED, GROUPS_OF, NEAR_DUPLICATE, OF_HELD_OUT
from jobs.decide.verdicts import VerdictsParams
from jobs.runtime.errors import CodemillError, CountsError, UsageError
from schemas.annotate import SCORES
from schemas.decide import CUTS, DROPPED, FEATURES, KEPT
from tests.job_runs import run_job
from tests.table_rows import put_rows

NOT_FINITE = object()
CHANGES = ("min_stars=2", "min_forks=none")


def candidate(draw, kind, number, groups):
    """A candidate of one of `groups` groups."""
    group = draw.randrange(groups)
    known = {"licence": draw.choice([None, "MIT"]), "stars": draw.choice([None, 1, 5]), "language": "C", "syntax_status": "parsed"}
    row = {
        "kind": kind,
        "candidate": f"host:{'long' * 30}-{number}" if kind == "repository" else f"{number + 1000 * (kind == 'page'):064x}",
        "size_bytes": draw.randrange(1, 9),
        "token_estimate": 1,
        "has_text_facts": True,
        "alphanumeric_share": 0.9,
        "has_generated_mark": False,
        "duplicate_group": group,
        "duplicate_group_size": 2,
        "benchmark_count": 0,
        "is_held_out": draw.random() < 0.1,
        "occurrence_count": 1,
        "occurrences": [known | {"repository": f"r{number}", "path": "p", "error_bytes_share": 0.0, "syntax_flaw_count": 0}],
    }
    if kind == "page":
        row |= {"word_count": 100, "link_share": 0.0, "has_code_tags": True}
    return row


def decide(tables, changes=(), **params):
    run_job(tables, gates, PolicyParams(policy=changes))
    run_job(tables, verdicts, VerdictsParams(policy=changes, **params))


def made_at_random(seed):
    """A repository lies in one of a group of a greater number."""
    draw = random.Random(seed)
    rows = [candidate(draw, kind, number, 25) for kind in ("file", "page", "repository") for number in range(60)]
    repositories = [row for row in rows if row["kind"] == "repository"]
    for row in repositories:
        larger = [found for found in repositories if found["duplicate_group"] > row["duplicate_group"]]
        if larger:
            found = draw.choice(larger)
            row |= {"container": found["candidate"], "container_group": found["duplicate_group"]}
            row["containment"] = draw.choice([0.6, 0.95, 1.0])
    return rows


def put(tables, rows):
    put_rows(tables.lake, FEATURES, rows)


@pytest.mark.parametrize("seed", [3, 5])
def test_every_group_keeps_what_what_if_foresees(tables, seed):
    rows = made_at_random(seed)
    put(tables, rows)
    foreseen = tally(tables.lake, profile("demo"), with_changes(profile("demo"), dict(change.split("=") for change in CHANGES)))
    decide(tables, CHANGES)

    kept, dropped = tables[KEPT].collect(), tables[DROPPED].collect()
    assert len(kept) + len(dropped) == len(rows)
    facts = {(row["kind"], row["candidate"]): row for row in rows}
    for kind in ("file", "page", "repository"):
        after = foreseen[kind][1]
        assert after.kept == sum(row.kind == kind for row in kept)
        assert after.dropped == Counter(reason for row in dropped if row.kind == kind for reason in row.reasons)
    for kinds in (("file", "page"), ("repository",)):
        winners = [facts[row.kind, row.candidate]["duplicate_group"] for row in kept if row.kind in kinds]
        assert len(winners) == len(set(winners)) > 5
    reasons = Counter(reason for row in dropped for reason in row.reasons)
    assert {NEAR_DUPLICATE, OF_HELD_OUT, CONTAINED, "few_stars"} <= set(reasons)

    reasons_of = {row.candidate: row.reasons for row in dropped if row.kind == "repository"}
    survivors = {(GROUPS_OF[row.kind], row.candidate): row.survivor for row in dropped}
    kept_names = {(GROUPS_OF[row.kind], row.candidate) for row in kept}
    for kind, name in [candidate for candidate, survivor in survivors.items() if survivor is not None]:
        while (kind, name) in survivors:  # the chain of survivors ends in one that is kept
            name = survivors[kind, name]
        assert (kind, name) in kept_names
    for row in dropped:
        assert (row.survivor is not None) == bool(set(row.reasons) & {NEAR_DUPLICATE, OF_HELD_OUT, CONTAINED})
        if row.reasons == [CONTAINED]:  # and what holds its files is kept, unless it is too near to what is held out
            found = facts[row.kind, row.candidate]
            assert found["containment"] > 0.9 and row.survivor == found["container"]
            assert ("repository", row.survivor) in kept_names or reasons_of[row.survivor] == [OF_HELD_OUT]


def test_without_deduplication_only_what_is_like_something_held_out_is_out_and_what_if_foresees_it(tables):
    put(tables, made_at_random(3))
    changes = (*CHANGES, "deduplicate=false")
    foreseen = tally(tables.lake, profile("demo"), with_changes(profile("demo"), dict(change.split("=") for change in changes)))
    decide(tables, changes)
    dropped = tables[DROPPED].collect()
    for kind in ("file", "page", "repository"):
        assert foreseen[kind][1].dropped == Counter(reason for row in dropped if row.kind == kind for reason in row.reasons)
    reasons = {reason for row in dropped for reason in row.reasons}
    assert OF_HELD_OUT in reasons and not reasons & {NEAR_DUPLICATE, CONTAINED}


def lake_with(tables, rows):
    """Features of files that pass every gate, one a key, and their scores by a scorer: `rows` is (language, percent, None where it has not
    seen the file, or NOT_FINITE)."""
    features, scores = [], []
    for number, (language, percent) in enumerate(rows):
        row = candidate(random.Random(number), "file", number, 1) | {"duplicate_group": number, "duplicate_group_size": 1}
        known = {"repository": "r", "path": "p", "language": language, "syntax_status": "parsed", "syntax_flaw_count": 0}
        row["occurrences"] = [known | {"error_bytes_share": 0.0}]
        features.append(row)
        if percent is not None:
            known = {"score_percent": None if percent is NOT_FINITE else percent, "token_count": 1}
            scores.append(known | {"content_sha256": row["candidate"], "version": "s1"})
    put_rows(tables.lake, FEATURES, features)
    held = set(tables.lake.read(SCORES, ["content_sha256"]).column(0).to_pylist())
    found = [row | {"is_truncated": False} for row in scores if row["content_sha256"] not in held]
    put_rows(tables.lake, SCORES, found, "append")


def outcome(tables):
    dropped = {int(row.candidate, 16): row.reasons for row in tables[DROPPED].collect()}
    return dropped | {int(row.candidate, 16): [] for row in tables[KEPT].collect()}


def test_a_cut_is_frozen_and_new_files_are_judged_by_it(tables):
    lake_with(tables, [("C", percent) for percent in range(40, 60)])
    decide(tables, ("drop_worst=0.25",))
    assert outcome(tables) == {number: ["low_score"] if number < 5 else [] for number in range(20)}
    lake_with(tables, [("C", percent) for percent in range(40, 60)] + [("C", 44), ("C", 45), ("Java", 46), ("C", None)])
    decide(tables, ("drop_worst=0.25",))
    new = outcome(tables)
    assert [new[number] for number in (20, 21, 22, 23)] == [["low_score"], [], [], ["not_scored"]]
    with pytest.raises(CodemillError, match="1 of 24 files that pass the gates have no score"):
        decide(tables, ("drop_worst=0.25",), new_cut=True)
    lake_with(tables, [("C", percent) for percent in range(40, 60)] + [("C", 99)] * 20)
    decide(tables, ("drop_worst=0.25",), new_cut=True)
    assert sum(reasons == ["low_score"] for reasons in outcome(tables).values()) == 10
    (cut,) = tables.lake.read(CUTS).to_pylist()
    assert (cut["min_score_percent"], cut["file_count"], cut["below_count"]) == (47, 40, 10)  # two more at 44, 45 and 46, from before


def test_a_file_without_a_finite_score_is_out_and_keeps_nothing_waiting(tables):
    lake_with(tables, [("C", percent) for percent in range(40, 60)] + [("C", NOT_FINITE), ("Java", NOT_FINITE)])
    changed = with_changes(profile("demo"), {"drop_worst": "0.25"})
    foreseen = tally(tables.lake, profile("demo"), changed, {"file": scored_by(tables.lake, "")})["file"][1]
    decide(tables, ("drop_worst=0.25",))
    expected = {number: ["low_score"] if number < 5 else [] for number in range(20)} | {20: ["score_not_finite"], 21: ["score_not_finite"]}
    assert outcome(tables) == expected
    assert (foreseen.kept, foreseen.dropped) == (15, {"low_score": 5, "score_not_finite": 2})
    (cut,) = tables.lake.read(CUTS).to_pylist()
    assert (cut["min_score_percent"], cut["file_count"], cut["below_count"]) == (45, 20, 5)


def test_languages_have_their_own_cut_where_they_have_files_enough(tables):
    rows = [("C", number % 50) for number in range(200)] + [("Java", 50 + number % 50) for number in range(200)] + [("R", 5), ("R", 60)]
    lake_with(tables, rows)
    decide(tables, ("drop_worst=0.5", "drop_worst_per_language=true"))
    cuts = {row["language"]: row["min_score_percent"] for row in tables.lake.read(CUTS).to_pylist()}
    assert cuts == {"C": 25, "Java": 75, "": 50}
    expected = {number: ["low_score"] if percent < cuts.get(language, 50) else [] for number, (language, percent) in enumerate(rows)}
    assert outcome(tables) == expected
    foreseen = tally(
        tables.lake, profile("demo"), with_changes(profile("demo"), {"min_score_percent": "10"}), {"file": scored_by(tables.lake, "")}
    )["file"]
    assert (foreseen[0].dropped["low_score"], foreseen[1].dropped["low_score"]) == (41, 41)  # a cut at 10 %, twice: the worst tenth
    decide(tables, ("drop_worst=none", "min_score_percent=7"))
    assert {number for number, reasons in outcome(tables).items() if reasons} == {n for n, (_, percent) in enumerate(rows) if percent < 7}


def test_without_a_scorer_quality_is_not_asked(tables):
    lake_with(tables, [("C", 1), ("C", None)])
    decide(tables, scorer="none")
    assert outcome(tables) == {0: [], 1: []}
    assert {(row.scorer, row.score_percent) for row in tables[KEPT].collect()} == {(None, None)}


def test_what_does_not_fit_the_gates_is_refused(tables):
    lake_with(tables, [("C", 1)])
    decide(tables, scorer="none")
    with pytest.raises(CodemillError, match="were decided by other values"):
        list(verdicts.transform(tables, VerdictsParams(policy=("min_stars=7",))))
    with pytest.raises(UsageError, match="and not abc"):
        VerdictsParams(policy_hash="abc").checked()
    with pytest.raises(UsageError, match="holds scores of files by s1"):
        list(verdicts.transform(tables, VerdictsParams(scorer="s2")))
    lake_with(tables, [("C", 1), ("C", 2)])
    with pytest.raises(CountsError, match="2 candidates, but 1 went through the gates"):
        list(verdicts.transform(tables, VerdictsParams()))
