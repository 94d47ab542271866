"""What `codemill mixture` counts: members of sets, and no document that is left out, by the tables alone."""

import json
from pathlib import Path

import pytest

from jobs.cli import main
from jobs.commands.mixture import stocks
from jobs.report.tables import LakeTables
from schemas.lake import Lake
from tests.lake_builder import POLICY, LakeRows
from udfs.mixture import Phase, Share

SETS = {"a": ("algorithms", "general"), "b": ("general",), "c": (), "d": ("algorithms",)}
GOOD = Share("file", 0.6, "good", by="set", within=(("algorithms", 0.5), ("general", 0.5)))
PHASE = Phase("p", 8, 0, (GOOD, Share("commit", 0.3, "changes"), Share("repository", 0.1)))


@pytest.fixture
def lake() -> LakeRows:
    found = LakeRows()
    verdict = {"policy": POLICY, "policy_hash": "h", "repository": "r", "path": "", "size_bytes": 1, "token_estimate": 1}
    for kind, candidate in [*(("file", name) for name in SETS), ("commit", "r@1"), ("commit", "r@2")]:
        found.add("decide/kept", kind=kind, candidate=candidate, split="held_out" if candidate == "d" else "train", **verdict)
        found.add("assemble/documents", kind=kind, candidate=candidate, layout=f"{kind}/1", contents=[], size_bytes=35, text_hash="t")
    parts = {"kind": "repository", "contents": [], "size_bytes": 350, "text_hash": "t"}
    for number, policy in enumerate((POLICY, "other")):
        found.add("assemble/documents", **parts, candidate=f"r#{number}", layout=f"repository/1/{policy}/9/0")
    found.add("decide/kept", kind="repository", candidate="r", split="train", **verdict)
    member = {"kind": "file", "policy": POLICY, "percent": 90, "is_member": True, "round": 1, "models": "m"}
    for candidate, names in SETS.items():
        for name in names:
            found.add("decide/high_quality", candidate=candidate, set=name, **member)
    found.add("decide/high_quality", candidate="c", set="general", **member | {"policy": "other"})
    found.add("decide/high_quality", candidate="c", set="algorithms", **member | {"percent": 10, "is_member": False})
    for candidate, reasons in (("r@1", []), ("r@2", ["contaminated"])):
        one = {"kind": "commit", "layout": "commit/1", "policy": POLICY, "split": "train", "text_hash": "t", "matches": []}
        found.add("assemble/document_checks", candidate=candidate, reasons=reasons, **one)
    return found


def counted(root: Path) -> dict[str, int]:
    found = stocks(LakeTables(Lake.at(str(root))), POLICY, PHASE)
    return {lot.label: stock.documents for lot, stock in zip(PHASE.lots, found, strict=True)}


def test_members_are_counted_in_the_first_set_and_what_is_left_out_is_not(lake: LakeRows, tmp_path: Path) -> None:
    assert counted(lake.write(tmp_path / "whole")) == {"good: algorithms": 1, "good: general": 1, "changes": 1, "repository": 1}


def test_without_these_tables_there_are_no_members_and_nothing_is_left_out(lake: LakeRows, tmp_path: Path) -> None:
    root = lake.write(tmp_path / "part", leave_out=("decide/high_quality", "assemble/document_checks"))
    assert counted(root) == {"good: algorithms": 0, "good: general": 0, "changes": 2, "repository": 1}


def test_documents_without_a_language_are_those_that_a_recipe_calls_none(lake: LakeRows, tmp_path: Path) -> None:
    root = str(lake.write(tmp_path / "lake"))
    phase = Phase("p", 8, 0, (Share("file", 1.0, "files", by="language", within=(("none", 0.5),)),))
    found = stocks(LakeTables(Lake.at(root)), POLICY, phase)
    assert next(iter(found)).documents > 0


def test_what_a_run_of_the_profile_would_take_is_told(lake: LakeRows, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = str(lake.write(tmp_path / "lake"))
    for more, recipe, window in (([], "demo", 1024), (["--recipe", "continued", "--leave-out-empty"], "continued", 32_768)):
        assert main(["mixture", "--lake", root, "--json", *more]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["recipe"], told["window"]) == (recipe, window)
    assert main(["mixture", "--lake", root, "--profile", "paper"]) == 1  # of which this lake has nothing
    assert "the recipe 'regular' asks for file, page" in capsys.readouterr().err
