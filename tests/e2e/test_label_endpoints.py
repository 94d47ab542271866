"""`codemill label` and endpoints that are no judge: silent, refusing, or without a rating in what they say."""

from collections import Counter

import pytest

from jobs.cli import main
from tests.judge_server import judge_server
from tests.label_runs import FILES, command, judged_by, labels
from tests.label_runs import lake as lake
from tests.label_runs import rows as rows


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
