"""The report's facts of repositories against counts that are made from the same rows without a query."""

from pathlib import Path
from typing import Any

from jobs.report.facts import collect
from jobs.report.page import render
from jobs.report.repositories import SHOWN_CONTAINED, SHOWN_MEMBERS, Repositories
from jobs.report.tables import Missing
from tests.hostile_lake import HOSTILE
from tests.lake_builder import POLICY, LakeRows, lake_rows
from tests.source_files import standard_library

# (name, group, contents, container, containment, reasons of the policy)
REPOSITORIES: list[tuple[str, int, str, str | None, float | None, list[str]]] = [
    ("z-origin", 1, "same", None, None, []),
    ("copy", 1, "same", None, None, ["near_duplicate"]),
    ("fork", 1, "changed", "large", 0.6, ["near_duplicate"]),
    ("far", 1, "changed twice", None, None, ["few_stars", "near_duplicate"]),
    ("twin-a", 2, "twin", None, None, ["near_duplicate_of_held_out"]),
    ("twin-b", 2, "twin", None, None, []),
    ("vendored", 3, "vendored", "large", 0.95, ["contained"]),
    ("half", 4, "half", "large", 0.5, []),
    ("large", 5, "large", None, None, []),
    ("alone", 6, "alone", None, None, []),
]
PAIRS = [("copy", "fork", 0.8), ("fork", "z-origin", 0.8), ("far", "fork", 0.75), ("vendored", "large", 0.1)]


def rows(rename: dict[str, str] | None = None, verdicts: bool = True) -> LakeRows:
    lake = lake_rows(standard_library(8))
    names = rename or {}
    verdict: dict[str, Any] = lake.rows["decide/kept"][0]
    for name, group, contents, container, containment, reasons in REPOSITORIES:
        size = sum(group == other for _, other, *_ in REPOSITORIES)
        row = {"repository": names.get(name, name), "version": "v1", "content_count": len(name), "content_hash": contents, "group_count": 1}
        row |= {"group_id": group, "group_size": size, "container": names.get(container or "", container), "containment": containment}
        lake.add("annotate/repository_duplicates", **row, container_group=5 if container else None)
        judged = {key: value for key, value in verdict.items() if key != "split"}
        judged |= {"kind": "repository", "candidate": names.get(name, name), "path": ""}
        if verdicts and reasons:
            lake.add("decide/dropped", **judged, reasons=reasons, survivor=None)
        elif verdicts:
            lake.add("decide/kept", **judged, split="train")
    for one, other, similarity in PAIRS:
        pair = {"smaller": names.get(one, one), "larger": names.get(other, other), "version": "v1", "similarity": similarity}
        counts = {"smaller_count": 1, "larger_count": 1, "shared_count": 1, "containment": similarity}
        lake.add("annotate/repository_pairs", **pair, **counts, is_duplicate=similarity >= 0.7)
    return lake


def found_in(path: Path, lake: LakeRows) -> Repositories:
    found = collect(str(lake.write(path))).repositories
    assert isinstance(found, Repositories)
    return found


def test_every_repository_is_counted_once_by_what_it_is(tmp_path: Path) -> None:
    found = found_in(tmp_path / "lake", rows())
    assert (found.read, found.copies, found.near, found.contained, found.found) == (10, 4, 2, 2, 8)
    assert found.sizes == ((4, 1), (2, 1))
    assert found.kept == 5 and POLICY == "demo"
    assert found.removed == (("near_duplicate", 3), ("contained", 1), ("near_duplicate_of_held_out", 1))


def test_what_is_kept_stands_first_and_likeness_to_it_is_told(tmp_path: Path) -> None:
    largest, twins = found_in(tmp_path / "lake", rows()).groups
    assert (largest.size, largest.distinct, twins.size, twins.distinct) == (4, 3, 2, 1)
    told = [(one.name, one.is_copy, one.similarity, one.verdict) for one in largest.members]
    assert told == [
        ("z-origin", True, 1.0, "kept"),
        ("copy", True, 1.0, "near_duplicate"),
        ("far", False, None, "few_stars, near_duplicate"),
        ("fork", False, 0.8, "near_duplicate"),
    ]
    assert [one.name for one in twins.members] == ["twin-b", "twin-a"]


def test_what_lies_in_a_larger_one_is_listed_with_its_share(tmp_path: Path) -> None:
    found = found_in(tmp_path / "lake", rows())
    told = [(one.name, one.container, one.containment, one.verdict) for one in found.inside]
    expected = [("vendored", 0.95, "contained"), ("fork", 0.6, "near_duplicate"), ("half", 0.5, "kept")]
    assert told == [(name, "large", share, verdict) for name, share, verdict in expected] and found.inside_count == 3


def test_without_a_policy_the_groups_are_there_and_the_verdicts_are_not(tmp_path: Path) -> None:
    lake = rows(verdicts=False)
    lake.rows["decide/kept"], lake.rows["decide/dropped"] = [], []
    found = found_in(tmp_path / "lake", lake)
    assert found.kept is None and found.removed == ()
    assert [one.name for one in found.groups[0].members] == ["copy", "far", "fork", "z-origin"]
    assert {one.verdict for group in found.groups for one in group.members} == {""}


def test_long_groups_and_lists_are_cut_and_say_so(tmp_path: Path) -> None:
    lake = rows()
    for number in range(200):
        common = {"version": "v1", "content_count": 1, "group_count": 1, "content_hash": f"h{number}"}
        lake.add("annotate/repository_duplicates", **common, repository=f"many{number:03}", group_id=9, group_size=200)
        place = {"group_id": 1000 + number, "group_size": 1, "container": "large", "container_group": 5, "containment": 0.7}
        lake.add("annotate/repository_duplicates", **common, repository=f"part{number:03}", **place)
    facts = collect(str(lake.write(tmp_path / "lake")))
    found = facts.repositories
    assert isinstance(found, Repositories)
    assert (found.groups[0].size, len(found.groups[0].members)) == (200, SHOWN_MEMBERS)
    assert (found.inside_count, len(found.inside)) == (203, SHOWN_CONTAINED)
    page = render(facts)
    assert f"The first {SHOWN_MEMBERS} of 200." in page and "There are 203 in all" in page


def test_a_lake_without_the_job_says_so_and_one_without_repositories_too(tmp_path: Path) -> None:
    built = rows()
    assert isinstance(collect(str(built.write(tmp_path / "lake", ["annotate/repository_pairs"]))).repositories, Missing)
    built.rows["annotate/repository_duplicates"] = []
    facts = collect(str(built.write(tmp_path / "empty")))
    assert isinstance(facts.repositories, Repositories) and facts.repositories.read == 0
    assert "No repository has a file." in render(facts)


def test_hostile_names_are_written_out(tmp_path: Path) -> None:
    names = dict(zip((name for name, *_ in REPOSITORIES), HOSTILE, strict=False))
    page = render(collect(str(rows(names).write(tmp_path / "lake"))))
    section = page[page.index('<section id="repositories">') :]
    section = section[: section.index("</section>")]
    assert not any(name in section for name in HOSTILE[:2]) and "&lt;script&gt;" in section
