"""A model that lies in parts with several processes trains as one that is held whole, and goes on with other numbers of them."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.shards_builder import write_shards
from tests.trainer_cases import SHORT, command, interrupted, plan_file, trained
from training.errors import TrainingError
from training.plan import Plan
from training.record import TrainResult

PARTS = replace(SHORT, optimizer="adamw", shards_model=True, recomputes_layers=True, micro_batch=2, held_out_tokens=3000, fim_documents=8)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def whole(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    """The same plan in one process, which holds all of the model and keeps what its layers computed."""
    plan = replace(PARTS, shards_model=False, recomputes_layers=False)
    return trained(plan, shards, tmp_path_factory.mktemp("whole"))


def torchrun(shards: Path, out: Path, plan: Plan, program: str) -> subprocess.CompletedProcess[str]:
    """The program as two processes; it has the trainer's command line."""
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    out.mkdir()
    file = out.parent / "program.py"
    file.write_text(program)
    options = [str(file), *command(shards, out, plan_file(out.parent, plan))[2:]]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run([*start, *options], capture_output=True, text=True, check=False, env=environment, timeout=300)


def losses(record: dict[str, Any]) -> list[float]:
    return [line["loss"] for line in record["log"]]


COUNTED = """
import sys
from training import trainer
from training.__main__ import main
placed = trainer.placed
def counted(*given):
    model = placed(*given)
    sys.stdout.write(f"held {sum(weight.to_local().numel() for weight in model.parameters())}\\n")
    return model
trainer.placed = counted
sys.exit(main(sys.argv[1:]))
"""


def test_two_processes_that_hold_a_part_each_have_the_losses_of_one_that_holds_it_whole(
    shards: Path, whole: TrainResult, tmp_path: Path
) -> None:
    done = torchrun(shards, tmp_path / "out", PARTS, COUNTED)
    assert done.returncode == 0, done.stderr
    assert "2 x cpu, each with a part" in done.stdout
    held = [int(line.partition(" ")[2]) for line in done.stdout.splitlines() if line.startswith("held ")]
    assert len(held) == 2 and sum(held) == whole.parameters and max(held) < 0.51 * whole.parameters
    record = json.loads((tmp_path / "out/metrics.json").read_text())
    assert (record["processes"], record["parameters"], record["tokens"]) == (2, whole.parameters, whole.tokens)
    assert losses(record) == pytest.approx([line.loss for line in whole.log], rel=1e-4)
    assert record["held_out_bits_per_byte"] == pytest.approx(whole.held_out_bits_per_byte, rel=1e-4)
    assert record["fim"]["bits_per_byte"] == pytest.approx(whole.fim.bits_per_byte, rel=1e-4)
    models = [AutoModelForCausalLM.from_pretrained(folder) for folder in (whole.checkpoint, record["checkpoint"])]
    weights = [dict(model.named_parameters()) for model in models]
    assert weights[0].keys() == weights[1].keys()
    for name, weight in weights[0].items():
        torch.testing.assert_close(weights[1][name], weight, rtol=1e-3, atol=1e-4)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["checkpoint", "metrics.json"]


STOPPED = """
import os, sys
from training import trainer
from training.__main__ import main
save = trainer.save_state
def stopped(run, *given):
    save(run, *given)
    if run.step == 6:
        os._exit(9)
trainer.save_state = stopped
sys.exit(main(sys.argv[1:]))
"""


def test_a_run_in_parts_that_ended_early_goes_on_with_another_number_of_processes(shards: Path, whole: TrainResult, tmp_path: Path) -> None:
    plan = replace(PARTS, save_every_s=1e-9)
    assert torchrun(shards, tmp_path / "out", plan, STOPPED).returncode != 0
    assert [path.name for path in sorted((tmp_path / "out/states").glob("*/*"))] == ["000000005", "000000006"]
    lines: list[str] = []
    done = trained(plan, shards, tmp_path / "out", lines.append)
    assert lines[0].endswith("from step 6")
    assert [line.loss for line in done.log] == pytest.approx([line.loss for line in whole.log], rel=1e-4)


def test_where_no_state_of_parts_can_be_read_the_run_does_not_begin_with_what_was_read_of_them(shards: Path, tmp_path: Path) -> None:
    plan = replace(PARTS, save_every_s=1e-9)
    with pytest.raises(KeyboardInterrupt):
        trained(plan, shards, tmp_path, interrupted)
    for part in (tmp_path / "states").glob("*/*/parts/*.distcp"):
        part.write_bytes(part.read_bytes()[:5000])
    lines: list[str] = []
    with pytest.raises(TrainingError, match=r"none of the 2 states in .* can be read"):
        trained(plan, shards, tmp_path, lines.append)
    assert len(lines) == 2 and "cannot be read and is left out" in lines[0]
