import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import LlamaForCausalLM

from training.__main__ import main
from training.errors import PlanError
from training.model import config_of
from training.plan import Phase, Plan, steps_for
from training.plans import PLANS, PROBE, plan_named, with_values
from training.shapes import SHAPES
from training.steps import planned_steps

PHASE = Phase("one", 100, 64, 8, 1.0, warmup_steps=10)


@pytest.mark.parametrize("name", SHAPES)
def test_the_count_of_parameters_is_that_of_the_model_itself(name: str) -> None:
    """On the meta device a model has sizes and no weights."""
    with torch.device("meta"):
        model = LlamaForCausalLM(config_of(SHAPES[name], 32_000, 8192, 10_000.0))
    assert SHAPES[name].parameters(32_000) == model.num_parameters()


def test_the_largest_model_has_the_sizes_of_the_report() -> None:
    shape = SHAPES["seed_coder_8b"]
    assert (shape.layers, shape.hidden_size, shape.intermediate_size) == (36, 4096, 14336)
    assert (shape.heads, shape.key_value_heads, shape.tie_embeddings) == (32, 8, False)
    assert shape.parameters(0) == 7_852_036_096


def test_plans_of_the_report_have_a_longer_window_and_a_tenth_of_the_rate_in_the_second_phase() -> None:
    for plan in PLANS.values():
        regular, continued = plan.phases
        assert continued.window > regular.window
        assert continued.learning_rate == pytest.approx(regular.learning_rate / 10)
    tokens = [phase.steps * phase.window * phase.batch_size for phase in PLANS["seed_coder_8b"].phases]
    assert tokens == pytest.approx([5e12, 1e12], rel=1e-4)
    assert steps_for(1e6, 100, 10) == 1000


def test_a_cosine_warms_up_and_falls_to_its_share() -> None:
    rates = [PHASE.rate(step, 100) for step in range(101)]
    assert rates[0] == pytest.approx(0.1) and rates[100] == pytest.approx(0.1)
    assert rates[:10] == sorted(rates[:10]) and rates[10:] == sorted(rates[10:], reverse=True)


def test_wsd_is_constant_until_its_last_part_and_constant_is_to_the_end() -> None:
    wsd, constant = replace(PHASE, schedule="wsd", decay_share=0.25, final_share=0.2), replace(PHASE, schedule="constant")
    assert [wsd.rate(step, 100) for step in (10, 50, 75)] == pytest.approx([1.0, 1.0, 1.0])
    assert wsd.rate(100, 100) == pytest.approx(0.2)
    assert wsd.rate(80, 100) == pytest.approx(0.84)
    assert [constant.rate(step, 100) for step in (9, 50, 99)] == [1.0, 1.0, 1.0]
    assert replace(constant, warmup_steps=0).rate(0, 100) == 1.0


def test_a_budget_that_is_too_small_plans_fewer_steps_and_a_larger_one_changes_nothing() -> None:
    phase = replace(PHASE, steps=400, seconds_budget=60.0)
    assert planned_steps(phase, step=100, seconds=14.9) == 400
    assert planned_steps(phase, step=100, seconds=60.0) == 100
    assert planned_steps(phase, step=100, seconds=30.0) == 200
    assert planned_steps(phase, step=3, seconds=3.0) == 400
    assert planned_steps(replace(phase, seconds_budget=None), step=100, seconds=1e9) == 400


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": "huge"}, "model is 'huge'; one of nano, tiny"),
        ({"precision": "fp8"}, "precision is 'fp8'"),
        ({"micro_batch": 0}, "micro_batch is 0; it must be above 0"),
        ({"phases": ()}, "its phases are []"),
        ({"phases": (PHASE, PHASE)}, "each has a name of its own"),
        ({"phases": (replace(PHASE, schedule="sine"),)}, "one.schedule is 'sine'"),
        ({"phases": (replace(PHASE, learning_rate=float("nan")),)}, "one.learning_rate is nan"),
        ({"phases": (replace(PHASE, final_share=1.5),)}, "one.final_share is 1.5; it is a share"),
    ],
)
def test_a_plan_that_cannot_be_followed_says_why(changes: dict[str, object], said: str) -> None:
    with pytest.raises(PlanError) as error:
        replace(PROBE, **changes)  # type: ignore[arg-type]
    assert said in str(error.value)


def test_values_are_set_in_the_plan_and_in_its_phases_as_what_they_are() -> None:
    plan = with_values(PROBE, ["seed=7", "masks_documents=true", "prompts=a,b", "continued.fim_rate=0.5", "continued.shards=there"])
    assert (plan.seed, plan.masks_documents, plan.prompts) == (7, True, ("a", "b"))
    assert (plan.phases[1].fim_rate, plan.phases[1].shards, plan.phases[0].shards) == (0.5, "there", None)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("steps=5", "plan has no 'steps' to set"),
        ("later.steps=5", "has the phases regular, continued"),
        ("regular.steps=many", "steps=many: expected a whole number"),
        ("masks_documents=False", "expected true or false"),
        ("regular.steps", "sets nothing"),
        ("phases=none", "plan has no 'phases' to set"),
    ],
)
def test_a_setting_that_is_none_says_what_could_be_set(setting: str, said: str) -> None:
    with pytest.raises(PlanError) as error:
        with_values(PROBE, [setting])
    assert said in str(error.value)


def test_a_plan_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("from training.plan import Phase, Plan\nPLAN = Plan('mine', 'nano', (Phase('all', 3, 16, 2, 1e-3),))\n")
    assert plan_named(str(path)) == Plan("mine", "nano", (Phase("all", 3, 16, 2, 1e-3),))
    path.write_text("PLAN = 3\n")
    with pytest.raises(PlanError, match="sets PLAN to int"):
        plan_named(str(path))
    with pytest.raises(PlanError, match="expected one of probe, pilot"):
        plan_named("prob")


def test_the_command_lists_plans_and_models(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plans", "--vocabulary", "1000", "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("seed_coder_8b: 7,860,228,096 parameters") for line in lines)
    assert set(json.loads(lines[-1])["parameters"]) == set(SHAPES)


@pytest.mark.parametrize("options", [[], ["train"], ["train", "--shards", "x", "--out", "y", "--unknown", "1"], ["fly"]])
def test_wrong_usage_exits_with_2(options: list[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(options)
    assert error.value.code == 2


def test_a_wrong_plan_is_wrong_usage_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--shards", str(tmp_path), "--out", str(tmp_path), "--set", "regular.steps=0"]) == 2
    assert "regular.steps is 0" in capsys.readouterr().err


def test_a_folder_that_holds_no_shards_is_a_clear_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--shards", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "has no manifest.json" in capsys.readouterr().err
