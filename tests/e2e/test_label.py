"""`codemill label` and `agreement`, the commands themselves, over a real lake and a judge behind a real HTTP endpoint."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

from gpu_scoring.prompt import nonce_of
from jobs.cli import main
from schemas.ingest import CONTENTS
from schemas.ledger import LEDGER
from tests.judge_server import cut_connection, half_an_answer, judge_server
from tests.label_runs import FILES, command, judged_by, labels
from tests.label_runs import lake as lake
from tests.label_runs import rows as rows


def texts(lake):
    rows = lake.read(CONTENTS, ["content_sha256", "text"])
    return dict(zip(*(column.to_pylist() for column in rows.columns), strict=True))


def test_the_rubric_rates_a_sample_once(lake, capsys):
    assert main(command(lake, "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    found = labels(lake)
    assert len(found) == FILES == told["asked"] and told["left"] == 0
    assert {row["oracle"] for row in found} == {"rubric"}
    assert sum(told["answers"].values()) == FILES == sum(told["scores"].values())
    assert main(command(lake, "--json")) == 0
    assert json.loads(capsys.readouterr().out)["asked"] == 0
    assert labels(lake) == found
    rows = [row for row in lake.read(LEDGER).to_pylist() if row["job"] == "annotate.labels"]
    assert sorted((row["status"], row["read_rows"], row["written_rows"]) for row in rows) == [("done", FILES, 0), ("done", FILES, FILES)]


def test_a_larger_sample_asks_only_about_what_is_new(lake, capsys):
    main(command(lake))
    before = {row["content_sha256"] for row in labels(lake)}
    assert main(["label", "--lake", lake.root, "--count", str(FILES + 20), "--shape", "natural", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["asked"] == 20
    assert before < {row["content_sha256"] for row in labels(lake)}


def test_every_answer_is_a_row_and_files_that_give_orders_do_not_get_their_wish(lake):
    """A judge that answers well, with nothing, with two ratings, out of range, with the file's own words; and refuses some files."""

    def behave(request):
        kind = int(request.nonce, 16) % 7
        answers = {
            0: lambda: request.rate(8),
            1: lambda: request.say(f"Rating {request.nonce}: [[3]] or Rating {request.nonce}: [[4]]"),
            2: lambda: request.rate(42),
            3: lambda: request.say("Rating: [[10]] as the file says"),
            4: lambda: request.send(400, b"too long"),
            5: lambda: request.say("The names", finish="length"),
            6: lambda: request.say(None),
        }
        answers[kind]()

    expected = {0: "rated", 1: "two_ratings", 2: "out_of_range", 3: "no_rating", 4: "refused", 5: "cut_off", 6: "empty_answer"}
    with judge_server(behave) as server:
        assert main(command(lake, *judged_by(server))) == 0
    text, found = texts(lake), labels(lake)
    assert len(found) == FILES
    for row in found:
        kind = int(nonce_of(text[row["content_sha256"]]), 16) % 7
        assert (row["reason"] or row["status"]) == expected[kind]
        assert row["score"] == (8 if kind == 0 else None)
    assert len({row["status"] for row in found}) == 3


def test_troubles_that_pass_cost_no_answer(lake, monkeypatch):
    troubles = [cut_connection, half_an_answer, lambda request: request.send(500, b"oops"), lambda request: request.send(429, b"")]

    def behave(request):
        if request.count < 2:
            troubles[(int(request.nonce, 16) + request.count) % 4](request)
        else:
            request.rate(5)

    monkeypatch.setattr("gpu_scoring.judge.random.uniform", lambda least, most: 0.001)
    with judge_server(behave) as server:
        assert main(command(lake, *judged_by(server))) == 0
    assert [(row["status"], row["attempts"]) for row in labels(lake)] == [("rated", 3)] * FILES


def test_a_run_that_is_killed_goes_on_and_pays_for_no_answer_twice(lake, tmp_path):
    threads = 4

    def behave(request):
        time.sleep(0.05)
        request.rate(6)

    with judge_server(behave) as server:
        arguments = command(lake, *judged_by(server, "--concurrency", str(threads)))
        running = subprocess.Popen([sys.executable, "-m", "jobs", *arguments], stdout=subprocess.DEVNULL)
        while sum(server.questions.values()) < FILES // 2 and running.poll() is None:
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.wait()
        asked = sum(server.questions.values())
        assert asked < FILES
        assert main(arguments) == 0
        twice = sum(count > 1 for count in server.questions.values())
        assert sum(server.questions.values()) <= FILES + threads
        assert twice <= threads
    assert Counter(row["status"] for row in labels(lake)) == {"rated": FILES}
    assert not list((tmp_path / "lake" / "label").iterdir())


def test_answers_that_a_killed_run_paid_for_survive_a_run_of_another_oracle(lake):
    def behave(request):
        time.sleep(0.05)
        request.rate(6)

    with judge_server(behave) as server:
        arguments = command(lake, *judged_by(server, "--concurrency", "2"))
        running = subprocess.Popen([sys.executable, "-m", "jobs", *arguments], stdout=subprocess.DEVNULL)
        while sum(server.questions.values()) < FILES // 2 and running.poll() is None:
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.wait()
        assert main(command(lake)) == 0
        assert main(arguments) == 0
        assert sum(server.questions.values()) <= FILES + 2
    assert Counter(row["oracle"] for row in labels(lake)) == {"rubric": FILES, "judge m": FILES}


def test_a_second_run_beside_the_first_is_refused(lake, tmp_path, capsys):
    def behave(request):
        time.sleep(0.3)
        request.rate(6)

    with judge_server(behave) as server:
        arguments = command(lake, *judged_by(server, "--concurrency", "2"))
        running = subprocess.Popen([sys.executable, "-m", "jobs", *arguments], stdout=subprocess.DEVNULL)
        while not server.questions and running.poll() is None:
            time.sleep(0.01)
        assert main(arguments) == 1
        assert "is in use" in capsys.readouterr().err
        running.terminate()
        running.wait()


def test_a_budget_ends_the_run_and_the_next_one_continues(lake, capsys):
    def behave(request):
        request.say(f"Rating {request.nonce}: [[6]]", usage={"prompt_tokens": 1900, "completion_tokens": 100})

    with judge_server(behave) as server:
        limit = ["--judge", server.url, "--model", "m", "--concurrency", "1", "--budget-tokens"]
        assert main([*command(lake, *limit, "50000"), "--json"]) == 1
        told = json.loads(capsys.readouterr().out)
        assert 0 < told["asked"] < FILES and told["left"] == FILES - told["asked"]
        assert told["spent"]["tokens"] <= 50000 and "budget" in told["stopped"]
        first = [row["content_sha256"] for row in labels(lake)]
        assert main(command(lake, *limit, "10000000")) == 0
        assert sum(server.questions.values()) == FILES
    assert set(first) < {row["content_sha256"] for row in labels(lake)}


def test_answers_that_are_under_way_when_the_endpoint_turns_away_are_kept(lake, capsys):
    all_asked, turned_away = threading.Barrier(5), threading.Event()

    def behave(request):
        if all_asked.wait(60) == 0:
            request.send(401, b"the key is no longer valid")
            turned_away.set()
        else:
            turned_away.wait(60)
            time.sleep(0.3)
            request.rate(6)

    with judge_server(behave) as server:
        assert main(command(lake, *judged_by(server, "--concurrency", "5"))) == 1
        assert server.questions.total() == 5
    assert "answers 401" in capsys.readouterr().err
    (row,) = (row for row in lake.read(LEDGER).to_pylist() if row["job"] == "annotate.labels")
    assert row["status"] == "failed" and "answers 401" in row["error"]
    assert len(labels(lake)) == 4


def test_what_it_may_cost_is_told_before_the_first_question(lake, capsys):
    asked = []
    with judge_server(lambda request: (asked.append(capsys.readouterr().err), request.rate(6))) as server:
        loud = [part for part in command(lake) if part != "--quiet"]
        assert main([*loud, *judged_by(server, "--concurrency", "1", "--prompt-price", "2", "--answer-price", "8")]) == 0
    assert f"asks m about {FILES} files" in asked[0] and "in money)" in asked[0] and "at most 10,000,000 tokens" in asked[0]


def test_an_oracle_is_asked_twice_and_its_agreement_told(lake, capsys):
    with judge_server(lambda request: request.rate(int(request.nonce, 16) % 5 + min(request.count, 1))) as server:
        main(command(lake, *judged_by(server)))
        main(command(lake, *judged_by(server, "--turn", "1", "--share", "0.5")))
        main(command(lake))
    turns = Counter((row["oracle"], row["turn"]) for row in labels(lake))
    again = turns["judge m", 1]
    assert turns == {("judge m", 0): FILES, ("judge m", 1): again, ("rubric", 0): FILES} and FILES // 4 < again < FILES * 3 // 4
    capsys.readouterr()
    assert main(["agreement", "--lake", lake.root, "--json"]) == 0
    found = {(row["one"].split(" (")[0], row["other"].split(" (")[0]): row for row in json.loads(capsys.readouterr().out)}
    itself = found["judge m", "judge m"]
    assert (itself["files"], itself["mae"], itself["equal_share"], itself["within_one_share"]) == (again, 1, 0, 1)
    assert found["judge m", "rubric"]["files"] in (FILES, again)
