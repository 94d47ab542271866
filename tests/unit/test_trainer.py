import json
import math
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.shards_builder import SCHEMA, TEXTS, VOCABULARY, WINDOW, write_shards
from training.__main__ import main
from training.errors import NothingToTrainOn, PlanError, TrainingError
from training.fim_check import fim_ids
from training.folders import folders_of
from training.loader import Batches
from training.model import build_model
from training.plan import Phase, Plan
from training.processes import Processes
from training.record import TrainResult, run_id
from training.steps import Run, Steps, _step
from training.trainer import train_plan
from udfs.manifest import ShardError, Split
from udfs.shards import read_manifest, write_manifest, write_shard
from udfs.tokenizer import FIM_MIDDLE, encode, load

REGULAR = Phase("regular", 60, 32, 8, 1e-2, warmup_steps=10)
CONTINUED = Phase("continued", 10, 64, 8, 1e-3, rope_theta=500_000.0)
TINY = Plan("test", "nano", (REGULAR, CONTINUED), "muon", threads=1, completion_tokens=4, prompts=("def",), fim_documents=16)
SHORT = replace(TINY, phases=(replace(REGULAR, steps=8), replace(CONTINUED, steps=4)), held_out_tokens=2000, prompts=(), fim_documents=0)


def quiet(line: str) -> None:
    """Progress is not looked at."""


def trained(plan: Plan, shards: Path, out: Path, say: Any = quiet) -> TrainResult:
    folders = folders_of(plan, str(shards))
    return train_plan(plan, folders, run_id(plan, {name: folder.sha256 for name, folder in folders.items()}), out, say)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def done(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    return trained(TINY, shards, tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="module")
def short(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    return trained(SHORT, shards, tmp_path_factory.mktemp("short"))


def weights(out: Path) -> bytes:
    return (out / "checkpoint" / "model.safetensors").read_bytes()


def test_the_loss_falls_and_beats_the_unigram_baseline_on_held_out_text(done: TrainResult) -> None:
    assert done.steps == 70 and [phase.steps for phase in done.phases] == [60, 10]
    assert done.tokens == sum(phase.tokens for phase in done.phases) > 60 * 8 * 20
    assert done.final_loss < done.first_loss - 1.0
    assert done.held_out_bits_per_byte is not None and done.unigram_bits_per_byte is not None
    assert done.held_out_bits_per_byte < done.unigram_bits_per_byte


def test_the_second_phase_has_a_longer_window_a_lower_rate_and_its_own_rotations(done: TrainResult) -> None:
    rates = {phase: [line.learning_rate for line in done.log if line.phase == phase] for phase in ("regular", "continued")}
    assert max(rates["regular"]) > 9 * max(rates["continued"])
    config = AutoModelForCausalLM.from_pretrained(done.checkpoint).config
    assert (config.max_position_embeddings, config.rope_parameters["rope_theta"]) == (64, 500_000.0)
    assert [phase.window for phase in done.phases] == [32, 64]


def test_held_out_bits_per_byte_are_what_a_plain_computation_gives(shards: Path, done: TrainResult) -> None:
    model = AutoModelForCausalLM.from_pretrained(done.checkpoint)
    nats = {"file": 0.0, "commit": 0.0}
    text_bytes = Counter[str]()
    for row in pq.read_table(shards / "held_out-00000.parquet").to_pylist():
        before = [0, *row["tokens"]]
        kinds = [piece["kind"] for piece in row["pieces"] for _ in range(piece["token_count"])]
        text_bytes.update({piece["kind"]: 0 for piece in row["pieces"]})
        for piece in row["pieces"]:
            text_bytes[piece["kind"]] += piece["text_bytes"]
        for start in range(0, len(row["tokens"]), 64):
            end = min(start + 64, len(row["tokens"]))
            with torch.inference_mode():
                odds = torch.log_softmax(model(torch.tensor([before[start:end]])).logits[0].double(), dim=-1)
            for place, token in enumerate(row["tokens"][start:end]):
                nats[kinds[start + place]] -= odds[place, token].item()
    held_out = done.phases[-1].held_out
    assert held_out is not None and done.held_out_text_bytes == sum(len(text.encode()) for text in TEXTS["held_out"])
    assert done.held_out_bits_per_byte == pytest.approx(sum(nats.values()) / math.log(2) / done.held_out_text_bytes, rel=1e-5)
    for kind, bits in held_out.by_kind.items():
        assert bits.text_bytes == text_bytes[kind]
        assert bits.bits_per_byte == pytest.approx(nats[kind] / math.log(2) / text_bytes[kind], rel=1e-5)
    assert set(held_out.by_kind) == {"file", "commit"}


def test_the_unigram_baseline_is_what_counting_gives(shards: Path, done: TrainResult) -> None:
    counts = Counter(token for row in pq.read_table(shards / "train-00000.parquet").column("tokens").to_pylist() for token in row)
    rows = pq.read_table(shards / "held_out-00000.parquet").column("tokens").to_pylist()
    total = sum(counts.values()) + VOCABULARY
    bits = -sum(math.log2((counts[token] + 1) / total) for row in rows for token in row)
    assert done.unigram_bits_per_byte == pytest.approx(bits / sum(len(text.encode()) for text in TEXTS["held_out"]), rel=1e-9)


def test_the_loss_is_the_mean_of_the_losses_by_kind(done: TrainResult) -> None:
    assert {kind for line in done.log for kind in line.loss_by_kind} == {"file", "commit"}
    for line in done.log:
        assert min(line.loss_by_kind.values()) <= line.loss <= max(line.loss_by_kind.values())
    assert set(done.phases[0].loss_by_kind) == {"file", "commit"}


def test_documents_with_a_gap_that_were_trained_on_are_counted(shards: Path, done: TrainResult) -> None:
    folders, middle = folders_of(TINY, str(shards)), load((shards / "tokenizer.json").read_text()).model.token_to_id(FIM_MIDDLE)
    seen = 0
    for phase in TINY.phases:
        batches = Batches(folders[phase.name].source("train", phase.window, 0), phase.batch_size)
        seen += sum(int((batch.targets == middle).sum()) for batch in islice(batches, phase.steps))
    assert done.fim.trained_on == seen
    assert done.fim.skipped is None and done.fim.documents >= 2
    assert done.fim.bits_per_byte is not None and done.fim.without_suffix is not None


@pytest.mark.parametrize(("changes", "tolerance"), [({"precision": "bf16"}, 0.01), ({"masks_documents": True}, 0.05)])
def test_other_precision_and_walls_between_documents_change_losses_a_little(
    shards: Path, short: TrainResult, tmp_path: Path, changes: dict[str, Any], tolerance: float
) -> None:
    losses = [line.loss for line in trained(replace(SHORT, **changes), shards, tmp_path).log]
    assert losses != [line.loss for line in short.log]
    assert losses == pytest.approx([line.loss for line in short.log], rel=tolerance)


def test_transformers_loads_the_checkpoint_with_its_tokenizer(shards: Path, done: TrainResult) -> None:
    tokenizer = AutoTokenizer.from_pretrained(done.checkpoint)
    ours = load((shards / "tokenizer.json").read_text())
    text = "def f(x):\n    return x  # naïve\n"
    ids, _ = encode(ours, pa.array([text]))
    assert tokenizer(text)["input_ids"] == ids[:-1].tolist()
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|endoftext|>", "<|pad|>")
    model = AutoModelForCausalLM.from_pretrained(done.checkpoint)
    assert sum(weight.numel() for weight in model.parameters()) == done.parameters
    assert (model.config.model_type, model.config.eos_token_id) == ("llama", 0)


def test_metrics_hold_every_logged_step_and_what_the_run_was_made_of(done: TrainResult) -> None:
    out = Path(done.checkpoint).parent
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics == json.loads(json.dumps(asdict(done)))
    assert [line["step"] for line in metrics["log"]] == list(range(1, 71))
    assert set(metrics["completions"]) == set(TINY.prompts)
    assert metrics["versions"]["torch"] == torch.__version__.split("+")[0]
    assert sorted(path.name for path in out.iterdir()) == ["checkpoint", "metrics.json"]


def test_the_same_run_again_gives_the_same_weights(shards: Path, short: TrainResult, tmp_path: Path) -> None:
    again = trained(SHORT, shards, tmp_path)
    assert [line.loss for line in again.log] == [line.loss for line in short.log]
    assert weights(tmp_path) == weights(Path(short.checkpoint).parent)


@pytest.mark.parametrize("micro_batch", [1, 3, 8])
def test_the_gradient_of_a_step_is_that_of_its_mean_loss_however_it_is_parted(shards: Path, micro_batch: int) -> None:
    """A plain gradient step shows its size; the optimizers that train do not depend on it."""
    folder = folders_of(SHORT, str(shards))["regular"]
    batch = next(Batches(folder.source("train", 32, 0), 8))
    model = build_model(SHORT.shape, folder.tokenizer, 32, 10_000.0, 0)
    plan = replace(SHORT, micro_batch=micro_batch, gradient_clip=1e9)
    run = Run(model, (torch.optim.SGD(model.parameters()),))
    before = model.model.embed_tokens.weight.detach().clone()
    _step(run, batch, 1.0, Steps.of(plan, Processes(0, 1, torch.device("cpu")), model, None))
    found = before - model.model.embed_tokens.weight.detach()
    twin = build_model(SHORT.shape, folder.tokenizer, 32, 10_000.0, 0)
    logits = twin(input_ids=torch.from_numpy(batch.inputs)).logits
    torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.from_numpy(batch.targets).flatten(), ignore_index=-100).backward()
    torch.testing.assert_close(found, twin.model.embed_tokens.weight.grad, rtol=1e-4, atol=1e-6)


def test_a_step_counts_the_middles_that_are_to_be_learnt(shards: Path) -> None:
    folder = folders_of(SHORT, str(shards))["regular"]
    batch = next(Batches(folder.source("train", 32, 0), 8))
    middle = fim_ids(folder.tokenizer)[2]  # type: ignore[index]
    already = int((batch.targets == middle).sum())
    batch.targets[[0, 3, 7], [1, 2, 3]] = middle
    model = build_model(SHORT.shape, folder.tokenizer, 32, 10_000.0, 0)
    steps = Steps.of(replace(SHORT, micro_batch=3), Processes(0, 1, torch.device("cpu")), model, middle)
    sums = _step(Run(model, ()), batch, 0.0, steps)
    assert sums[2].sum() == 3 + already
    assert sums[1].sum() == int((batch.targets != -100).sum())


def test_micro_batches_bound_memory_and_change_no_step(shards: Path, short: TrainResult, tmp_path: Path) -> None:
    parts = trained(replace(SHORT, micro_batch=3), shards, tmp_path)
    assert [line.loss for line in parts.log] == pytest.approx([line.loss for line in short.log], rel=1e-5)


def command(shards: Path, out: Path, plan: Path, *options: str) -> list[str]:
    return ["-m", "training", "train", "--shards", str(shards), "--out", str(out), "--plan", str(plan), *options]


def plan_file(folder: Path, plan: Plan) -> Path:
    path = folder / "plan.py"
    path.write_text(f"from training.plan import Phase, Plan\nPLAN = {plan!r}\n")
    return path


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
    while not (steps := [int(path.name) for path in out.glob("states/*") if path.name.isdigit()]) or max(steps) < 14:
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

    def interrupted(line: str) -> None:
        if line.startswith("continued "):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(plan, shards, tmp_path, interrupted)
    assert sorted(path.name for path in (tmp_path / "states").iterdir()) == ["000000007", "000000008"]
    (tmp_path / "states/000000008/weights.safetensors").write_bytes(b"half of it")
    lines: list[str] = []
    trained(plan, shards, tmp_path, lines.append)
    assert "000000008 cannot be read and is left out" in lines[0] and lines[1].endswith("from step 7")


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


def test_altered_shards_are_refused(shards: Path, tmp_path: Path) -> None:
    copy = tmp_path / "shards"
    copy.mkdir()
    for file in shards.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    (copy / "held_out-00000.parquet").write_bytes(b"something else")
    with pytest.raises(ShardError, match=r"held_out-00000\.parquet is altered"):
        folders_of(SHORT, str(copy))


def without(split: str, shards: Path, folder: Path) -> Path:
    """The same shards with an empty split."""
    folder.mkdir()
    manifest = read_manifest(str(shards))
    empty = write_shard(str(folder), f"{split}-00000.parquet", [], SCHEMA)
    for name, kept in manifest.splits.items():
        if name != split:
            (folder / kept.shards[0].file).write_bytes((shards / kept.shards[0].file).read_bytes())
    splits = {**manifest.splits, split: Split((empty,), {})}
    write_manifest(str(folder), replace(manifest, splits=splits), (shards / "tokenizer.json").read_text())
    return folder


def test_nothing_held_out_is_said_and_is_no_failure(shards: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    plan = replace(SHORT, phases=(replace(REGULAR, steps=2),), fim_documents=4)
    result = trained(plan, without("held_out", shards, tmp_path / "shards"), tmp_path / "out", lines.append)
    assert result.held_out_bits_per_byte is None and result.unigram_bits_per_byte is None
    assert "regular: held-out bits per byte: not measured, nothing is held out" in lines
    assert result.fim.skipped == "0 held-out texts fit a window of 32 tokens; 2 are needed at least"


def test_nothing_to_train_on_is_a_clear_error(shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = without("train", shards, tmp_path / "shards")
    with pytest.raises(NothingToTrainOn, match="lists no training tokens"):
        folders_of(SHORT, str(folder))
    assert main(["train", "--shards", str(folder), "--out", str(tmp_path / "out")]) == 1
    assert "lists no training tokens" in capsys.readouterr().err


def test_shards_of_another_tokenizer_than_the_first_phase_are_refused(shards: Path, tmp_path: Path) -> None:
    other = without("held_out", shards, tmp_path / "other")
    manifest, text = read_manifest(str(other)), (shards / "tokenizer.json").read_text()
    changed = json.dumps(json.loads(text), indent=1)
    write_manifest(str(other), replace(manifest, tokenizer_sha256=load(changed).sha256), changed)
    plan = replace(SHORT, phases=(REGULAR, replace(CONTINUED, shards=str(other))))
    with pytest.raises(PlanError, match="other tokenizers"):
        folders_of(plan, str(shards))


def test_a_manifest_with_another_vocabulary_than_its_tokenizer_is_refused(shards: Path, tmp_path: Path) -> None:
    other = without("held_out", shards, tmp_path / "other")
    write_manifest(str(other), replace(read_manifest(str(other)), vocabulary_size=9999), (shards / "tokenizer.json").read_text())
    with pytest.raises(ShardError, match=r"with 9999 entries, and tokenizer\.json"):
        folders_of(SHORT, str(other))


def test_a_window_longer_than_the_sequences_is_refused_unless_neighbours_may_be_joined(shards: Path, tmp_path: Path) -> None:
    longer = replace(CONTINUED, steps=2, window=2 * WINDOW)
    with pytest.raises(PlanError, match=r"continued\.window is 200 tokens"):
        folders_of(replace(SHORT, phases=(REGULAR, longer)), str(shards))
    plan = replace(SHORT, phases=(replace(REGULAR, steps=2), replace(longer, joins_sequences=True)))
    assert trained(plan, shards, tmp_path).phases[1].tokens > 2 * 8 * 1.5 * WINDOW


def test_a_loss_that_is_no_number_stops_the_run(shards: Path, tmp_path: Path) -> None:
    plan = replace(SHORT, phases=(replace(REGULAR, learning_rate=1e38, warmup_steps=0),))
    with pytest.raises(TrainingError, match=r"the loss is nan at step .* lower its learning_rate"):
        trained(plan, shards, tmp_path)


def test_memory_that_is_not_there_gets_a_hint(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = replace(SHORT, phases=(replace(REGULAR, batch_size=8, window=WINDOW, steps=1),))

    def asks_for_a_pebibyte(*_: Any) -> torch.Tensor:
        return torch.empty(1 << 50, dtype=torch.uint8)

    monkeypatch.setattr("training.trainer.train_phase", asks_for_a_pebibyte)
    with pytest.raises(TrainingError, match=r"out of memory.*smaller micro_batch"):
        trained(plan, shards, tmp_path)


def test_the_optimizer_starts_anew_only_where_the_phase_says_so(shards: Path, short: TrainResult, tmp_path: Path) -> None:
    regular, continued = SHORT.phases
    fresh = trained(replace(SHORT, phases=(regular, replace(continued, keeps_optimizer=False))), shards, tmp_path)
    losses = [[line.loss for line in result.log] for result in (short, fresh)]
    assert losses[0][:9] == losses[1][:9]
    assert losses[0][9] != losses[1][9]


def test_the_last_line_of_the_command_is_the_result(shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = command(shards, tmp_path / "out", plan_file(tmp_path, SHORT), "--set", "regular.steps=2", "--json")[2:]
    assert main(options) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["steps"] == 6
    checkpoint = str(tmp_path / "out/checkpoint")
    assert main(["evaluate", "--checkpoint", checkpoint, "--shards", str(shards), "--tokens", "2000", "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(found["held_out"]["by_kind"]) == {"file", "commit"}
