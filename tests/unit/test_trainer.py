"""What training gives: losses, weights, metrics, a checkpoint that others load."""

import json
import math
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

from tests.shards_builder import TEXTS, VOCABULARY, write_shards
from tests.trainer_cases import SHORT, TINY, trained, weights
from training.fim_check import fim_ids
from training.folders import folders_of
from training.loader import Batches
from training.model import build_model
from training.pools import Windows
from training.processes import Processes
from training.record import TrainResult
from training.steps import Run, Steps, _step
from udfs.tokenizer import FIM_MIDDLE, encode, load


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def done(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    return trained(TINY, shards, tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="module")
def short(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    return trained(SHORT, shards, tmp_path_factory.mktemp("short"))


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
    rows = pq.read_table(shards / "held_out-00000.parquet").to_pylist()
    tokens, pieces = ([one for row in rows for one in row[name]] for name in ("tokens", "pieces"))
    before, kinds = [0, *tokens], [piece["kind"] for piece in pieces for _ in range(piece["token_count"])]
    for piece in pieces:
        text_bytes[piece["kind"]] += piece["text_bytes"]
    for start in range(0, len(tokens), 64):
        end = min(start + 64, len(tokens))
        with torch.inference_mode():
            odds = torch.log_softmax(model(torch.tensor([before[start:end]])).logits[0].double(), dim=-1)
        for place, token in enumerate(tokens[start:end]):
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
    for number, phase in enumerate(TINY.phases):
        batches = Batches(folders[phase.name].source("train", phase.window, f"0.{number}"), phase.batch_size)
        seen += sum(int((batch.targets == middle).sum()) for batch in islice(batches, phase.steps))
    assert done.fim.trained_on == seen
    assert done.fim.skipped is None and done.fim.documents >= 2
    assert done.fim.bits_per_byte is not None and done.fim.without_suffix is not None


def test_a_second_phase_over_the_same_shards_does_not_start_with_the_windows_of_the_first(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[list[int]]] = []

    def looked_at(self: Batches) -> Windows:
        windows = given(self)
        seen.append(windows.targets.tolist())
        return windows

    given = Batches.__next__
    monkeypatch.setattr(Batches, "__next__", looked_at)
    first = replace(SHORT.phases[0], steps=2)
    trained(replace(SHORT, phases=(first, replace(first, name="second")), held_out_tokens=0), shards, tmp_path)
    assert len(seen) == 4 and sorted(seen[0]) != sorted(seen[2])


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
