"""`codemill label`, `agreement` and `train-scorer`, the commands themselves, over a real lake and a judge behind a real HTTP endpoint."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter

import pyarrow.compute as pc
import pytest

from gpu_scoring import prompt
from gpu_scoring.model_folder import load_scorer
from gpu_scoring.oracles import asked_with
from gpu_scoring.prompt import nonce_of
from jobs.cli import main
from schemas.decide import FEATURES
from schemas.ingest import CONTENTS
from schemas.lake import Lake
from schemas.ledger import LEDGER
from tests.judge_server import cut_connection, half_an_answer, judge_server
from tests.label_runs import FILES, command, judged_by, labels
from tests.lake_builder import HELD_OUT, lake_rows
from tests.source_files import standard_library
from udfs import rubric


@pytest.fixture(scope="module")
def rows():
    files = standard_library(10_000)
    return lake_rows(files[:400] + [file for file in files[400:] if file.repository == HELD_OUT])


@pytest.fixture
def lake(rows, tmp_path):
    return Lake.at(str(rows.write(tmp_path / "lake")))


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
        assert main(command(lake, *judged_by(server, "--timeout", "0.5"))) == 0
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
    asked = Counter()

    def behave(request):
        asked[request.nonce] += 1
        if len(asked) == 3:
            time.sleep(0.2)
            request.send(401, b"the key is no longer valid")
        else:
            time.sleep(0.8)
            request.rate(6)

    with judge_server(behave) as server:
        assert main(command(lake, *judged_by(server, "--concurrency", "5"))) == 1
    assert "answers 401" in capsys.readouterr().err
    (row,) = (row for row in lake.read(LEDGER).to_pylist() if row["job"] == "annotate.labels")
    assert row["status"] == "failed" and "answers 401" in row["error"]
    assert len(labels(lake)) == 4 == len(asked) - 1


def test_an_endpoint_that_answers_nothing_ends_the_run_and_says_so(lake, capsys):
    with judge_server(lambda request: request.send(500, b"broken")) as server:
        arguments = command(lake, *judged_by(server, "--attempts", "1"))
        assert main(arguments) == 1
        assert "did not answer about 11 files in a row" in capsys.readouterr().err
        assert sum(server.questions.values()) < FILES
    assert main(arguments) == 1  # nobody listens there any more


def test_an_endpoint_that_refuses_everything_ends_the_run_and_no_file_is_written_off(lake, capsys):
    with judge_server(lambda request: request.send(400, b"max_tokens is not supported")) as server:
        assert main(command(lake, *judged_by(server))) == 1
        assert sum(server.questions.values()) < FILES
    told = capsys.readouterr().err
    assert "refused 11 files in a row: 400 max_tokens is not supported" in told and "--body" in told
    assert not labels(lake)

    def behave(request):
        assert "max_tokens" not in request.body
        request.rate(6)

    with judge_server(behave) as server:
        body = '{"max_tokens": null, "max_completion_tokens": 600}'
        assert main(command(lake, *judged_by(server, "--body", body))) == 0
    assert {row["status"] for row in labels(lake)} == {"rated"}


def test_files_that_a_filter_of_contents_forbids_are_rows_and_a_key_that_ends_is_none(lake, capsys):
    def flags_some(request):
        request.send(403, b"flagged") if server.questions.total() % 6 == 0 else request.rate(6)

    with judge_server(flags_some) as server:
        assert main(command(lake, *judged_by(server, "--concurrency", "1"))) == 0
    assert Counter((row["status"], row["reason"], row["score"]) for row in labels(lake)) == {
        ("rated", None, 6): FILES * 5 // 6,
        ("failed", "refused", None): FILES // 6,
    }
    assert {row["answer"] for row in labels(lake) if row["score"] is None} == {"403 flagged"}
    assert f"{FILES // 6} failed: refused" in capsys.readouterr().out
    before = labels(lake)
    with judge_server(lambda request: request.send(403, b"who are you?")) as server:  # a run that continues learns it after eleven
        for more in (["--again"], ["--count", str(FILES + 20)]):
            assert main([*command(lake, *judged_by(server)), *more]) == 1
            assert "403 who are you?.\nExpected a model that it knows, a key that may use it" in capsys.readouterr().err
    assert labels(lake) == before


@pytest.mark.parametrize(
    ("say", "said"),
    [
        (lambda request: request.say("<think>The file is", finish="length"), "(20 cut_off). The last one ends: '<think>The file is'"),
        (lambda request: request.say("I would give it an 8."), "(20 no_rating). The last one ends: 'I would give it an 8.'"),
        (lambda request: request.say(None), "(20 empty_answer). They are empty."),
    ],
)
def test_a_judge_whose_answers_hold_no_rating_ends_the_run_and_is_told(lake, capsys, say, said):
    with judge_server(say) as server:
        assert main(command(lake, *judged_by(server, "--concurrency", "4"))) == 1
        assert 20 <= sum(server.questions.values()) == len(labels(lake)) < 20 + 2 * 4
    told = capsys.readouterr().err
    assert "gave no answer about 20 files that holds a rating " + said in told and "--answer-tokens" in told
    assert {row["status"] for row in labels(lake)} == {"unusable"}


def test_a_small_sample_without_a_rating_is_told_and_a_few_such_files_of_many_are_not(lake, capsys):
    few = ["label", "--lake", lake.root, "--shape", "natural", "--quiet", "--count"]
    with judge_server(lambda request: request.say("No.")) as server:
        assert main([*few, "3", *judged_by(server)]) == 1
        assert "gave no answer about 3 files that holds a rating" in capsys.readouterr().err
    with judge_server(lambda request: request.rate(5)) as server:
        assert main([*few, "6", *judged_by(server)]) == 0
    with judge_server(lambda request: request.say("No.")) as server:
        assert main([*few, "30", *judged_by(server)]) == 0
    assert Counter(row["status"] for row in labels(lake)) == {"rated": 3, "unusable": 27}


def test_the_thoughts_of_a_judge_are_kept_and_hold_no_rating(lake):
    thoughts = "<think>Rating {0}: [[2]], or rather Rating {0}: [[9]].</think>\nClear.\nRating {0}: [[7]]"
    with judge_server(lambda request: request.say(thoughts.format(request.nonce))) as server:
        assert main(command(lake, *judged_by(server))) == 0
    assert {(row["score"], row["explanation"], row["answer"][:7]) for row in labels(lake)} == {(7, "Clear.", "<think>")}


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


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        (["--judge", "http://127.0.0.1:9/v1"], 2, "--judge needs --model"),
        (["--judge", "http://127.0.0.1:9/v1", "--model", "m"], 2, "--budget-tokens or --budget-money"),
        (["--judge", "http://u", "--model", "m", "--budget-money", "5"], 2, "--prompt-price"),
        (["--judge", "http://u", "--model", "m", "--budget-money", "5", "--answer-price", "1"], 2, "what has no price costs nothing"),
        *(
            (["--judge", url, "--model", "m"], 2, "expected an address such as")
            for url in ("u", "http://", "http://[::1", "http://a:99999")
        ),
        (["--turn", "99999999999999999999"], 2, "--turn 99999999999999999999: expected at most"),
        (["--count", "-1"], 2, "--count -1: expected at least 1"),
        (["--concurrency", "100000000"], 2, "expected at most 1,000"),
        (["--timeout", "inf"], 2, "--timeout inf: expected at most"),
        (["--work", "/proc/nowhere"], 1, "/proc/nowhere/label.sqlite cannot be made"),
        (["--body", "[1]"], 2, "expected a JSON object"),
        (["--body", "{"], 2, "expected a JSON object"),
        (["--body", '{"max_tokens": null}'], 2, "a limit of the answer of at most --answer-tokens 600"),
        (["--body", '{"max_tokens": null, "max_tool_calls": 1}'], 2, "a limit of the answer of at most --answer-tokens 600"),
        (["--body", '{"max_completion_tokens": 100000}'], 2, "a limit of the answer of at most --answer-tokens 600"),
        (["--body", '{"n": 16}'], 2, "expected one answer to a question"),
        (["--share", "0"], 2, "expected more than 0"),
        (["--requests-per-minute", "0"], 2, "--requests-per-minute 0.0: expected at least"),
        (["--budget-tokens", "-5"], 2, "--budget-tokens -5: expected at least 0"),
        (["--timeout", "nan"], 2, "--timeout nan: expected at least"),
        (["--profile", "paper"], 1, "has no file of the profile paper"),
    ],
)
def test_a_wrong_command_says_what_was_expected(lake, capsys, more, status, said):
    assert main(command(lake, *more)) == status
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [("--judge", "", "the name is empty"), ("--model", "m\udcff", "'m\\udcff' is no UTF-8"), ("--model", " ", "the name is empty")],
)
def test_a_name_that_cannot_be_written_down_or_is_an_unset_variable_is_refused(lake, capsys, option, value, said):
    with pytest.raises(SystemExit, match="2"):
        main(command(lake, option, value))
    assert said in capsys.readouterr().err


def test_a_key_that_no_header_can_hold_is_refused_and_never_shown(lake, capsys, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret\rmore")
    assert main(command(lake, "--judge", "http://127.0.0.1:9/v1", "--model", "m", "--budget-tokens", "9999")) == 2
    told = capsys.readouterr().err
    assert "OPENAI_API_KEY has characters that no header can hold" in told and "secret" not in told


SMALL = ["--window", "64", "--hidden-size", "32", "--layers", "1", "--vocabulary-size", "400", "--threads", "1", "--quiet", "--json"]


def test_a_scorer_is_trained_on_the_labels_and_measured_on_held_out_repositories(lake, tmp_path, capsys):
    label = ["label", "--lake", lake.root, "--count", "400", "--shape", "natural", "--quiet"]
    main(label)
    main([*label, "--turn", "1", "--share", "0.5"])  # further turns are for agreement
    capsys.readouterr()
    assert main(["train-scorer", "--lake", lake.root, "--out", str(tmp_path / "scorer"), *SMALL]) == 0
    told = json.loads(capsys.readouterr().out)
    first = [row for row in labels(lake) if row["turn"] == 0]
    assert len(first) < len(labels(lake))
    rated = sum(row["status"] == "rated" for row in first)
    held = set(lake.read(FEATURES, ["candidate"], pc.field("is_held_out")).column(0).to_pylist())
    held_out = sum(row["content_sha256"] in held for row in first)
    assert told["scorer"]["files"] == held_out > 1
    assert told["train_files"] == rated - held_out
    assert set(told["baselines"]) == {"mean of training", "length and comments", "hashed n-grams"}
    assert load_scorer(tmp_path / "scorer").predict(["x = 1"])[0] >= 0
    (row,) = (row for row in lake.read(LEDGER).to_pylist() if row["job"] == "train.scorer")
    assert (row["status"], row["read_rows"]) == ("done", rated)
    card = (tmp_path / "scorer" / "README.md").read_text()
    assert told["model_hash"] in card and f"asked with version {rubric.VERSION} of its rules" in card
    score = ["score", "--lake", lake.root, "--model", str(tmp_path / "scorer"), "--threads", "1", "--quiet"]
    assert main(score) == 0
    version = first[0]["version"]
    learned = f"learned from: rubric (it counts, it does not judge), version {version} of the labels, asked with version {rubric.VERSION}"
    assert learned in capsys.readouterr().out
    assert main([*score, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["learned_from"]
    assert (said["oracle"], said["labels"]) == ("rubric", version) and said["asked_with"].startswith("version")


def test_what_a_scorer_cannot_be_trained_on_is_told(lake, tmp_path, capsys):
    train = ["train-scorer", "--lake", lake.root, "--out", str(tmp_path / "scorer"), *SMALL]
    assert main(train) == 1
    assert "holds no rating. Expected what `codemill label" in capsys.readouterr().err
    main(command(lake))
    with judge_server(lambda request: request.rate(6)) as server:
        main(command(lake, *judged_by(server)))
    capsys.readouterr()
    assert main(train) == 1
    told = capsys.readouterr().err
    assert "ratings of several oracles" in told and "(rubric)" in told and "(judge m)" in told
    judged = next(row["version"] for row in labels(lake) if row["oracle"] == "judge m")
    assert asked_with(lake, judged).startswith(f"version {prompt.VERSION} of the prompt, the first 24,000 bytes")
    assert main([*train, "--labels", "none"]) == 1
    assert "no rating of version none" in capsys.readouterr().err
    for wrong in (["--hidden-size", "50"], ["--seed", "-1"], ["--seed", str(2**64)], ["--threads", "-1"], ["--window", "0"]):
        assert main([*train, *wrong]) == 2
        assert f"codemill: {' '.join(wrong)}: expected" in capsys.readouterr().err
