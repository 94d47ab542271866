"""`codemill label` as tests call it, and what it leaves."""

import subprocess
import sys
from typing import Any

from schemas.annotate import LABELS
from schemas.lake import Lake
from tests.judge_server import Server

FILES = 60


def command(lake: Lake, *more: str) -> list[str]:
    return ["label", "--lake", lake.root, "--count", str(FILES), "--shape", "natural", "--quiet", *more]


def judged_by(server: Server, *more: str) -> list[str]:
    return ["--judge", server.url, "--model", "m", "--budget-tokens", "10000000", "--timeout", "2", *more]


def started(arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "jobs", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def labels(lake: Lake) -> list[dict[str, Any]]:
    return lake.read(LABELS).to_pylist()  # type: ignore[no-any-return]
