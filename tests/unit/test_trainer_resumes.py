"""A run that is killed, stopped or shared out ends as an undisturbed one."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.shards_builder import write_shards
from tests.trainer_cases import CONTINUED, REGULAR, SHORT, command, interrupted, plan_file, trained, weights
from training.record import TrainResult


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def short(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    return trained(SHORT, shards, tmp_path_factory.mktemp("short"))


def test_a_killed_run_goes_on_and_ends_in_the_same_weights(shards: Path, tmp_path: Path) -> None:
    """SIGKILL of a process that trains, in its second phase; its steps sleep, so that it is still under way then."""
    plan = replace(SHORT, phases=(replace(REGULAR, steps=10), replace(CONTINUED, steps=30)), save_every_s=1e-9)
    whole = trained(plan, shards, tmp_path / "whole")
    slowly = "\n".join(
        [
            "import sys, time, training.steps as steps",
            "from training.__main__ import main",
            "step = steps._step",
            "def slow(*given):",
            "    time.sleep(0.1)",
            "    return step(*given)",
            "steps._step = slow",
            "sys.exit(main(sys.argv[1:]))",
        ]
    )
    out, options = tmp_path / "killed", command(shards, tmp_path / "killed", plan_file(tmp_path, plan))[2:]
    process = subprocess.Popen([sys.executable, "-c", slowly, *options], stdout=subprocess.DEVNULL)
    while not (steps := [int(path.name) for path in out.glob("states/*/*") if path.name.isdigit()]) or max(steps) < 14:
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (out / "metrics.json").exists()
    lines: list[str] = []
    again = trained(plan, shards, out, lines.append)
    assert 14 <= int(lines[0].rpartition(" ")[2]) < 40
    assert [line.loss for line in again.log] == [line.loss for line in whole.log]
    assert weights(out) == weights(tmp_path / "whole")


def test_two_processes_of_torchrun_have_the_losses_of_one_with_the_whole_batch(shards: Path, short: TrainResult, tmp_path: Path) -> None:
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    plan = replace(SHORT, micro_batch=2)
    done = subprocess.run([*start, *command(shards, tmp_path, plan_file(tmp_path, plan))], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert (metrics["processes"], metrics["steps"], metrics["tokens"]) == (2, 12, short.tokens)
    assert [line["loss"] for line in metrics["log"]] == pytest.approx([line.loss for line in short.log], rel=1e-4)
    assert metrics["held_out_bits_per_byte"] == pytest.approx(short.held_out_bits_per_byte, rel=1e-4)
    assert done.stdout.count("checkpoint:") == 1
    assert "2 x cpu" in done.stdout


def test_a_damaged_state_is_said_and_an_older_one_serves(shards: Path, tmp_path: Path) -> None:
    plan = replace(SHORT, save_every_s=1e-9)

    with pytest.raises(KeyboardInterrupt):
        trained(plan, shards, tmp_path, interrupted)
    assert sorted(path.name for path in (tmp_path / "states").glob("*/*")) == ["000000007", "000000008"]
    next((tmp_path / "states").glob("*/000000008/weights.safetensors")).write_bytes(b"half of it")
    lines: list[str] = []
    trained(plan, shards, tmp_path, lines.append)
    assert "000000008 cannot be read and is left out" in lines[0] and lines[1].endswith("from step 7")


def test_states_of_an_earlier_run_with_more_steps_do_not_push_out_those_of_this_one(shards: Path, tmp_path: Path) -> None:
    """Another plan in the same folder: its first states have smaller numbers than those of the run that was killed before it."""

    earlier = replace(SHORT, save_every_s=1e-9)
    with pytest.raises(KeyboardInterrupt):
        trained(earlier, shards, tmp_path, interrupted)
    lines: list[str] = []
    changed = replace(earlier, phases=(replace(REGULAR, steps=4), replace(CONTINUED, steps=4)))
    with pytest.raises(KeyboardInterrupt):
        trained(changed, shards, tmp_path, interrupted)
    trained(changed, shards, tmp_path, lines.append)
    assert lines[0].endswith("from step 4") and "also holds states of 1 other runs" in lines[1]
    trained(earlier, shards, tmp_path, lines.append)
    assert any(line.endswith("from step 8") for line in lines)


def test_a_run_stopped_after_its_last_phase_has_that_phases_positions_when_it_is_finished(
    shards: Path, short: TrainResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("training.trainer.fim_check", stopped)
        trained(SHORT, shards, tmp_path)
    lines: list[str] = []
    again = trained(SHORT, shards, tmp_path, lines.append)
    assert lines == [lines[0]] and lines[0].endswith("from step 12")
    configs = [(Path(one.checkpoint) / "config.json").read_text() for one in (again, short)]
    assert configs[0] == configs[1]
    assert [phase.held_out for phase in again.phases] == [phase.held_out for phase in short.phases]


def test_a_run_that_is_there_is_not_done_again_and_needs_no_torch(
    shards: Path, short: TrainResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = Path(short.checkpoint).parent
    program = "import sys; from training.__main__ import main\nprint(main(sys.argv[1:]), 'torch' in sys.modules)"
    given = [sys.executable, "-c", program, *command(shards, out, plan_file(tmp_path, SHORT))[2:]]
    lines = subprocess.run(given, capture_output=True, check=True, text=True).stdout.splitlines()
    assert lines[0].startswith("nothing to do")
    assert lines[-1] == "0 False"
