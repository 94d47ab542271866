import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import LlamaForCausalLM

from tests.shards_builder import TEXTS, write_shards
from training.fim_check import fim_check, fim_ids, gaps_of, windows_of_gaps
from training.folders import ShardFolder, opened
from training.losses import token_losses
from training.model import build_model
from training.pools import IGNORED
from training.processes import Processes
from training.shapes import SHAPES
from udfs.tokenizer import FIM_MIDDLE, FIM_PREFIX, FIM_SUFFIX, load

ALONE = Processes(0, 1, torch.device("cpu"))
WINDOW = 128


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> ShardFolder:
    return opened(str(write_shards(tmp_path_factory.mktemp("shards"), 512)))


@pytest.fixture(scope="module")
def model(folder: ShardFolder) -> LlamaForCausalLM:
    return build_model(SHAPES["nano"], folder.tokenizer, WINDOW, 10_000.0, 1)


def test_the_three_parts_of_a_gap_are_a_stretch_of_a_held_out_text(folder: ShardFolder) -> None:
    decode = folder.tokenizer.model.decode
    gaps = list(gaps_of(folder.source("held_out", WINDOW, 0), folder.tokenizer, 100))
    assert len(gaps) >= 5
    for gap in gaps:
        prefix, middle, suffix = (decode(part, skip_special_tokens=False) for part in (gap.prefix, gap.middle, gap.suffix))
        assert any(prefix + middle + suffix in text for text in TEXTS["held_out"])
        assert gap.middle_bytes == len(middle.encode()) > 0
        assert 3 + len(gap.prefix) + len(gap.middle) + len(gap.suffix) <= WINDOW


def test_gaps_depend_on_the_seed_alone_and_are_no_more_than_asked(folder: ShardFolder) -> None:
    def gaps(seed: int) -> list[list[int]]:
        return [gap.middle for gap in gaps_of(folder.source("held_out", WINDOW, seed), folder.tokenizer, 4)]

    assert len(gaps(1)) == 4
    assert gaps(1) == gaps(1) != gaps(2)


def test_only_the_middle_is_asked_after_suffix_and_prefix() -> None:
    windows = windows_of_gaps([([1, 2], [3], [4, 5]), ([], [6], [7])], (97, 98, 99), 10, 0)
    assert windows.inputs.tolist() == [[0, 97, 1, 2, 98, 3, 99, 4, 0, 0], [0, 97, 98, 6, 99, 0, 0, 0, 0, 0]]
    assert [[token for token in row if token != IGNORED] for row in windows.targets.tolist()] == [[4, 5], [7]]
    assert windows.targets[0].tolist().index(4) == 6


def test_the_check_sums_the_middles_losses_alone(folder: ShardFolder, model: LlamaForCausalLM) -> None:
    source = folder.source("held_out", WINDOW, 0)
    found = fim_check(model, source, folder.tokenizer, 4, 3, 4, ALONE)
    gaps = list(gaps_of(source, folder.tokenizer, 4))
    ids = fim_ids(folder.tokenizer)
    assert ids is not None and found.bits_per_byte is not None
    nats = 0.0
    for gap in gaps:
        tokens = [0, ids[0], *gap.suffix, ids[1], *gap.prefix, ids[2], *gap.middle]
        with torch.inference_mode():
            odds = torch.log_softmax(model(torch.tensor([tokens[:-1]])).logits[0].double(), dim=-1)
        nats -= sum(odds[place - 1, tokens[place]].item() for place in range(len(tokens) - len(gap.middle), len(tokens)))
    assert found.bits_per_byte == pytest.approx(nats / np.log(2) / sum(gap.middle_bytes for gap in gaps), rel=1e-5)
    assert (found.documents, found.trained_on, found.skipped) == (4, 3, None)


def test_a_model_that_was_taught_to_copy_from_the_suffix_needs_the_right_one(folder: ShardFolder, model: LlamaForCausalLM) -> None:
    """Learns the very gaps that it is asked: then suffix and prefix tell which middle it is."""
    source = folder.source("held_out", WINDOW, 0)
    gaps = list(gaps_of(source, folder.tokenizer, 12))
    ids = fim_ids(folder.tokenizer)
    assert ids is not None
    windows = windows_of_gaps([(gap.suffix, gap.prefix, gap.middle) for gap in gaps], ids, WINDOW, source.end_id)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    model.train()
    for _ in range(150):
        token_losses(model, windows, None, ALONE.device).sum().div(200).backward()
        optimizer.step()
        optimizer.zero_grad()
    found = fim_check(model, source, folder.tokenizer, 12, 12, 4, ALONE)
    assert found.bits_per_byte is not None and found.without_suffix is not None and found.in_another_document is not None
    assert found.bits_per_byte < 0.5 * min(found.without_suffix, found.in_another_document)


def test_a_tokenizer_without_the_tokens_is_a_reason_and_no_failure(folder: ShardFolder, model: LlamaForCausalLM) -> None:
    declared = json.loads(folder.tokenizer.tokenizer_json)
    for token in declared["added_tokens"]:
        if token["content"] == FIM_MIDDLE:
            token["content"] = "<|other|>"
            declared["model"]["vocab"]["<|other|>"] = declared["model"]["vocab"].pop(FIM_MIDDLE)
    without = load(json.dumps(declared))
    found = fim_check(model, folder.source("held_out", WINDOW, 0), without, 6, 0, 4, ALONE)
    assert found.skipped == f"the tokenizer has not all of {FIM_SUFFIX}, {FIM_PREFIX} and {FIM_MIDDLE}"
    assert found.bits_per_byte is None


def test_nothing_held_out_is_a_reason_too(folder: ShardFolder, model: LlamaForCausalLM, tmp_path: Path) -> None:
    source = folder.source("held_out", WINDOW, 0)
    manifest = replace(source.manifest, splits={"train": source.manifest.splits["train"]})
    assert fim_check(model, replace(source, manifest=manifest), folder.tokenizer, 6, 0, 4, ALONE).skipped == "nothing is held out"
