"""The report's facts of commits against counts that are made from the same rows without a query."""

from pathlib import Path
from typing import Any

from jobs.report.commit_languages import CommitLanguage
from jobs.report.commits import Commits, Flag
from jobs.report.facts import ReportFacts, collect
from jobs.report.page import render
from jobs.report.tables import Missing
from tests.hostile_lake import HOSTILE
from tests.lake_builder import POLICY, LakeRows, lake_rows
from tests.source_files import standard_library

CHANGED = [["a.py", "b/c.PY"], ["x/CMakeLists.txt", "d.test.cts", "o'clock"], ["a.py"], [], ["it's.py"]]
FLAGS = [["merge"], ["merge", "bot"], ["bot"], [], []]
RANKS = [1, 5, 6, 21, None]
SUBJECT_RANKS = [None, 1, 1, 20, None]


def rows(names: tuple[str, ...] = ("a", "b")) -> LakeRows:
    lake = LakeRows()
    sizes = {f"{name}_bytes": 10 for name in ("message", "readme", "tree", "files", "predicted")}
    for number, flags in enumerate(FLAGS):
        repository, commit = names[number % len(names)], f"{number:040x}"
        key = {"repository": repository, "commit": commit}
        lake.add("ingest/commits", **key, parents=[], author_hash="", is_bot=False, message=repository, change_count=0)
        lake.rows["ingest/commits"][-1]["changes"] = changes(CHANGED[number])
        lake.add("annotate/commit_facts", **key, version="v1", flags=sorted(flags))
        ranks = {"best_rank": RANKS[number], "subject_rank": SUBJECT_RANKS[number]}
        context = key | sizes | ranks | {"layout": "commit/1", "snapshot_files": 3, "cuts": ["found"] if number else []}
        lake.add("assemble/commit_contexts", **context, reason="too_long" if number == 4 else None)
        if number < 4:
            text = f"@@@ commit\n{repository}\n" + "context\n" * 900 + "@@@ predict\n@@@ end\n"
            document = {"kind": "commit", "candidate": f"{repository}@{commit}", "layout": "commit/1", "contents": []}
            lake.add("assemble/documents", **document, size_bytes=len(text), text=text, text_hash="hash")
    lake.add("annotate/commit_facts", repository="a", commit="0" * 40, version="v0", flags=["revert"])
    return lake


def changes(paths: list[str]) -> list[dict[str, Any]]:
    """The first path of a commit gets two lines and loses one; the others are binary."""
    lines = [{"added_lines": 2, "deleted_lines": 1}, *[{"added_lines": None, "deleted_lines": None}] * len(paths)]
    known = {"status": "modified", "old_path": None, "old_mode": "100644", "new_mode": "100644", "old_blob": "b", "new_blob": "c"}
    return [known | {"path": path} | counts for path, counts in zip(paths, lines, strict=False)]


def facts(tmp_path: Path, **more: Any) -> ReportFacts:
    return collect(str(LakeRows(rows().rows | more).write(tmp_path / "lake")))


def test_flags_documents_and_what_the_message_finds_are_counted(tmp_path: Path) -> None:
    found = facts(tmp_path).commits
    assert isinstance(found, Commits)
    assert (found.read, found.repositories, found.kept) == (5, 2, None)
    assert found.flags == (Flag("bot", 2, 1), Flag("merge", 2, 1))
    (variant,) = found.variants
    assert (variant.documents, variant.reasons, variant.found) == (4, (("too_long", 1),), (1, 2, 3))
    assert variant.found_by_subject == (2, 2, 3)
    assert variant.mean_bytes == (10.0,) * 5 and variant.cuts == (("found", 3),)


def test_languages_are_those_of_the_changed_paths_each_commit_once_in_each(tmp_path: Path) -> None:
    found = facts(tmp_path)
    assert isinstance(found.commits, Commits)
    expected = [("Python", 3, 2, 9), ("CMake", 1, 1, 3), ("TypeScript", 1, 1, 0), ("none", 1, 1, 0)]
    assert found.commits.languages == tuple(CommitLanguage(*one) for one in expected)
    assert '<table class="commit-languages">' in render(found)


def test_tokens_of_the_parts_are_by_the_mixtures_own_tokenizer_where_there_is_one(tmp_path: Path) -> None:
    assert "A token is 3.50 bytes, estimated" in render(facts(tmp_path))
    row = {"mixture": "demo", "split": "train", "language": "none"}
    mixed = [row | {"kind": "commit", "token_count": 10, "text_bytes": 25}, row | {"kind": "file", "token_count": 9, "text_bytes": 1}]
    blank = {"policy": "demo", "policy_hash": "", "kept_digest": "", "sequences_hash": "", "recipe": "", "packing": "", "window": 1}
    counts = dict.fromkeys(("document_count", "distinct_document_count", "fim_document_count", "cut_document_count"), 1)
    mixed = [one | blank | counts | {"epochs": 1.0, "fim_rate": 0.0, "versions": "{}", "tokenizer_sha256": ""} for one in mixed]
    found = facts(tmp_path / "mixed", **{"mix/manifest": mixed})
    assert isinstance(found.commits, Commits) and found.commits.bytes_per_token == 2.5
    assert "A token is 2.50 bytes, as mixed" in render(found) and '<td class="n">10</td><td class="n">4</td>' in render(found)


def test_examples_show_the_beginning_and_what_is_to_be_predicted(tmp_path: Path) -> None:
    found = facts(tmp_path)
    assert isinstance(found.commits, Commits) and len(found.commits.examples) == 3
    for one in found.commits.examples:
        assert one.text.startswith("@@@ commit\n") and one.text.endswith("[...]\n@@@ predict\n@@@ end\n") and len(one.text) < 2000
    assert '<section id="commits">' in render(found)


def test_what_the_policy_keeps_is_of_commits_alone(tmp_path: Path) -> None:
    built = lake_rows(standard_library(40))
    kept = built.rows["decide/kept"]
    commits = [kept[0] | {"kind": "commit", "candidate": f"{'ab'[n % 2]}@{n:040x}"} for n in (0, 2, 4)]
    lake = LakeRows(built.rows | {name: found for name, found in rows().rows.items() if name != "assemble/documents"})
    lake.rows["decide/kept"] = [*kept, *commits, commits[0] | {"policy": "another"}]
    found = collect(str(lake.write(tmp_path / "lake")))
    assert found.policy is not None and found.policy.name == POLICY
    assert isinstance(found.commits, Commits) and found.commits.kept == 3
    (variant,) = found.commits.variants  # of five contexts those of the three
    assert (variant.documents, variant.reasons, variant.found, variant.cuts) == (2, (("too_long", 1),), (1, 1, 2), (("found", 1),))
    assert found.funnel.items[3].count == len(kept)


def test_a_lake_without_commits_says_so(tmp_path: Path) -> None:
    built = lake_rows(standard_library(40))
    assert collect(str(built.write(tmp_path / "empty"))).commits is None
    assert isinstance(collect(str(built.write(tmp_path / "lake", ["ingest/commits"]))).commits, Missing)


def test_hostile_names_and_messages_are_written_out(tmp_path: Path) -> None:
    page = render(collect(str(rows(HOSTILE[:4]).write(tmp_path / "lake"))))
    section = page[page.index('<section id="commits">') :]
    assert not any(name in section for name in HOSTILE[:4]) and "&lt;" in section
