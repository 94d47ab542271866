"""The facts of near-duplicates against counts that are made from the same rows without a query."""

import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from jobs.report.duplicate_groups import MOST_MEMBERS
from jobs.report.estimates import chance_below
from jobs.report.facts import ReportFacts, collect
from jobs.report.page import render
from jobs.report.tables import Missing
from schemas import ALL_TABLES
from tests.lake_builder import POLICY, LakeRows, lake_rows
from tests.lake_duplicates import PARAMS
from tests.source_files import standard_library, with_fork
from udfs import buckets

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def built() -> LakeRows:
    return lake_rows(with_fork(standard_library(250)))


@pytest.fixture(scope="module")
def rows(built: LakeRows) -> Rows:
    return built.rows


@pytest.fixture(scope="module")
def facts(built: LakeRows, tmp_path_factory: pytest.TempPathFactory) -> ReportFacts:
    return collect(str(built.write(tmp_path_factory.mktemp("duplicates") / "lake")))


def changed(built: LakeRows, tmp_path: Path, leave_out: tuple[str, ...] = (), **tables: list[dict[str, Any]]) -> ReportFacts:
    """Facts of the lake with other rows in these tables; a table's name is written with `_` for its first `/`."""
    names = {table.name.replace("/", "_", 1): table.name for table in ALL_TABLES}
    lake = LakeRows(built.rows | {names[name]: found for name, found in tables.items()})
    return collect(str(lake.write(tmp_path / "lake", leave_out)))


def test_the_input_is_worth_counting(rows: Rows) -> None:
    pairs = Counter((row["is_true"], row["is_duplicate"]) for row in rows["annotate/duplicate_pairs"])
    assert min(pairs[True, True], pairs[True, False], pairs[False, True]) >= 2
    assert sum("near_duplicate" in row["reasons"] for row in rows["decide/dropped"]) >= 10
    assert len({row["group_size"] for row in rows["annotate/duplicates"]}) >= 3


def test_every_group_is_in_the_class_of_its_size(rows: Rows, facts: ReportFacts) -> None:
    assert not isinstance(facts.groups, Missing)
    sizes = Counter(Counter(row["group_id"] for row in rows["annotate/duplicates"]).values())
    for one in facts.groups.sizes:
        inside = [size for size in sizes if one.least <= size <= (one.most or size)]
        assert (one.groups, one.contents) == (sum(sizes[s] for s in inside), sum(s * sizes[s] for s in inside))
    assert sum(one.contents for one in facts.groups.sizes) == len(rows["annotate/duplicates"])
    assert facts.groups.in_larger == sum(size * count for size, count in sizes.items() if size > 1) > 0


def test_members_are_classed_by_their_similarity_to_the_centre(rows: Rows, facts: ReportFacts) -> None:
    assert not isinstance(facts.groups, Missing)
    members = [row["centre_similarity"] for row in rows["annotate/duplicates"] if row["group_size"] > 1]
    assert list(facts.groups.centres) == [sum(min(9, int(s * 10 + 1e-9)) == step for s in members) for step in range(10)]
    assert facts.groups.far == sum(s < PARAMS.threshold for s in members)


def test_members_far_from_their_centre_are_counted(built: LakeRows, tmp_path: Path) -> None:
    far = [row | {"centre_similarity": 0.31} if row["group_size"] > 1 else row for row in built.rows["annotate/duplicates"]]
    groups = changed(built, tmp_path, annotate_duplicates=far).groups
    assert not isinstance(groups, Missing)
    assert groups.far == groups.centres[3] == groups.in_larger


def test_what_was_removed_is_by_language_and_repository(rows: Rows, facts: ReportFacts) -> None:
    assert not isinstance(facts.removed, Missing)
    near = [row for row in rows["decide/dropped"] if "near_duplicate" in row["reasons"]]
    every = rows["decide/dropped"] + rows["decide/kept"]
    for column, found in (("language", facts.removed.languages), ("repository", facts.removed.repositories)):
        names = Counter(row[column] or "none" for row in near)
        assert {one.name: one.removed for one in found} == names
        for one in found:
            assert one.candidates == sum((row[column] or "none") == one.name for row in every)
            assert one.removed_bytes == sum(row["size_bytes"] for row in near if (row[column] or "none") == one.name)
        assert [one.removed for one in found] == sorted(names.values(), reverse=True)
    assert (facts.removed.whole.removed, facts.removed.whole.candidates, facts.removed.of_held_out) == (len(near), len(every), 0)
    assert facts.removed.repository_count == len({row["repository"] for row in near})


def test_near_duplicates_of_what_is_held_out_are_removed_too(built: LakeRows, tmp_path: Path) -> None:
    dropped = built.rows["decide/dropped"]
    leak = next(row for row in dropped if row["reasons"] == ["near_duplicate"])
    others = [row for row in dropped if row is not leak]
    found = changed(built, tmp_path, decide_dropped=[*others, leak | {"reasons": ["near_duplicate_of_held_out"]}]).removed
    assert not isinstance(found, Missing)
    assert found.of_held_out == 1
    assert found.whole.removed == sum("near_duplicate" in row["reasons"] for row in dropped)


def test_repositories_and_other_policies_are_not_counted_as_removed(built: LakeRows, facts: ReportFacts, tmp_path: Path) -> None:
    row = next(row for row in built.rows["decide/dropped"] if row["reasons"] == ["near_duplicate"])
    others = [row | {"kind": "repository"}, row | {"policy": "zzz"}]
    kept = [built.rows["decide/kept"][0] | {"kind": "repository"}, built.rows["decide/kept"][0] | {"policy": "zzz"}]
    dropped, kept = built.rows["decide/dropped"] + others, built.rows["decide/kept"] + kept
    assert changed(built, tmp_path, decide_dropped=dropped, decide_kept=kept).removed == facts.removed


def test_pairs_are_counted_by_how_they_were_judged(rows: Rows, facts: ReportFacts) -> None:
    assert facts.pairs is not None and not isinstance(facts.pairs, Missing)
    pairs = rows["annotate/duplicate_pairs"]
    counts = Counter((row["is_true"], row["is_duplicate"]) for row in pairs)
    assert (facts.pairs.checked, facts.pairs.below) == (counts[True, True] + counts[True, False], counts[True, False])
    assert (facts.pairs.by_signature, facts.pairs.duplicates) == (counts[False, True], counts[True, True] + counts[False, True])
    for one in facts.pairs.classes:
        assert one.pairs == sum(one.least <= row["similarity"] + 1e-9 < one.least + 0.05 + (one.least > 0.94) for row in pairs), one
        assert one.expected >= one.pairs
    assert sum(one.pairs for one in facts.pairs.classes) == len(pairs)


def test_misses_are_what_every_found_pair_stands_for_beside_itself(rows: Rows, facts: ReportFacts) -> None:
    """(1 - c) / c for every pair, c its chance of being found; its true similarity is taken to lie up to 0.001 lower."""
    assert facts.pairs is not None and not isinstance(facts.pairs, Missing)

    def expected(lower: float) -> float:
        alike = np.array([row["similarity"] - lower * row["is_true"] for row in rows["annotate/duplicate_pairs"] if row["is_duplicate"]])
        chance = 1 - (1 - alike**5) ** 25
        return float(((1 - chance) / chance).sum())

    assert (PARAMS.target.banding.bands, PARAMS.target.banding.rows) == (25, 5)
    # A pair that is set aside is counted there, so that of the others up to 3 % fewer would have been found.
    assert expected(0) <= facts.pairs.never_met.value <= 1.03 * expected(0.001)


def test_pairs_set_aside_are_those_whose_hashes_would_agree_too_seldom(rows: Rows, facts: ReportFacts) -> None:
    assert facts.pairs is not None and not isinstance(facts.pairs, Missing)

    def expected(lower: float) -> float:
        alike = np.array([row["similarity"] - lower * row["is_true"] for row in rows["annotate/duplicate_pairs"] if row["is_duplicate"]])
        passes = binom.sf(PARAMS.target.low - 1, PARAMS.hashes, alike * 255 / 256 + 1 / 256)
        return float(((1 - passes) / passes).sum())

    assert expected(0) <= facts.pairs.set_aside.value <= expected(0.001)


def test_false_merges_are_told_from_the_edges_with_the_prior_of_the_checked_pairs(built: LakeRows, tmp_path: Path) -> None:
    def pair(b: int, similarity: float, is_true: bool, is_duplicate: bool) -> dict[str, Any]:
        version = built.rows["annotate/duplicates"][0]["version"]
        judged = {"similarity": similarity, "is_true": is_true, "is_duplicate": is_duplicate}
        return {"a": 0, "b": b, "version": version, "component_id": 0, **judged}

    estimate = float(buckets.similarity(np.array([PARAMS.target.high]), PARAMS.hashes)[0])
    accepted = [pair(b, estimate, False, True) for b in range(10)]
    checked = [pair(20 + b, 0.65, True, False) for b in range(5)] + [pair(30, 0.72, True, True), pair(31, 0.4, True, False)]
    found = changed(built, tmp_path, annotate_duplicate_pairs=accepted + checked).pairs
    assert found is not None and not isinstance(found, Missing)
    # Five below and one above the threshold, and near it; one of each is added.
    assert found.false_merges.value == pytest.approx(
        10 * chance_below(PARAMS.target.high, PARAMS.hashes, PARAMS.threshold, (5 + 1) / (1 + 1))
    )


def test_pairs_of_another_version_are_not_counted(built: LakeRows, facts: ReportFacts, tmp_path: Path) -> None:
    pairs = built.rows["annotate/duplicate_pairs"]
    assert changed(built, tmp_path, annotate_duplicate_pairs=[*pairs, *(row | {"version": "old"} for row in pairs)]).pairs == facts.pairs


def test_groups_of_the_version_with_fewer_rows_are_not_counted(built: LakeRows, facts: ReportFacts, tmp_path: Path) -> None:
    rows = built.rows["annotate/duplicates"]
    found = changed(built, tmp_path, annotate_duplicates=[*rows, *(row | {"version": "old"} for row in rows[1:])])
    assert (found.groups, found.largest) == (facts.groups, facts.largest)


def test_the_curve_is_that_of_the_banding_of_the_run(facts: ReportFacts) -> None:
    assert facts.pairs is not None and not isinstance(facts.pairs, Missing)
    assert facts.pairs.curve[0] == (0, 0) and facts.pairs.curve[-1] == (1, 1)
    assert facts.pairs.curve[70] == (0.7, pytest.approx(1 - (1 - 0.7**5) ** 25))
    assert facts.pairs.chance_at_threshold >= PARAMS.min_chance


@pytest.mark.parametrize(
    "parameters", ["{}", "not json", "[1]", '{"threshold": "x"}', '{"threshold": 0.8}', '{"hashes": 7}', '{"a": 1}', "null"]
)
def test_parameters_of_another_run_are_not_taken(built: LakeRows, tmp_path: Path, parameters: str) -> None:
    others = [row for row in built.rows["ledger"] if row["job"] != "annotate.duplicates"]
    own = next(row for row in built.rows["ledger"] if row["job"] == "annotate.duplicates")
    found = changed(built, tmp_path, ledger=[*others, own | {"parameters": parameters}])
    if parameters == "{}":  # the defaults, by name
        assert found.pairs is not None
        return
    assert found.pairs is None
    assert not isinstance(found.groups, Missing) and found.groups.grouping.params is None and found.groups.far is None
    assert "the mistakes are not known" in render(found)


def test_the_run_that_made_the_table_is_found_among_others(built: LakeRows, facts: ReportFacts, tmp_path: Path) -> None:
    own = next(row for row in built.rows["ledger"] if row["job"] == "annotate.duplicates")
    others = [own | {"parameters": json.dumps(json.loads(own["parameters"]) | {"min_chance": chance})} for chance in (0.5, 0.9999)]
    assert changed(built, tmp_path, ledger=[others[0], *built.rows["ledger"], others[1]]).pairs == facts.pairs
    assert changed(built, tmp_path / "without", ledger=others).pairs is None


def test_the_largest_groups_come_first_with_the_kept_member_on_the_left(rows: Rows, facts: ReportFacts) -> None:
    assert not isinstance(facts.largest, Missing)
    sizes = Counter(row["group_id"] for row in rows["annotate/duplicates"])
    group_of = {row["content_sha256"]: row["group_id"] for row in rows["annotate/duplicates"]}
    kept = {row["candidate"]: row for row in rows["decide/kept"]}
    assert [one.size for one in facts.largest] == sorted(sizes.values(), reverse=True)[: len(facts.largest)]
    assert any(one.is_kept for one in facts.largest)
    for one in facts.largest:
        assert one.other is not None and one.other.candidate != one.survivor.candidate
        assert group_of[one.survivor.candidate] == group_of[one.other.candidate]
        assert one.is_kept == any(group_of[key] == group_of[one.survivor.candidate] for key in kept)
        if one.is_kept:
            row = kept[one.survivor.candidate]
            assert (one.survivor.repository, one.survivor.path) == (row["repository"], row["path"])


def test_the_member_on_the_right_is_the_least_like_the_survivor(rows: Rows, facts: ReportFacts) -> None:
    assert not isinstance(facts.largest, Missing)
    signed = {r["content_sha256"]: np.frombuffer(r["signature"], "<u4") for r in rows["annotate/signatures"] if r["signature"]}
    group_of = {row["content_sha256"]: row["group_id"] for row in rows["annotate/duplicates"]}
    for one in facts.largest:
        key = one.survivor.candidate
        others = [k for k, group in group_of.items() if group == group_of[key] and k != key]
        alike = {k: float((signed[k] == signed[key]).mean()) for k in others}
        assert one.other is not None and one.similarity == alike[one.other.candidate] == min(alike.values())
        assert one.compared == len(others) <= MOST_MEMBERS


def test_diffs_are_of_the_two_texts(rows: Rows, facts: ReportFacts) -> None:
    assert not isinstance(facts.largest, Missing)
    texts = {row["content_sha256"]: row["text"] for row in rows["ingest/contents"]}
    for one in facts.largest:
        assert one.diff is not None and one.other is not None
        for member, pieces in ((one.survivor, [r.left for r in one.diff.rows]), (one.other, [r.right for r in one.diff.rows])):
            lines = texts[member.candidate].split("\n")
            for piece in pieces:
                if piece and piece.line is not None:
                    assert lines[piece.line - 1].startswith(piece.before + piece.changed + piece.after)


def test_members_are_shown_at_the_occurrence_that_the_policy_picked(built: LakeRows, tmp_path: Path) -> None:
    picked = {"repository": "picked", "path": "picked.py", "language": "Picked"}
    verdicts = {name: [row | picked for row in built.rows[f"decide/{name}"]] for name in ("kept", "dropped")}
    largest = changed(built, tmp_path, decide_kept=verdicts["kept"], decide_dropped=verdicts["dropped"]).largest
    assert not isinstance(largest, Missing)
    members = [member for one in largest for member in (one.survivor, one.other) if member]
    assert {(one.repository, one.path, one.language) for one in members} == {("picked", "picked.py", "Picked")}


def test_without_a_policy_the_centre_stands_on_the_left(built: LakeRows, tmp_path: Path) -> None:
    largest = changed(built, tmp_path, ("decide/kept", "decide/dropped")).largest
    assert not isinstance(largest, Missing)
    nodes = {row["content_sha256"]: row for row in built.rows["annotate/duplicates"]}
    for one in largest:
        row = nodes[one.survivor.candidate]
        assert not one.is_kept and row["node"] == row["group_id"]
        assert one.survivor.path in {f["path"] for f in built.rows["ingest/files"] if f["content_sha256"] == one.survivor.candidate}


def test_groups_without_signatures_or_texts_are_shown_without_a_diff(built: LakeRows, tmp_path: Path) -> None:
    found = changed(built, tmp_path, annotate_signatures=[], ingest_contents=[], ingest_files=[])
    assert not isinstance(found.largest, Missing)
    assert {(one.similarity, one.compared, one.diff) for one in found.largest} == {(None, 0, None)}
    assert "Their similarity is not known" in render(found) and "Not both texts" in render(found)


@pytest.mark.parametrize(
    ("table", "fields"),
    [
        ("annotate/duplicates", {"groups", "pairs", "largest"}),
        ("annotate/duplicate_pairs", {"pairs"}),
        ("annotate/signatures", {"largest"}),
        ("ledger", {"pairs"}),
        ("decide/dropped", {"removed"}),
    ],
)
def test_a_part_that_lacks_its_table_says_so_and_the_others_stay(built: LakeRows, tmp_path: Path, table: str, fields: set[str]) -> None:
    found = changed(built, tmp_path, (table,))
    parts = {name: getattr(found, name) for name in ("groups", "pairs", "largest", "removed")}
    assert {name for name, part in parts.items() if isinstance(part, Missing)} == fields
    assert all(part.names == (table,) for part in parts.values() if isinstance(part, Missing))
    assert f"<code>{table}</code>" in render(found)


def test_tables_without_rows_are_no_error(tmp_path: Path) -> None:
    found = collect(str(LakeRows().write(tmp_path / "lake")))
    assert not isinstance(found.groups, Missing) and found.groups.sizes == ()
    assert (found.pairs, found.largest) == (None, ())
    assert "No two texts are near-duplicates" in render(found)


def test_no_pair_is_said_to_say_nothing_of_misses(built: LakeRows, tmp_path: Path) -> None:
    found = changed(built, tmp_path, annotate_duplicate_pairs=[])
    assert found.pairs is not None and not isinstance(found.pairs, Missing)
    assert dataclasses.astuple(found.pairs.never_met) == dataclasses.astuple(found.pairs.false_merges) == (0, 0, 0)
    assert "nothing can be said of those that were not" in render(found)


def test_the_policy_shown_is_the_one_of_the_page(facts: ReportFacts) -> None:
    assert facts.policy is not None and facts.policy.name == POLICY
