import json
import math
import subprocess
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from training.probe import NothingToTrainOn, main, train_probe
from training.record import ProbeParams, ProbeResult
from training.steps import Schedule
from udfs.manifest import LanguageCounts, Manifest, ShardError, Split
from udfs.packing import PACKED, pack
from udfs.shards import read_manifest, write_manifest, write_shard
from udfs.tokenizer import Tokenizer, encode, load, train

LIBRARY = Path(sysconfig.get_paths()["stdlib"])
TEXTS = {
    "train": [path.read_text() for name in ("email", "asyncio") for path in sorted((LIBRARY / name).glob("*.py"))],
    "held_out": [path.read_text() for path in sorted((LIBRARY / "json").glob("*.py"))],
}
WINDOW = 100
SCHEMA = pa.schema([pa.field("sequence", pa.string(), False), *[field for field in PACKED if field.name != "position"]])


def write_split(folder: str, split: str, tokenizer: Tokenizer) -> Split:
    def documents() -> Iterator[pa.RecordBatch]:
        tokens, offsets = encode(tokenizer, pa.array(TEXTS[split], pa.string()))
        lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(tokens))
        names = pa.array([f"document-{row}" for row in range(len(lists))])
        whole = pa.array([0] * len(lists), pa.int64())
        columns = {"kind": pa.repeat("file", len(lists)), "candidate": names, "token_offset": whole, "tokens": lists}
        yield pa.RecordBatch.from_pydict(columns)

    def rows() -> Iterator[pa.RecordBatch]:
        for batch in pack(documents(), WINDOW, tokenizer.token_bytes):
            names = pa.array([f"demo/{split}/0/{position}" for position in batch.column("position").to_pylist()])
            yield pa.RecordBatch.from_arrays([names, *batch.columns[1:]], schema=SCHEMA)

    shard = write_shard(folder, f"{split}-00000.parquet", rows(), SCHEMA)
    return Split((shard,), {"Python": LanguageCounts(len(TEXTS[split]), shard.tokens, shard.text_bytes)})


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    tokenizer = load(train(iter(TEXTS["train"]), 512))
    splits = {split: write_split(str(folder), split, tokenizer) for split in TEXTS}
    manifest = Manifest("demo", "p" * 64, WINDOW, tokenizer.vocabulary_size, tokenizer.end_token, tokenizer.sha256, splits)
    write_manifest(str(folder), manifest, tokenizer.tokenizer_json)
    return folder


def tiny(shards: Path, out: Path, **changes: Any) -> ProbeParams:
    params = ProbeParams(
        shards=str(shards), out=str(out), steps=120, context=32, batch_size=16, hidden_size=64, layers=1, threads=1, completion_tokens=8
    )
    return replace(params, warmup_steps=10, learning_rate=1e-2, **changes)


def quiet(line: str) -> None:
    """Progress is not looked at."""


@pytest.fixture(scope="module")
def probed(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> ProbeResult:
    return train_probe(tiny(shards, tmp_path_factory.mktemp("out")), quiet)


def test_the_loss_falls_and_beats_the_unigram_baseline_on_held_out_text(probed: ProbeResult) -> None:
    assert probed.steps == 120 and probed.tokens > 120 * 16 * 20
    assert probed.final_loss < probed.first_loss - 1.5
    assert probed.held_out_bits_per_byte is not None and probed.unigram_bits_per_byte is not None
    assert probed.held_out_bits_per_byte < probed.unigram_bits_per_byte


def test_held_out_bits_per_byte_are_what_a_plain_computation_gives(shards: Path, probed: ProbeResult) -> None:
    model = AutoModelForCausalLM.from_pretrained(probed.checkpoint)
    nats = 0.0
    for tokens in pq.read_table(shards / "held_out-00000.parquet").column("tokens").to_pylist():
        before = [0, *tokens]
        for start in range(0, len(tokens), 32):
            end = min(start + 32, len(tokens))
            with torch.inference_mode():
                odds = torch.log_softmax(model(torch.tensor([before[start:end]])).logits[0].double(), dim=-1)
            nats -= sum(odds[place, token].item() for place, token in enumerate(tokens[start:end]))
    text_bytes = sum(len(text.encode()) for text in TEXTS["held_out"])
    assert probed.held_out_text_bytes == text_bytes
    assert probed.held_out_bits_per_byte == pytest.approx(nats / math.log(2) / text_bytes, rel=1e-5)


def test_the_unigram_baseline_is_what_counting_gives(shards: Path, probed: ProbeResult) -> None:
    counts = Counter(token for row in pq.read_table(shards / "train-00000.parquet").column("tokens").to_pylist() for token in row)
    rows = pq.read_table(shards / "held_out-00000.parquet").column("tokens").to_pylist()
    total = sum(counts.values()) + 512
    bits = -sum(math.log2((counts[token] + 1) / total) for row in rows for token in row)
    assert probed.unigram_bits_per_byte == pytest.approx(bits / sum(len(text.encode()) for text in TEXTS["held_out"]), rel=1e-9)


def test_transformers_loads_the_checkpoint_with_its_tokenizer(shards: Path, probed: ProbeResult) -> None:
    tokenizer = AutoTokenizer.from_pretrained(probed.checkpoint)
    ours = load((shards / "tokenizer.json").read_text())
    text = "def f(x):\n    return x  # naïve\n"
    ids, _ = encode(ours, pa.array([text]))
    assert tokenizer(text)["input_ids"] == ids[:-1].tolist()
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|endoftext|>", "<|pad|>")
    model = AutoModelForCausalLM.from_pretrained(probed.checkpoint)
    assert sum(weight.numel() for weight in model.parameters()) == probed.parameters
    assert (model.config.model_type, model.config.eos_token_id) == ("llama", 0)


def test_metrics_hold_every_logged_step_and_what_the_run_was_made_of(shards: Path, probed: ProbeResult) -> None:
    metrics = json.loads((Path(probed.checkpoint).parent / "metrics.json").read_text())
    assert metrics == json.loads(json.dumps(asdict(probed)))
    assert [line["step"] for line in metrics["log"]] == list(range(2, 121, 2))
    assert set(metrics["completions"]) == set(probed.params["prompts"])
    assert metrics["versions"]["torch"] == torch.__version__.split("+")[0]


def test_the_same_run_again_gives_the_same_losses(shards: Path, tmp_path: Path) -> None:
    runs = [train_probe(tiny(shards, tmp_path / name, steps=12), quiet) for name in ("one", "other")]
    assert [line.loss for line in runs[0].log] == [line.loss for line in runs[1].log]
    assert runs[0].held_out_bits_per_byte == runs[1].held_out_bits_per_byte
    weights = [(tmp_path / name / "checkpoint" / "model.safetensors").read_bytes() for name in ("one", "other")]
    assert weights[0] == weights[1]


def test_a_killed_run_goes_on_and_ends_in_the_same_checkpoint(shards: Path, tmp_path: Path) -> None:
    whole = train_probe(tiny(shards, tmp_path / "whole", steps=12, save_every_s=1e-9), quiet)

    def killed_at_the_first_step(line: str) -> None:
        if line.startswith("step"):
            raise KeyboardInterrupt

    params = tiny(shards, tmp_path / "killed", steps=12, save_every_s=1e-9)
    with pytest.raises(KeyboardInterrupt):
        train_probe(params, killed_at_the_first_step)
    assert sorted(path.name for path in (tmp_path / "killed").iterdir()) == ["state.pt"]
    lines: list[str] = []
    again = train_probe(params, lines.append)
    assert lines[0].endswith("from step 1")
    assert [line.loss for line in again.log] == [line.loss for line in whole.log]
    names = [tmp_path / name / "checkpoint" / "model.safetensors" for name in ("whole", "killed")]
    assert names[0].read_bytes() == names[1].read_bytes()


def test_a_run_that_is_there_is_not_done_again_and_needs_no_torch(shards: Path, probed: ProbeResult) -> None:
    program = (
        "import json, sys; from training.probe import train_probe; from training.record import ProbeParams\n"
        "params = json.loads(sys.argv[1]); params['prompts'] = tuple(params['prompts'])\n"
        "print(train_probe(ProbeParams(**params)).final_loss, 'torch' in sys.modules)"
    )
    command = [sys.executable, "-c", program, json.dumps(probed.params)]
    lines = subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()
    assert lines[0].startswith("nothing to do")
    assert lines[1] == f"{probed.final_loss} False"


def test_altered_shards_are_refused(shards: Path, tmp_path: Path) -> None:
    copy = tmp_path / "shards"
    copy.mkdir()
    for file in shards.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    (copy / "held_out-00000.parquet").write_bytes(b"something else")
    with pytest.raises(ShardError, match=r"held_out-00000\.parquet is altered"):
        train_probe(tiny(copy, tmp_path / "out"), quiet)


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
    result = train_probe(tiny(without("held_out", shards, tmp_path / "shards"), tmp_path / "out", steps=2), lines.append)
    assert result.held_out_bits_per_byte is None and result.unigram_bits_per_byte is None
    assert "held-out bits per byte: not measured, nothing is held out" in lines


def test_nothing_to_train_on_is_a_clear_error(shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = without("train", shards, tmp_path / "shards")
    with pytest.raises(NothingToTrainOn, match="lists no training tokens"):
        train_probe(tiny(folder, tmp_path / "out"), quiet)
    assert main(["--shards", str(folder), "--out", str(tmp_path / "out")]) == 1
    assert "lists no training tokens" in capsys.readouterr().err


def test_the_last_line_of_the_command_is_the_result(shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--steps", "3", "--hidden-size", "32", "--layers", "1", "--threads", "1", "--context", "16", "--json"]
    assert main(["--shards", str(shards), "--out", str(tmp_path), *options]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["steps"] == 3


@pytest.mark.parametrize("options", [[], ["--steps", "0"], ["--steps", "many"], ["--unknown", "1"]])
def test_wrong_usage_exits_with_2(options: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as error:
        main(["--out", str(tmp_path), *(["--shards", "nowhere"] if options else []), *options])
    assert error.value.code == 2


def test_the_window_of_the_manifest_bounds_the_context(shards: Path, tmp_path: Path) -> None:
    result = train_probe(replace(tiny(shards, tmp_path, steps=2), context=4096), quiet)
    assert result.params["context"] == WINDOW


def test_a_budget_that_is_too_small_plans_fewer_steps_and_a_larger_one_changes_nothing() -> None:
    schedule = Schedule(steps=400, seconds_budget=60, learning_rate=1e-3, warmup_steps=10, save_every_s=20)
    assert schedule.planned_steps(step=100, seconds=14.9) == 400
    assert schedule.planned_steps(step=100, seconds=60.0) == 100
    assert schedule.planned_steps(step=100, seconds=30.0) == 200
    assert schedule.planned_steps(step=3, seconds=3.0) == 400


def test_the_learning_rate_warms_up_and_falls_to_a_tenth() -> None:
    schedule = Schedule(steps=100, seconds_budget=60, learning_rate=1.0, warmup_steps=10, save_every_s=20)
    rates = [schedule.rate(step, 100) for step in range(101)]
    assert rates[0] == pytest.approx(0.1) and rates[100] == pytest.approx(0.1)
    assert rates[:10] == sorted(rates[:10]) and rates[10:] == sorted(rates[10:], reverse=True)
