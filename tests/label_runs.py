"""`codemill label` as tests call it, and what it leaves."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from schemas.annotate import LABELS
from schemas.lake import Lake
from tests.judge_server import Server
from tests.lake_builder import LakeRows, lake_rows
from tests.source_files import standard_library

FILES = 60


@pytest.fixture(scope="module")
def rows() -> LakeRows:
    return lake_rows(standard_library(10_000)[:150])


@pytest.fixture
def lake(rows: LakeRows, tmp_path: Path) -> Lake:
    return Lake.at(str(rows.write(tmp_path / "lake")))


def command(lake: Lake, *more: str) -> list[str]:
    return ["label", "--lake", lake.root, "--count", str(FILES), "--shape", "natural", "--quiet", *more]


def judged_by(server: Server, *more: str) -> list[str]:
    return ["--judge", server.url, "--model", "m", "--budget-tokens", "10000000", "--timeout", "60", *more]


def started(arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "jobs", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def labels(lake: Lake) -> list[dict[str, Any]]:
    return lake.read(LABELS).to_pylist()  # type: ignore[no-any-return]
