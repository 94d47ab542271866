"""What a recipe asked for and what was taken is told where a user looks: by `codemill mixture`, after a run, in the report."""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from jobs.cli import main
from jobs.commands.summary import print_summary
from jobs.report.facts import collect
from jobs.report.page import render
from jobs.runtime.ledger import JobRun
from schemas.lake import Lake
from tests.lake_builder import LakeRows, lake_rows
from tests.source_files import standard_library
from udfs.mixture import Lot, Stock, Wish, note

NOTE = "+1.2% off: a document is taken whole, and its 3 have 900 tokens on average"


def lot(name: str, wanted: int, taken: int, told: str = "", **more: Any) -> dict[str, Any]:
    found = {"lot": name, "kind": "file", "share": wanted / 1000, "document_count": 3, "token_count": 500, "wanted_token_count": wanted}
    found |= {"taken_token_count": taken, "epochs": 1.6, "max_epochs": 4.0, "whole_epochs": 1, "rate": 0.6, "is_limit": not told}
    return found | {"mixture": "second", "recipe": "continued", "note": told} | more


@pytest.fixture(scope="module")
def rows() -> LakeRows:
    found = lake_rows(standard_library(25))
    counted = [row | {"mixture": "second", "recipe": "continued"} for row in found.rows["mix/manifest"]]
    found.rows["mix/manifest"] += counted
    for row in (lot("files", 800, 800), lot("pages", 200, 202, NOTE)):
        found.add("mix/lots", **row)
    return found


@pytest.fixture
def lake(rows: LakeRows, tmp_path: Path) -> Lake:
    return Lake.at(str(rows.write(tmp_path / "lake")))


def test_a_mixture_is_shown_with_the_shares_that_it_misses(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mixture", "--lake", lake.root, "--mixture", "second"]) == 0
    said = capsys.readouterr().out
    assert "mixture second: 1,002 training tokens of 1,000 asked (+0.2%); 0 of 2 shares are met within 0.1%:" in said
    assert "files: it has its tokens, which are 79.84% of what was taken: others missed theirs" in said
    assert f"pages: {NOTE}" in said and "79.84%" in said and "sets the total" in said
    assert main(["mixture", "--lake", lake.root, "--mixture", "second", "--json"]) == 0
    assert [row["lot"] for row in json.loads(capsys.readouterr().out)["lots"]] == ["files", "pages"]
    assert main(["mixture", "--lake", lake.root, "--mixture", "demo"]) == 0
    assert "each document was taken once" in capsys.readouterr().out
    assert main(["mixture", "--lake", lake.root, "--mixture", "third"]) == 1
    assert "it has: demo, second" in capsys.readouterr().err


def test_a_run_ends_with_the_shares_that_its_mixture_misses(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    run = JobRun("r", "mix.sequences", "done", datetime.datetime.now(datetime.UTC))
    for mixture, is_told in (("second", True), ("", False)):
        run.parameters = json.dumps({"profile": "demo", "mixture": mixture})
        print_summary(lake, [run], "demo")
        assert (f"pages: {NOTE}" in capsys.readouterr().out) is is_told


def test_the_report_shows_every_mixture_and_why_a_share_is_missed(lake: Lake) -> None:
    facts = collect(lake.root)
    assert [one.name for one in facts.mixtures.mixtures] == ["demo", "second"]
    assert [(one.lot, one.share, round(one.taken_share, 4), one.note) for one in facts.mixtures.lots] == [
        ("files", 0.8, 0.7984, ""),
        ("pages", 0.2, 0.2016, NOTE),
    ]
    page = render(facts)
    assert NOTE in page and page.count('id="mixtures-table"') == page.count('id="lots-table"') == 1


def test_a_share_of_which_there_is_nothing_says_so() -> None:
    empty = Wish(Lot("pages", "page", 0.2, 1, "true"), Stock(), 0.0, 0.0, 0.0, False)
    assert note(empty, 0) == "there is nothing of it: its 20.0% went to the others"
