"""`codemill explain` of a near-duplicate names what is kept in its place, and how like it that is."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from jobs.cli import main
from tests.lake_builder import lake_rows
from tests.source_files import standard_library, with_fork
from udfs.minhash import matrix, similarity

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def rows() -> Rows:
    return lake_rows(with_fork(standard_library(120))).rows


@pytest.fixture(scope="module")
def lake(rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lake_rows(with_fork(standard_library(120))).write(tmp_path_factory.mktemp("explain") / "lake")


def likeness(rows: Rows, one: str, other: str) -> float:
    signed = {row["content_sha256"]: row["signature"] for row in rows["annotate/signatures"]}
    both = matrix(pa.array([signed[one], signed[other]], pa.binary()))
    return round(float(similarity(both[:1], both[1:])[0]), 3)


def test_the_survivor_and_its_similarity_are_named(rows: Rows, lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    near = [row for row in rows["decide/dropped"] if row["reasons"] == ["near_duplicate"]]
    place = {row["candidate"]: (row["repository"], row["path"]) for row in rows["decide/gates"]}
    assert near
    for row in near[:3]:
        assert main(["explain", row["candidate"], "--lake", str(lake)]) == 0
        told = capsys.readouterr().out
        repository, path = place[row["survivor"]]
        found = likeness(rows, row["candidate"], row["survivor"])
        assert f"in its place: {repository}  {path}  ({row['survivor'][:12]}, similarity {found:.2f})" in told


def test_the_same_is_in_the_json(rows: Rows, lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = next(row for row in rows["decide/dropped"] if row["reasons"] == ["near_duplicate"])
    assert main(["explain", row["candidate"], "--lake", str(lake), "--json"]) == 0
    told = json.dumps(json.loads(capsys.readouterr().out))
    assert row["survivor"] in told and f'"similarity": {likeness(rows, row["candidate"], row["survivor"]):.3f}'.rstrip("0") in told
