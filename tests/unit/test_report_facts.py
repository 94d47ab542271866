"""The facts of the report against counts that are made from the same rows without a query."""

import dataclasses
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from jobs.report.examples import EXAMPLES_PER_REASON, KEPT_EXAMPLES
from jobs.report.facts import ReportFacts, collect
from jobs.report.funnel import SIZE_BOUNDS_BYTES
from jobs.report.probe import ProbeKind, ProbeLanguage
from jobs.report.runs import JobRun
from jobs.report.tables import Missing
from schemas import ALL_TABLES
from schemas.lake import Lake, LakeError
from schemas.table import ContractError
from tests.lake_builder import POLICY, LakeRows, lake_rows
from tests.lake_outputs import write_metrics, write_probe, write_shards_manifest
from tests.source_files import standard_library

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def built() -> LakeRows:
    return lake_rows(standard_library(250))


@pytest.fixture(scope="module")
def rows(built: LakeRows) -> Rows:
    return built.rows


@pytest.fixture(scope="module")
def facts(built: LakeRows, tmp_path_factory: pytest.TempPathFactory) -> ReportFacts:
    root = built.write(tmp_path_factory.mktemp("report") / "lake")
    write_metrics(root)
    write_shards_manifest(root, built)
    return collect(str(root))


def with_rows(tmp_path: Path, **tables: list[dict[str, Any]]) -> ReportFacts:
    """Facts of a lake that has these tables and no others; a table's name is written with `_` for `/`."""
    named = {table.name.replace("/", "_"): table for table in ALL_TABLES}
    lake = LakeRows()
    for name, found in tables.items():
        lake.rows[named[name].name] = found
    leave_out = [table.name for name, table in named.items() if name not in tables]
    return collect(str(lake.write(tmp_path / "lake", leave_out)))


def test_the_input_is_worth_counting(rows: Rows) -> None:
    assert {"binary"} <= {row["reason"] for row in rows["ingest/rejects"]}
    assert len({reason for row in rows["decide/dropped"] for reason in row["reasons"]}) >= 4
    assert any(len(row["reasons"]) > 1 for row in rows["decide/dropped"])


def test_the_funnel_counts_what_is_in_the_tables(rows: Rows, facts: ReportFacts) -> None:
    files, rejects = len(rows["ingest/files"]), len(rows["ingest/rejects"])
    contents, kept = len(rows["ingest/contents"]), len(rows["decide/kept"])
    assert [step.count for step in facts.funnel.items] == [files + rejects, files, contents, kept, kept]
    assert facts.funnel.tokens.count == sum(row["token_count"] for row in rows["mix/manifest"])
    assert facts.funnel.sequences.count == len(rows["mix/sequences"])
    assert facts.funnel.candidates == kept + len(rows["decide/dropped"])
    sizes = [sum(row["size_bytes"] for row in rows[name]) for name in ("decide/kept", "decide/dropped")]
    assert facts.funnel.kept_bytes_share == sizes[0] / sum(sizes)


def test_losses_are_by_reason_and_know_which_were_alone(rows: Rows, facts: ReportFacts) -> None:
    _, files, contents, kept, _ = facts.funnel.items
    assert {loss.reason: loss.count for loss in files.losses} == Counter(row["reason"] for row in rows["ingest/rejects"])
    assert [loss.count for loss in contents.losses] == [len(rows["ingest/files"]) - len(rows["ingest/contents"])]
    assert {loss.reason: loss.count for loss in kept.losses} == Counter(r for row in rows["decide/dropped"] for r in row["reasons"])
    alone = Counter(row["reasons"][0] for row in rows["decide/dropped"] if len(row["reasons"]) == 1)
    assert {loss.reason: loss.alone for loss in kept.losses} == {loss.reason: alone[loss.reason] for loss in kept.losses}
    assert [loss.count for loss in kept.losses] == sorted((loss.count for loss in kept.losses), reverse=True)


def test_languages_know_files_bytes_kept_and_tokens(rows: Rows, facts: ReportFacts) -> None:
    def counted(table: str, column: str | None = None) -> Counter[str]:
        found: Counter[str] = Counter()
        for row in rows[table]:
            found[row.get("language") or "none"] += row[column] if column else 1
        return found

    assert not isinstance(facts.languages, Missing)
    kept, dropped, tokens = counted("decide/kept"), counted("decide/dropped"), counted("mix/manifest", "token_count")
    assert {one.name: (one.file_count, one.size_bytes, one.candidates, one.kept, one.tokens) for one in facts.languages} == {
        name: (count, size, kept[name] + dropped[name], kept[name], tokens[name])
        for (name, count), size in zip(
            sorted(counted("ingest/files").items()), (s for _, s in sorted(counted("ingest/files", "size_bytes").items())), strict=True
        )
    }


def test_every_text_is_in_one_bin_of_its_size(rows: Rows, facts: ReportFacts) -> None:
    def bin_of(size: int) -> int:
        return max(bound for bound in SIZE_BOUNDS_BYTES if bound <= size)

    assert not isinstance(facts.sizes, Missing)
    counts = Counter(bin_of(row["size_bytes"]) for row in rows["ingest/contents"])
    kept = Counter(bin_of(row["size_bytes"]) for row in rows["decide/kept"])
    assert [(one.count, one.kept) for one in facts.sizes] == [(counts[one.from_bytes], kept[one.from_bytes]) for one in facts.sizes]
    assert sum(one.count for one in facts.sizes) == len(rows["ingest/contents"])


def test_texts_are_classed_by_their_share_of_error_bytes(rows: Rows, facts: ReportFacts) -> None:
    def class_of(row: dict[str, Any]) -> int:
        if row["error_node_count"] + row["missing_node_count"] == 0:
            return 0
        return next(index for index, bound in enumerate((0.001, 0.01, 0.05, 0.2, 1.0), start=1) if row["error_bytes_share"] <= bound)

    assert not isinstance(facts.syntax, Missing)
    expected = Counter((row["language"], class_of(row)) for row in rows["annotate/syntax"] if row["status"] == "parsed")
    found = {(one.language, index): count for one in facts.syntax.languages for index, count in enumerate(one.by_class) if count}
    assert found == expected
    assert dict(facts.syntax.statuses) == Counter(row["status"] for row in rows["annotate/syntax"])
    unparsed = Counter((row["language"], row["status"]) for row in rows["annotate/syntax"] if row["status"] != "parsed")
    assert {(one.language, status): n for one in facts.syntax.languages for status, n in one.unparsed} == unparsed


def test_only_the_version_with_most_rows_is_counted(tmp_path: Path) -> None:
    def parsed(key: str, version: str) -> dict[str, Any]:
        facts = {"error_bytes_share": 0.0, "error_node_count": 0, "missing_node_count": 0}
        return {"content_sha256": key, "language": "C", "version": version, "status": "parsed", **facts}

    facts = with_rows(tmp_path, annotate_syntax=[parsed("a", "old"), parsed("a", "new"), parsed("b", "new")])
    assert not isinstance(facts.syntax, Missing)
    assert (facts.syntax.version, facts.syntax.other_versions, facts.syntax.languages[0].parsed) == ("new", 1, 2)


def test_dropped_examples_have_the_reason_and_their_own_text(rows: Rows, facts: ReportFacts) -> None:
    assert not isinstance(facts.dropped, Missing)
    dropped = {row["candidate"]: row for row in rows["decide/dropped"]}
    text_of = {row["content_sha256"]: row["text"] for row in rows["ingest/contents"]}
    for group in facts.dropped:
        # One of each language and first digit of the key is looked at, so that choosing reads no more than that.
        looked_at = {(row["language"], key[0]) for key, row in dropped.items() if group.reason in row["reasons"]}
        assert len(group.examples) == min(EXAMPLES_PER_REASON, len(looked_at))
        for one in group.examples:
            assert group.reason in one.reasons and list(one.reasons) == dropped[one.candidate]["reasons"]
            assert (one.repository, one.path) == (dropped[one.candidate]["repository"], dropped[one.candidate]["path"])
            assert one.text is not None and text_of[one.candidate].startswith(one.text)


def test_examples_are_the_smallest_keys_of_as_many_languages_as_there_are(rows: Rows, facts: ReportFacts) -> None:
    assert not isinstance(facts.kept, Missing)
    languages = Counter(row["language"] for row in rows["decide/kept"])
    smallest = {name: min(row["candidate"] for row in rows["decide/kept"] if row["language"] == name) for name in languages}
    assert len(facts.kept) == min(KEPT_EXAMPLES, len(rows["decide/kept"]))
    assert {one.candidate for one in facts.kept} >= set(smallest.values())


def test_dropped_examples_begin_with_the_smallest_key_of_the_reason_and_language(rows: Rows, facts: ReportFacts) -> None:
    assert not isinstance(facts.dropped, Missing)
    for group in facts.dropped:
        shown = {one.language: min(other.candidate for other in group.examples if other.language == one.language) for one in group.examples}
        for language, key in shown.items():
            with_reason = [row for row in rows["decide/dropped"] if group.reason in row["reasons"]]
            assert key == min(row["candidate"] for row in with_reason if (row.get("language") or "none") == language)


def test_rejects_are_shown_by_reason_with_what_was_found(rows: Rows, facts: ReportFacts) -> None:
    assert not isinstance(facts.rejects, Missing)
    known = {(row["source"], row["locator"], row["reason"], row["detail"], row["size_bytes"]) for row in rows["ingest/rejects"]}
    for group in facts.rejects:
        assert len(group.examples) == min(EXAMPLES_PER_REASON, group.count)
        assert {(one.source, one.locator, group.reason, one.detail, one.size_bytes) for one in group.examples} <= known


def test_facts_do_not_depend_on_the_order_of_rows(built: LakeRows, facts: ReportFacts, tmp_path: Path) -> None:
    turned = LakeRows({name: found[::-1] for name, found in built.rows.items()})
    root = turned.write(tmp_path / "lake")
    write_metrics(root)
    write_shards_manifest(root, built)
    assert collect(str(root)) == facts


def test_the_policy_that_was_mixed_is_shown(rows: Rows, facts: ReportFacts, tmp_path: Path) -> None:
    other = [row | {"policy": "another"} for row in rows["decide/kept"][:3]]
    kept, mixed = rows["decide/kept"] + other, rows["mix/manifest"]
    found = with_rows(tmp_path, decide_kept=kept, decide_dropped=rows["decide/dropped"], mix_manifest=mixed)
    assert found.policy is not None and (found.policy.name, found.policy.others) == (POLICY, ("another",))
    assert found.funnel.items[3].count == len(rows["decide/kept"])


def test_what_is_missing_says_which_table_and_which_command(tmp_path: Path) -> None:
    Lake.at(str(tmp_path / "empty")).create()
    facts = collect(str(tmp_path / "empty"))
    sections = [getattr(facts, field.name) for field in dataclasses.fields(facts)][3:]
    assert all(isinstance(section, Missing) for section in sections)
    assert facts.syntax == Missing(("annotate/syntax",)) and facts.syntax.command == "codemill annotate --lake LAKE"
    assert facts.probe == Missing(("train/probe/metrics.json",)) and facts.probe.command == "codemill train --lake LAKE"
    assert isinstance(facts.languages, Missing) and facts.languages.command == "codemill run --lake LAKE --source PATH"
    assert [step.count for step in facts.funnel.items] == [None] * 5


def test_tables_without_rows_are_no_error(tmp_path: Path) -> None:
    facts = collect(str(LakeRows().write(tmp_path / "lake")))
    assert [step.count for step in facts.funnel.items] == [0] * 5
    assert (facts.policy, facts.kept, facts.dropped, facts.rejects, facts.sizes) == (None, (), (), (), ())


def test_a_folder_that_is_no_lake_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="no codemill lake"):
        collect(str(tmp_path))


def test_a_table_of_another_contract_is_refused(tmp_path: Path) -> None:
    Lake.at(str(tmp_path)).create()
    write_deltalake(str(tmp_path / "ingest/files"), pa.table({"path": ["a"]}))
    with pytest.raises(ContractError, match="column repository is missing"):
        collect(str(tmp_path))


def ledger_row(run: str, job: str, minute: int, status: str = "done", **changes: Any) -> dict[str, Any]:
    counts = {"read_rows": 5, "read_bytes": 4_000_000, "written_rows": 5, "removed_rows": 0, "written": [], "dropped": [], "rejected": []}
    texts = {"parameters": '{"deep": {"limit": 3}}', "versions": '{"libraries": {"pyarrow": "1"}, "tables": {"a/b": 2}}', "fingerprint": ""}
    started = datetime(2026, 1, 1, 12, minute, tzinfo=UTC)
    return {"run": run, "job": job, "status": status, "started_at": started, "elapsed_s": 2.0, **counts, **texts, **changes}


def runs_of(tmp_path: Path, *ledger: dict[str, Any]) -> tuple[JobRun, ...]:
    found = with_rows(tmp_path, ledger=list(ledger)).runs
    assert not isinstance(found, Missing)
    return found


def test_a_job_is_shown_as_it_ran_when_it_last_had_something_to_do(tmp_path: Path) -> None:
    idle = ledger_row("r2", "ingest.files", 5, "unchanged", read_rows=0, read_bytes=0)
    (run,) = runs_of(tmp_path, ledger_row("r1", "ingest.files", 1), idle)
    assert (run.run, run.status, run.read_rows, run.is_unchanged_since, run.is_of_last_run) == ("r1", "done", 5, True, True)
    assert run.mb_per_s == 2.0


def test_a_failed_run_is_shown_with_its_error(tmp_path: Path) -> None:
    (run,) = runs_of(tmp_path, ledger_row("r1", "a.b", 1), ledger_row("r2", "a.b", 2, "failed", error="disk full"))
    assert (run.status, run.error) == ("failed", "disk full")


def test_jobs_stand_in_the_order_of_their_phases(tmp_path: Path) -> None:
    names = ("train.probe", "mix.shards", "decide.features", "ingest.files", "mix.tokenizer")
    runs = runs_of(tmp_path, *(ledger_row("r1", job, minute) for minute, job in enumerate(names)))
    assert [run.job for run in runs] == ["ingest.files", "decide.features", "mix.shards", "mix.tokenizer", "train.probe"]


def test_a_job_that_the_last_run_left_out_is_marked(tmp_path: Path) -> None:
    first, second = runs_of(tmp_path, ledger_row("r1", "ingest.files", 1), ledger_row("r2", "mix.shards", 2))
    assert (first.is_of_last_run, second.is_of_last_run) == (False, True)


def test_parameters_and_versions_are_flat(tmp_path: Path) -> None:
    (run,) = runs_of(tmp_path, ledger_row("r1", "a.b", 1))
    assert run.parameters == {"deep.limit": "3"}
    assert run.versions == {"libraries.pyarrow": "1", "tables.a/b": "2"}
    assert run.table_versions == {"a/b": "2"}


def test_shards_know_how_full_their_windows_are(rows: Rows, facts: ReportFacts) -> None:
    assert not isinstance(facts.shards, Missing)
    train = facts.shards.splits[0]
    lengths = [len(row["tokens"]) for row in rows["mix/sequences"] if row["split"] == "train"]
    assert (train.split, train.sequences, train.tokens) == ("train", len(lengths), sum(lengths))
    assert train.fill == sum(lengths) / (len(lengths) * facts.shards.window)


def test_a_long_curve_is_thinned_and_a_loss_that_is_no_number_left_out(tmp_path: Path) -> None:
    Lake.at(str(tmp_path)).create()
    write_probe(tmp_path, [float("nan") if step == 7 else 5_000.0 - step for step in range(5_000)], {})
    probe = collect(str(tmp_path)).probe
    assert not isinstance(probe, Missing)
    assert len(probe.points) == 400
    assert (probe.points[0].step, probe.points[-1].step) == (0, 4_999)
    assert not [point for point in probe.points if point.step == 7]
    assert (probe.steps, probe.held_out_bits_per_byte, probe.unigram_bits_per_byte) == (5_000, 2.875, 4.718)
    assert [(phase.name, phase.window, phase.held_out_bits_per_byte) for phase in probe.phases] == [
        ("regular", 128, 2.875),
        ("continued", 256, 2.875),
    ]
    assert probe.kinds == (ProbeKind("commit", None, 2.875), ProbeKind("file", 2.5, 2.875))
    assert probe.languages == (ProbeLanguage("Python", 2.75, 25_000), ProbeLanguage("C", 2.875, 5_000))
    assert probe.middles is not None and probe.middles.without_suffix == 2.75
