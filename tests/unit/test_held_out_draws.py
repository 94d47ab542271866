"""What is frozen has not seen what is held out now, by the account of the runs."""

import json
from typing import Any

import pytest

from jobs.decide.held_out_draws import check_unseen, draws
from jobs.runtime.errors import UsageError
from schemas.lake import Lake

TOKENIZERS = "mix/tokenizers"


def features(rate: float, seed: str = "held-out", status: str = "done") -> dict[str, Any]:
    return {
        "job": "decide.features",
        "status": status,
        "written": [],
        "parameters": json.dumps({"held_out_rate": rate, "held_out_seed": seed}),
    }


def trained(name: str = "default", rows: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "job": "mix.tokenizer",
        "status": "done",
        "written": [{"name": TOKENIZERS, "count": rows}],
        "parameters": json.dumps({"name": name} | more),
    }


@pytest.mark.parametrize(
    ("ledger", "then", "now"),
    [
        ([features(0.1), trained()], [(0.1, "held-out")], (0.1, "held-out")),
        ([features(0.1), trained(), features(0.2)], [(0.1, "held-out")], (0.2, "held-out")),
        ([features(0.1), trained(), features(0.2), trained(rows=0)], [(0.1, "held-out")], (0.2, "held-out")),
        ([features(0.1), trained(), features(0.2), trained(retrain=True)], [(0.2, "held-out")], (0.2, "held-out")),
        ([features(0.1), trained("other"), features(0.2), trained()], [(0.2, "held-out")], (0.2, "held-out")),
        ([features(0.1), trained(), features(0.2, status="failed")], [(0.1, "held-out")], (0.1, "held-out")),
        ([trained(), features(0.2)], [], (0.2, "held-out")),
    ],
)
def test_the_draws_then_and_now_are_those_of_the_ledger(ledger: list[dict[str, Any]], then: Any, now: Any) -> None:
    assert draws(ledger, "mix.tokenizer", TOKENIZERS, {"name": "default"}) == (then, now)


@pytest.mark.parametrize(
    ("now", "is_refused"),
    [
        ((0.1, "held-out"), False),
        ((0.05, "held-out"), False),
        ((0.2, "held-out"), True),
        ((0.1, "another"), True),
        ((0.0, "another"), False),
    ],
)
def test_more_or_another_draw_held_out_than_when_it_was_trained_is_refused(
    now: tuple[float, str], is_refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.decide.held_out_draws.runs", lambda _: [features(0.1), trained(), features(*now)])
    asked = (Lake.at("nowhere"), "mix.tokenizer", TOKENIZERS, "Train another")
    if not is_refused:
        check_unseen(*asked, name="default")
        return
    with pytest.raises(UsageError, match=r"when mix\.tokenizer last trained it was 0\.1 .* Train another, or hold out as before"):
        check_unseen(*asked, name="default")
