"""What `codemill label` refuses before it asks anybody."""

import pytest

from jobs.cli import main
from tests.label_runs import command
from tests.label_runs import lake as lake
from tests.label_runs import rows as rows


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
