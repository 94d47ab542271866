"""A shard that was removed or altered is noticed by whoever uses the shards, and what is advised mends it."""

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest

from jobs.cli import main
from jobs.mix.exports import ExportsParams
from jobs.mix.exports import is_changed as exports_changed
from jobs.mix.shards import ShardsParams, is_changed
from schemas.lake import Lake
from tests.export_cases import TOKENIZER_JSON, export, sequences_of
from tests.mixed_lake import write_mixed_lake
from udfs.exports import finish
from udfs.shards import MANIFEST_NAME, TOKENIZER_NAME

SHARD = "train-00000.parquet"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_mixed_lake(tmp_path / "lake")


def remedy(root: Path) -> str:
    return f"`codemill mix.shards --force --lake {root} --mixture good`"


@pytest.mark.parametrize("file", [SHARD, TOKENIZER_NAME])
def test_shards_of_which_a_file_is_gone_are_written_again(root: Path, file: str) -> None:
    lake, params = Lake.at(str(root)), ShardsParams("demo", "good")
    assert not is_changed(lake, params)
    (root / "mix/shards-good" / file).unlink()
    assert is_changed(lake, params) and not is_changed(lake, ShardsParams("demo"))


def test_shards_of_which_one_is_cut_off_are_written_again(root: Path) -> None:
    shard = root / "mix/shards-good" / SHARD
    shard.write_bytes(shard.read_bytes()[:-1])
    assert is_changed(Lake.at(str(root)), ShardsParams("demo", "good"))


def test_a_manifest_without_sizes_is_believed(root: Path) -> None:
    """Earlier versions wrote none."""
    path = root / "mix/shards-good" / MANIFEST_NAME
    manifest = json.loads(path.read_text())
    for shard in manifest["splits"]["train"]["shards"]:
        del shard["size_bytes"]
    path.write_text(json.dumps(manifest))
    assert not is_changed(Lake.at(str(root)), ShardsParams("demo", "good"))


def test_an_export_of_which_a_file_is_gone_is_written_again(root: Path) -> None:
    lake, params = Lake.at(str(root)), ExportsParams(("flat",), "demo", "good")
    made = export("flat", root / "mix/exports-good/flat", 300, [sequences_of([[1, 2, 0]], 2)])
    shards = hashlib.sha256((root / "mix/shards-good" / MANIFEST_NAME).read_bytes()).hexdigest()
    finish(str(root / "mix/exports-good/flat"), dataclasses.replace(made, shards_sha256=shards), TOKENIZER_JSON)
    assert not exports_changed(lake, params)
    (root / "mix/exports-good/flat/train/00000.bin").unlink()
    assert exports_changed(lake, params)


def test_verify_names_the_whole_command_that_mends_a_shard(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard = root / "mix/shards-good" / SHARD
    data = shard.read_bytes()
    shard.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    for asked in (["--lake", str(root)], [str(shard.parent)]):
        assert main(["verify", *asked]) == 1
        told = capsys.readouterr().err
        assert f"{SHARD} is altered" in told and remedy(root) in told
    copied = root.parent / "copy"
    shard.parent.rename(copied)
    assert main(["verify", str(copied)]) == 1
    assert "`codemill mix.shards --force --lake LAKE --mixture good`" in capsys.readouterr().err


def test_where_and_card_say_that_a_shard_is_missing_and_what_mends_it(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "mix/shards-good" / SHARD).unlink()
    assert main(["where", "a.py", "--lake", str(root)]) == 1
    found = capsys.readouterr()
    assert f"{SHARD} is missing" in found.err and remedy(root) in found.err
    assert f"mix/shards/{SHARD} row" in found.out  # of the other mixture
    assert main(["where", "a.py", "--lake", str(root), "--mixture", "demo"]) == 0
    assert main(["card", "--lake", str(root), "--mixture", "good"]) == 1
    told = capsys.readouterr().err
    assert f"{SHARD} is missing" in told and remedy(root) in told
    assert not (root / "mix/shards-good/data_card.md").exists()
