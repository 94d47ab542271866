"""Verdicts by Spark, and what-if without it, over features made at random: the same, with one survivor a group and no circle."""

import random
from collections import Counter

import pytest

from jobs.commands.what_if import tally
from jobs.decide import verdicts
from jobs.decide.policy import with_changes
from jobs.decide.profiles import profile
from jobs.decide.survivors import CONTAINED, NEAR_DUPLICATE, OF_HELD_OUT
from jobs.decide.verdicts import VerdictsParams
from schemas.decide import DROPPED, FEATURES, KEPT
from schemas.spark import spark_schema

CHANGES = ("min_stars=2", "min_forks=none")


def candidate(draw, kind, number, groups):
    """A candidate of one of `groups` groups; a repository may lie in a group of a greater number."""
    group = draw.randrange(groups)
    container = draw.randrange(group, groups)
    known = {"licence": draw.choice([None, "MIT"]), "stars": draw.choice([None, 1, 5]), "language": "C", "syntax_status": "parsed"}
    row = {
        "kind": kind,
        "candidate": f"{number:064x}" if kind == "file" else f"host:{'long' * 30}-{number}",
        "size_bytes": draw.randrange(1, 9),
        "token_estimate": 1,
        "has_text_facts": True,
        "alphanumeric_share": 0.9,
        "has_generated_mark": False,
        "duplicate_group": group,
        "duplicate_group_size": 2,
        "is_held_out": draw.random() < 0.1,
        "occurrence_count": 1,
        "occurrences": [known | {"repository": f"r{number}", "path": "p", "error_bytes_share": 0.0, "syntax_flaw_count": 0}],
    }
    if kind == "repository" and container != group:
        row |= {"container_group": container, "containment": draw.choice([0.6, 0.95, 1.0])}
    return row


@pytest.mark.parametrize("seed", [1, 2])
def test_every_group_keeps_what_what_if_foresees(tables, seed):
    draw = random.Random(seed)
    rows = [candidate(draw, kind, number, 25) for kind in ("file", "repository") for number in range(60)]
    schema = spark_schema(FEATURES)
    occurrence = schema["occurrences"].dataType.elementType.names
    for row in rows:
        row["occurrences"] = [tuple(o.get(name) for name in occurrence) for o in row["occurrences"]]
    made = tables.spark.createDataFrame([tuple(row.get(name) for name in schema.names) for row in rows], schema)
    made.write.format("delta").save(tables.lake.spark_path(FEATURES.name))
    foreseen = tally(tables.lake, profile("demo"), with_changes(profile("demo"), dict(change.split("=") for change in CHANGES)))
    for write in verdicts.transform(tables, VerdictsParams(policy=CHANGES)):
        tables.apply(write)

    kept, dropped = tables[KEPT].collect(), tables[DROPPED].collect()
    assert len(kept) + len(dropped) == len(rows)
    facts = {(row["kind"], row["candidate"]): row for row in rows}
    for kind in ("file", "repository"):
        after = foreseen[kind][1]
        assert after.kept == sum(row.kind == kind for row in kept)
        assert after.dropped == Counter(reason for row in dropped if row.kind == kind for reason in row.reasons)
        winners = [facts[kind, row.candidate]["duplicate_group"] for row in kept if row.kind == kind]
        assert len(winners) == len(set(winners)) > 10
    reasons = Counter(reason for row in dropped for reason in row.reasons)
    assert {NEAR_DUPLICATE, OF_HELD_OUT, CONTAINED, "few_stars"} <= set(reasons)

    survivors = {(row.kind, row.candidate): row.survivor for row in dropped}
    kept_names = {(row.kind, row.candidate) for row in kept}
    for kind, name in [candidate for candidate, survivor in survivors.items() if survivor is not None]:
        while (kind, name) in survivors:  # the chain of survivors ends in one that is kept
            name = survivors[kind, name]
        assert (kind, name) in kept_names
    for row in dropped:
        assert (row.survivor is not None) == bool(set(row.reasons) & {NEAR_DUPLICATE, OF_HELD_OUT, CONTAINED})
        if row.reasons == [CONTAINED]:
            assert facts[row.kind, row.candidate]["containment"] > 0.9
