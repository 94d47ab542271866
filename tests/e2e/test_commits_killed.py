"""The jobs of commits, killed by SIGKILL while their tasks write: what the next run leaves is what an undisturbed one does."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from jobs.ingest import commits, files
from jobs.ingest.commits import CommitsParams as ReadParams
from jobs.ingest.files import IngestParams
from schemas.ingest import COMMITS, REPOSITORIES
from tests.git_history import History
from tests.spark.test_commit_documents import documents, keep, made_without_spark
from tests.spark.test_commits import read_without_spark, rows


def test_what_a_killed_run_of_either_job_leaves_is_finished_by_the_next(tables, tmp_path):
    history = History(tmp_path / "repository")
    for number in range(30):
        history.commit(f"Let the parser read {number} options", {"a.py": f"options = {number}\n", f"b{number % 7}.py": f"x = {number}\n"})
    for write in files.transform(tables, IngestParams((f"git:{history.path}",))):
        tables.apply(write)
    kill_while_it_writes("ingest.commits", Path(tables.lake.root), "commits", tmp_path / "log")
    for write in commits.transform(tables, ReadParams(range_commits=7)):
        tables.apply(write)
    assert rows(tables) == read_without_spark(history, tmp_path)
    keep(tables, [row.commit for row in tables[COMMITS].collect()])
    kill_while_it_writes("assemble.commits", Path(tables.lake.root), "made", tmp_path / "log")
    (bundle,) = (Path(tables.lake.root) / row.history for row in tables[REPOSITORIES].collect())
    found = documents(tables, range_commits=7)
    assert found == made_without_spark(tables, bundle) and len(found[1]) == 30


def kill_while_it_writes(job: str, lake: Path, staged: str, log: Path) -> None:
    """Starts a job, and kills all its processes once the folder is there that its tasks write to."""
    with log.open("ab") as out:
        command = [sys.executable, "-m", "jobs", job, "--lake", str(lake), "--quiet"]
        process = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)
        while process.poll() is None and not list(lake.glob(f"_staging/*/{staged}")):
            time.sleep(0.02)
        assert process.poll() is None, log.read_text()[-2000:]
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
