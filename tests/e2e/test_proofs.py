"""Long proofs, run by `make proof`: many kills, and inputs that are large in one way each, within a bound of memory."""

import json
import random
import subprocess
import sys
import threading
import time

import psutil
import pytest

from jobs.cli import main
from schemas.ingest import FILES, REJECTS, REPOSITORIES
from tests.e2e.lakes import SMALL, codemill, content, hostile_sources, real_sources, rows, run_and_kill

pytestmark = [pytest.mark.proof, pytest.mark.timeout(7200)]
BOUND_BYTES = 4 << 30
KILLS = 30


class Watch(threading.Thread):
    """The highest sum of proportional set sizes of a process and all below it."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.process = psutil.Process(pid)
        self.highest = 0

    def run(self) -> None:
        while self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE:
            total = 0
            for process in [self.process, *self.process.children(recursive=True)]:
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:
                    continue
            self.highest = max(self.highest, total)
            time.sleep(0.5)


def watched(*arguments: str, module: str = "jobs") -> int:
    """Runs the command line and returns its highest memory."""
    process = subprocess.Popen([sys.executable, "-m", module, *arguments])
    watch = Watch(process.pid)
    watch.start()
    assert process.wait() == 0
    return watch.highest


def test_thirty_kills_at_random_moments_change_nothing(tmp_path):
    (tmp_path / "hostile").mkdir()
    (tmp_path / "real").mkdir()
    sources = [*real_sources(tmp_path / "real"), *hostile_sources(tmp_path / "hostile")[0]]
    named = [part for source in sources for part in ("--source", source)]

    def command(lake):
        return ["run", "--lake", str(lake), *named, "--until", "mix", "--quiet", *SMALL]

    codemill(*command(tmp_path / "undisturbed"))
    draw = random.Random(30)
    kills = lakes = 0
    while kills < KILLS:  # a lake that was finished before its kill came is the last of its kind
        broken = tmp_path / f"broken-{lakes}"
        lakes += 1
        while kills < KILLS and run_and_kill(command(broken), draw.uniform(4, 40), tmp_path / "log"):
            kills += 1
        codemill(*command(broken))
        assert content(broken) == content(tmp_path / "undisturbed")
    print(json.dumps({"kills": kills, "lakes": lakes}))


def test_the_demo_stays_within_the_bound(tmp_path, capsys):
    highest = watched("--out", str(tmp_path), module="jobs.demo")
    start = time.monotonic()
    assert main(["decide", "--what-if", "max_error_share=0.05", "--lake", str(tmp_path / "lake"), "--json"]) == 0
    what_if_s = time.monotonic() - start
    assert json.loads(capsys.readouterr().out)
    print(json.dumps({"highest_pss_gb": round(highest / 1e9, 2), "what_if_s": round(what_if_s, 2)}))
    assert highest < BOUND_BYTES, f"{highest / 1e9:.1f} GB"


def test_a_file_of_a_gigabyte_is_one_reject_within_the_bound(tmp_path):
    (tmp_path / "source").mkdir()
    with (tmp_path / "source" / "large.txt").open("wb") as file:
        for _ in range(1024):
            file.write(b"a line of text\n" * ((1 << 20) // 15))
    (tmp_path / "source" / "small.py").write_text("print('small')\n")
    highest = watched("run", "--lake", str(tmp_path / "lake"), "--source", str(tmp_path / "source"), "--until", "decide", "--quiet")
    assert [row["reason"] for row in rows(tmp_path / "lake", REJECTS)] == ["too_large"]
    print(json.dumps({"bytes": 1 << 30, "highest_pss_gb": round(highest / 1e9, 2)}))
    assert highest < BOUND_BYTES, f"{highest / 1e9:.1f} GB"


def test_a_repository_of_200000_files_stays_within_the_bound(tmp_path):
    for folder in range(200):
        (tmp_path / "source" / f"{folder:03}").mkdir(parents=True)
        for number in range(1000):
            (tmp_path / "source" / f"{folder:03}" / f"{number:03}.py").write_text(f"value = {folder * 1000 + number}\n")
    highest = watched("run", "--lake", str(tmp_path / "lake"), "--source", str(tmp_path / "source"), "--until", "decide", "--quiet")
    assert [row["file_count"] for row in rows(tmp_path / "lake", REPOSITORIES)] == [200_000]
    assert len(rows(tmp_path / "lake", FILES)) == 200_000
    print(json.dumps({"files": 200_000, "highest_pss_gb": round(highest / 1e9, 2)}))
    assert highest < BOUND_BYTES, f"{highest / 1e9:.1f} GB"
