"""A repository that the demo is given and that is none is told at once, and not after the whole run."""

import sys
from pathlib import Path

import pytest

from jobs import demo


@pytest.mark.parametrize(("name", "said"), [("nowhere", "Nothing lies at"), (".", "is no git repository")])
def test_a_repository_that_is_none_is_a_wrong_argument_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["demo", "--repository", str(tmp_path / name), "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as ended:
        demo.main()
    assert ended.value.code == 2 and said in capsys.readouterr().err and not (tmp_path / "out").exists()
