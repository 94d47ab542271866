"""Labels of a lake on S3: what waits on a machine that is lost, and what is asked again."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import boto3
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from gpu_scoring import keeper
from jobs.cli import main
from schemas.decide import GATES
from schemas.ingest import CONTENTS
from schemas.lake import Lake, storage_options
from tests.e2e.test_s3 import ACCESS, endpoint
from tests.judge_server import judge_server
from tests.label_runs import FILES, command, judged_by, labels
from tests.lake_builder import lake_rows
from tests.source_files import standard_library


@pytest.fixture
def lake(tmp_path, monkeypatch):
    """On a server of this machine."""
    log = tmp_path / "log"
    with log.open("w") as out:
        program = [str(Path(sys.executable).with_name("moto_server")), "--host", "127.0.0.1", "--port", "0"]
        server = subprocess.Popen(program, stdout=out, stderr=out)
    for name, value in (ACCESS | {"AWS_ENDPOINT_URL": endpoint(server, log)}).items():
        monkeypatch.setenv(name, value)
    boto3.client("s3").create_bucket(Bucket="labels")
    lake = Lake.at("s3://labels/lake")
    lake.create()
    rows = lake_rows(standard_library(10_000)[:150]).rows
    for table in (GATES, CONTENTS):
        data = pa.Table.from_pylist(rows[table.name], schema=table.arrow_schema)
        write_deltalake(lake.path(table.name), data, storage_options=storage_options())
    yield lake
    server.terminate()
    server.wait()


OFTEN = "from gpu_scoring import keeper; keeper.COMMIT_ROWS = 10; from jobs.cli import main; main({})"


def test_a_machine_that_is_lost_takes_little_with_it_and_failures_are_replaced(lake, tmp_path):
    def behave(request):
        time.sleep(0.02)
        request.rate(6) if request.count or int(request.nonce, 16) % 3 else request.say("No.")

    with judge_server(behave) as server:
        arguments = command(lake, *judged_by(server, "--work", str(tmp_path / "sheets"), "--concurrency", "2"))
        running = subprocess.Popen([sys.executable, "-c", OFTEN.format(arguments)], stdout=subprocess.DEVNULL)
        while server.questions.total() < 35 and running.poll() is None:
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.wait()
        kept = len(labels(lake))
        assert 20 <= kept < server.questions.total() < FILES
        shutil.rmtree(tmp_path / "sheets")
        lost = server.questions.total() - kept
        assert main(arguments) == 0
        assert server.questions.total() == FILES + lost
        assert lost <= 10 + 2 * 2
        failed = [row for row in labels(lake) if row["status"] != "rated"]
        before = server.questions.total()
        assert main([*arguments, "--again"]) == 0
        assert server.questions.total() == before + len(failed) > before
    assert Counter(row["status"] for row in labels(lake)) == {"rated": FILES}


def test_a_store_that_is_gone_for_a_while_costs_no_answer(lake, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(keeper, "COMMIT_ROWS", 10)
    there = os.environ["AWS_ENDPOINT_URL"]

    def behave(request):
        if server.questions.total() == 9:
            monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        time.sleep(0.1)
        request.rate(6)

    with judge_server(behave) as server:
        arguments = command(lake, *judged_by(server, "--work", str(tmp_path / "sheets"), "--concurrency", "4"))
        assert main(arguments) == 1
        asked, told = server.questions.total(), capsys.readouterr().err
        assert f"\n{asked} answers wait in {tmp_path}/sheets/label.sqlite, and nothing is lost" in told and "\x1b" not in told
        monkeypatch.setenv("AWS_ENDPOINT_URL", there)
        assert main(arguments) == 0
        assert server.questions.total() == FILES == len(labels(lake)) and asked < FILES
