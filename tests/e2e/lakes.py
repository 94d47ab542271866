"""What end-to-end tests share: real and hostile sources, running the command line, and comparing lakes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from schemas import ALL_TABLES
from schemas.lake import Lake
from tests.hostile import build_hostile_archives, build_hostile_folder, build_hostile_git

STDLIB = Path(sysconfig.get_path("stdlib"))
SMALL = [
    "--set", "mix.tokenizer.vocabulary_size=512", "--set", "mix.tokenizer.sample_bytes=400000",
    "--set", "mix.sequences.window=256", "--set", "mix.sequences.hash_groups=4",
    "--set", "decide.features.held_out_rate=0.4",
]  # fmt: skip
# What two runs over one input may differ in: the ledger, and bookkeeping by times of files.
COMPARED = [table for table in ALL_TABLES if table.name not in ("ledger", "bookkeeping/fingerprints")]


def real_sources(root: Path) -> list[str]:
    """Three small packages of the standard library, as folder, archive and git repository with two commits."""
    folder = root / "json"
    shutil.copytree(STDLIB / "json", folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "broken.py").write_text("def broken(:\n    return\n")
    shutil.make_archive(str(root / "wsgiref"), "gztar", STDLIB, "wsgiref")
    repository = root / "logging"
    shutil.copytree(STDLIB / "logging", repository, ignore=shutil.ignore_patterns("__pycache__"))
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    dated = os.environ | {"GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000000 +0000"}
    for command in (
        ["init", "-q", "-b", "main"],
        ["add", "handlers.py"],
        ["commit", "-qm", "one"],
        ["add", "-A"],
        ["commit", "-qm", "two"],
    ):
        subprocess.run(["git", *identity, *command], cwd=repository, check=True, env=dated)
    return [str(folder), str(root / "wsgiref.tar.gz"), str(repository)]


def hostile_sources(root: Path) -> tuple[list[str], dict[tuple[str, str], str | None]]:
    """Sources, and by (repository, path) what each entry must become: None for a file, else the reason of its reject."""
    expected: dict[tuple[str, str], str | None] = {}
    names = {"folder": root / "folder", "git": root / "git" / "repository"}
    for path, reason in build_hostile_folder(root / "folder").items():
        expected["folder", path] = reason
    for path, reason in build_hostile_git(root / "git").items():
        expected["git", path] = reason
    for name, entries in build_hostile_archives(root / "archives").items():
        names[name] = root / "archives" / name
        expected |= {(name, path): reason for path, reason in entries.items()}
    return [f"{name}={path}" for name, path in names.items()], expected


def codemill(*arguments: str, environment: dict[str, str] | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "jobs", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(environment or {})}, check=False)
    assert not check or done.returncode == 0, done.stderr[-4000:]
    return done


def run_and_kill(arguments: list[str], after_s: float, log: Path) -> bool:
    """Starts a run and kills it with all its processes after some seconds. Whether it was still running."""
    with log.open("ab") as out:
        process = subprocess.Popen([sys.executable, "-m", "jobs", *arguments], stdout=out, stderr=out, start_new_session=True)
        try:
            process.wait(after_s)
            return False
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return True


def content(lake: Path | str) -> dict[str, list[str]]:
    """Every table's rows, as sorted JSON, without the columns that measure the run."""
    found = {}
    for table in COMPARED:
        rows = Lake.at(str(lake)).read(table, [name for name in table.names if name not in table.timings]).to_pylist()
        found[table.name] = sorted(json.dumps(row, sort_keys=True, default=bytes.hex) for row in rows)
    return found


def rows(lake: Path, table: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in Lake.at(str(lake)).read(table).to_pylist()]


def versions(lake: Path) -> dict[str, int | None]:
    return {table.name: Lake.at(str(lake)).version(table) for table in ALL_TABLES if table.name != "ledger"}
