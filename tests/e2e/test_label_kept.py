"""What `codemill label` was answered is kept, whatever ends it, and what is no rating is asked again when that is wished for."""

import json
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from gpu_scoring import keeper
from jobs.cli import main
from schemas.annotate import LABELS
from schemas.lake import Lake
from schemas.ledger import LEDGER
from tests.disks import small_disk_at
from tests.judge_server import judge_server
from tests.label_runs import FILES, command, judged_by, labels, started
from tests.label_runs import lake as lake
from tests.label_runs import rows as rows


def failing_first(request):
    """Every third question has no usable answer, every other third is refused, when it is asked for the first time."""
    kind = int(request.nonce, 16) % 3
    if request.count or kind == 0:
        request.rate(6)
    elif kind == 1:
        request.say("I cannot say.")
    else:
        request.send(400, b"too long")


def test_what_has_no_rating_is_asked_again_and_what_has_one_is_not(lake, capsys):
    with judge_server(failing_first) as server:
        arguments = command(lake, *judged_by(server, "--json"))
        assert main(arguments) == 0
        first = {row["content_sha256"]: row for row in labels(lake)}
        failed = {key for key, row in first.items() if row["status"] != "rated"}
        assert len(failed) > 10 and {row["status"] for row in first.values()} == {"rated", "unusable", "failed"}
        assert main(arguments) == 0
        assert sum(server.questions.values()) == FILES
        capsys.readouterr()
        assert main([part for part in arguments if part != "--quiet"] + ["--again"]) == 0
        told = capsys.readouterr()
        assert json.loads(told.out)["asked"] == len(failed)
        assert f"asks m about {len(failed):,} files" in told.err
        assert server.questions.total() == FILES + len(failed)
    second = {row["content_sha256"]: row for row in labels(lake)}
    assert len(labels(lake)) == FILES and {row["status"] for row in second.values()} == {"rated"}
    assert all(second[key] == first[key] for key in first.keys() - failed)


def test_texts_that_are_refused_again_keep_nobody_from_the_others(lake, capsys):
    with judge_server(failing_first) as server:
        assert main(command(lake, *judged_by(server))) == 0
    first = {row["content_sha256"]: row["status"] for row in labels(lake)}
    refused = {key for key, status in first.items() if status == "failed"}
    assert len(refused) > 11  # more than a run takes in a row that asks for the first time

    def refusing(request):
        kind = int(request.nonce, 16) % 3
        request.rate(6) if kind == 1 else request.send(400, b"too long")

    for status in (0, 1):  # the second time there are no others
        with judge_server(refusing) as server:
            assert main(command(lake, *judged_by(server, "--again", "--concurrency", "1"))) == status
        assert {row["content_sha256"] for row in labels(lake) if row["status"] != "rated"} == refused
    assert "Or it takes none of these texts: what the lake says of them stays." in capsys.readouterr().err


def test_the_newest_answer_counts_also_where_it_fails_again(lake):
    with judge_server(failing_first) as server:
        assert main(command(lake, *judged_by(server))) == 0
    failed = {row["content_sha256"] for row in labels(lake) if row["status"] != "rated"}
    with judge_server(lambda request: request.say("Still no.")) as server:
        assert main(command(lake, *judged_by(server, "--again"))) == 0
    assert {row["content_sha256"] for row in labels(lake) if row["answer"] == "Still no."} == failed
    assert len(labels(lake)) == FILES


def test_answers_of_a_second_asking_that_is_killed_are_not_lost(lake):
    with judge_server(failing_first) as server:
        assert main(command(lake, *judged_by(server))) == 0
        failed = sum(row["status"] != "rated" for row in labels(lake))
    with judge_server(lambda request: (time.sleep(0.1), request.rate(9))) as server:
        arguments = command(lake, *judged_by(server, "--concurrency", "2", "--again"))
        running = started(arguments)
        while server.questions.total() < failed // 2 and running.poll() is None:
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.wait()
        assert main(arguments) == 0
        assert failed <= server.questions.total() <= failed + 2
    assert Counter(row["score"] for row in labels(lake) if row["score"] == 9) == {9: failed}


def test_what_is_under_way_when_the_lake_cannot_be_written_is_asked_once(lake, monkeypatch, capsys):
    """The table's log is a file for a while."""
    log = Path(lake.path(LABELS.name)) / "_delta_log"
    monkeypatch.setattr(keeper, "COMMIT_ROWS", 10)

    def behave(request):
        if server.questions.total() == 9:
            log.rename(log.with_name("saved"))
            log.touch()
        time.sleep(0.3)
        request.rate(6)

    with judge_server(behave) as server:
        arguments = command(lake, *judged_by(server, "--concurrency", "6"))
        assert main(arguments) == 1
        told = capsys.readouterr().err
        asked = server.questions.total()
        assert "annotate/labels cannot be written" in told and f"{asked} answers wait in" in told
        assert 10 < asked < FILES
        log.unlink()
        log.with_name("saved").rename(log)
        assert main(arguments) == 0
        assert server.questions.total() == FILES and set(server.questions.values()) == {1}
    assert len(labels(lake)) == FILES


@pytest.fixture
def small_disk(tmp_path):
    yield from small_disk_at(tmp_path / "disk", "40m")


def test_a_lake_that_becomes_read_only_is_one_clear_error(rows, small_disk, tmp_path, monkeypatch, capsys):
    lake = Lake.at(str(rows.write(small_disk / "lake")))
    monkeypatch.setattr(keeper, "COMMIT_ROWS", 10)

    def behave(request):
        if server.questions.total() == 5:
            subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        request.rate(6)

    with judge_server(behave) as server:
        arguments = command(lake, *judged_by(server, "--work", str(tmp_path / "work")))
        assert main(arguments) == 1
        assert "annotate/labels cannot be written" in capsys.readouterr().err
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
        assert main(arguments) == 0
        assert server.questions.total() == FILES
    assert len(labels(lake)) == FILES


def test_answers_are_in_the_lake_soon_also_when_no_further_one_comes(lake, monkeypatch):
    monkeypatch.setattr(keeper, "COMMIT_S", 0.5)
    seen = []

    def behave(request):
        if server.questions.total() > 4:  # nobody answers until the first four are in the lake
            until = time.monotonic() + 10
            while len(labels(lake)) < 4 and time.monotonic() < until:
                time.sleep(0.05)
            seen.append(len(labels(lake)))
        request.rate(6)

    with judge_server(behave) as server:
        assert main(command(lake, *judged_by(server, "--concurrency", "2", "--timeout", "20"))) == 0
    assert min(seen) >= 4 and len(labels(lake)) == FILES


def answer_slowly(request):
    time.sleep(1)
    request.rate(7)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize(
    ("behave", "options", "answered"),
    [
        (lambda request: request.send(429, b"slowly", {"retry-after": "60"}), [], 10),
        (answer_slowly, [], 13),  # those that are under way are waited for
        (answer_slowly, ["--requests-per-minute", "2"], 1),
    ],
    ids=["another attempt", "an answer", "its pace"],
)
def test_a_run_that_is_told_to_stop_does_so_soon_and_keeps_what_it_was_answered(lake, number, status, behave, options, answered):
    with judge_server(lambda request: request.rate(6) if server.questions.total() <= 10 else behave(request)) as server:
        running = started(command(lake, *judged_by(server, "--concurrency", "3", "--timeout", "60", *options)))
        while server.questions.total() < (1 if answered == 1 else 13) and running.poll() is None:
            time.sleep(0.01)
        time.sleep(0.2)
        begun = time.monotonic()
        running.send_signal(number)
        _, told = running.communicate(timeout=60)
        assert time.monotonic() - begun < 20
    assert running.returncode == status
    assert f"ended by {signal.Signals(number).name}: {answered} answers came now and are in the lake, {FILES - answered} files" in told
    assert "The same command continues" in told
    assert len(labels(lake)) == answered
    assert next(row["status"] for row in lake.read(LEDGER).to_pylist() if row["job"] == "annotate.labels") == "failed"


def test_an_answer_that_hangs_is_not_waited_for(lake, tmp_path):
    with judge_server(lambda request: time.sleep(30)) as server:
        running = started(command(lake, *judged_by(server, "--concurrency", "2", "--timeout", "60")))
        while server.questions.total() < 2 and running.poll() is None:
            time.sleep(0.01)
        begun = time.monotonic()
        running.send_signal(signal.SIGINT)
        time.sleep(0.5)
        running.send_signal(signal.SIGINT)  # the second one waits for nothing
        running.communicate(timeout=60)
        assert time.monotonic() - begun < 20 and running.returncode == 130
