"""What cannot be trained on, by which plan, and what is said of it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from schemas.mix import SHARD_ROW
from tests.shards_builder import WINDOW, write_shards
from tests.trainer_cases import CONTINUED, REGULAR, SHORT, command, plan_file, trained
from training.__main__ import main
from training.errors import NothingToTrainOn, PlanError, TrainingError
from training.folders import folders_of
from training.record import TrainResult
from udfs.manifest import ShardError, Split
from udfs.shards import read_manifest, write_manifest, write_shard
from udfs.tokenizer import load


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def short(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    return trained(SHORT, shards, tmp_path_factory.mktemp("short"))


def test_altered_shards_are_refused(shards: Path, tmp_path: Path) -> None:
    copy = tmp_path / "shards"
    copy.mkdir()
    for file in shards.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    (copy / "held_out-00000.parquet").write_bytes(b"something else")
    with pytest.raises(ShardError, match=r"held_out-00000\.parquet is altered"):
        folders_of(SHORT, str(copy))


def test_shards_that_were_filled_in_the_middle_at_another_rate_than_the_plan_says_are_refused(shards: Path, tmp_path: Path) -> None:
    copy = tmp_path / "shards"
    copy.mkdir()
    for file in shards.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    write_manifest(str(copy), replace(read_manifest(str(copy)), fim_rate=0.5), (copy / "tokenizer.json").read_text())
    for rate in (None, 0.5):
        folders_of(replace(SHORT, phases=(replace(REGULAR, fim_rate=rate),)), str(copy))
    with pytest.raises(PlanError, match=r"regular\.fim_rate is 0\.1; .* filled in the middle at 0\.5"):
        folders_of(replace(SHORT, phases=(replace(REGULAR, fim_rate=0.1),)), str(copy))
    folders_of(replace(SHORT, phases=(replace(REGULAR, fim_rate=0.1),)), str(shards))  # an earlier version's, which does not say it


def test_a_folder_of_the_users_own_in_the_place_of_the_checkpoint_is_not_deleted(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "out/checkpoint/weights.bin"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"of another model")
    asked = command(shards, tmp_path / "out", plan_file(tmp_path, replace(SHORT, phases=(replace(REGULAR, steps=1),))))[2:]
    assert main(asked) == 1
    assert "is not of this trainer, and would be replaced" in capsys.readouterr().err
    assert own.read_bytes() == b"of another model"
    own.parent.rename(tmp_path / "elsewhere")
    assert main(asked) == 0
    longer = command(shards, tmp_path / "out", plan_file(tmp_path, replace(SHORT, phases=(replace(REGULAR, steps=2),))))[2:]
    assert main(longer) == 0  # its own checkpoint of another plan


def without(split: str, shards: Path, folder: Path) -> Path:
    """The same shards with an empty split."""
    folder.mkdir()
    manifest = read_manifest(str(shards))
    empty = write_shard(str(folder), f"{split}-00000.parquet", [], SHARD_ROW)
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
    assert main(["evaluate", "--checkpoint", checkpoint, "--shards", str(shards), "--tokens", "1000000", "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(found["held_out"]["by_kind"]) == {"file", "commit"}
