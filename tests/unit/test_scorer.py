"""The scorer: what a score depends on; training that goes on after a kill, and that is seen as nothing where nothing can be learned."""

import copy
import inspect
import json
import random
import shutil
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForSequenceClassification, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from gpu_scoring import train as training
from gpu_scoring.device import chosen, dtype_of, flops, peak_flops
from gpu_scoring.examples import Examples, Labelled
from gpu_scoring.model_folder import from_checkpoint, hash_of, load_scorer, save
from gpu_scoring.progress import Summary, progress
from gpu_scoring.scorer import ScorerError, Shape, new_scorer, padded_batches
from gpu_scoring.train import TrainParams, train_scorer

PARAMS = TrainParams(shape=Shape(32, 1, 400), window=48, batch_tokens=400, threads=1, seed=3)
TEXTS = [inspect.getsource(module)[start : start + 300] for module in (random, textwrap, json) for start in range(0, 3000, 200)]


def examples(count: int, seed: int) -> Examples:
    """Files with much of one word are good, with much of another bad."""
    draw = random.Random(seed)
    scores = [draw.random() for _ in range(count)]
    texts = [" ".join("good" if draw.random() < score else "bad" for _ in range(30)) for score in scores]
    return Examples([f"{seed}-{n:04}" for n in range(count)], ["Python"] * count, texts, np.array(scores))


def data(count: int = 400) -> Labelled:
    return Labelled("judge m", "v", examples(count, 1), examples(80, 2))


def quiet(line: str) -> None:
    pass


@pytest.fixture(scope="module")
def scorer():
    return new_scorer(PARAMS.shape, iter(TEXTS), PARAMS.window, 0)


def test_a_score_does_not_depend_on_its_neighbours(scorer) -> None:
    rows = scorer.tokens(["a", *TEXTS, "x = 1\n"])
    scorer.model.eval()
    with torch.inference_mode():
        together = scorer.forward(rows).numpy()
        alone = np.array([scorer.forward([row]).item() for row in rows])
    assert np.abs(together - alone).max() < 1e-5
    order = np.random.default_rng(0).permutation(len(TEXTS))
    one, other = scorer.predict(TEXTS), scorer.predict([TEXTS[i] for i in order], batch_tokens=97)
    assert np.abs(one[order] - other).max() < 1e-5


def test_a_text_is_its_first_tokens_and_its_end_where_that_fits(scorer) -> None:
    short, long, empty = scorer.tokens(["x = 1", "x = 1\n" * 500, ""])
    assert short[-1] == scorer.tokenizer.end_id == empty[-1]
    assert len(empty) == 1
    assert len(long) == PARAMS.window and long[-1] != scorer.tokenizer.end_id
    assert scorer.predict(["x = 1\n" * 500]) == scorer.predict(["x = 1\n" * 900])


@pytest.mark.parametrize("most", [1, 50, 100_000])
def test_batches_hold_every_row_once_within_the_bound(most: int) -> None:
    lengths = [random.Random(1).randrange(1, 60) for _ in range(40)]
    found = list(padded_batches(lengths, most))
    assert sorted(place for batch in found for place in batch) == list(range(40))
    assert all(len(batch) == 1 or len(batch) * max(lengths[place] for place in batch) <= most for batch in found)


def test_a_folder_gives_the_scores_that_were_saved_to_us_and_to_transformers(scorer, tmp_path: Path) -> None:
    folder = tmp_path / "scorer"
    moved = replace(scorer, offset=0.25)
    saved = save(moved, folder, "# MODEL_HASH\n", {"oracle": "x"}, {"picture.png": b"\x89PNG"})
    again = load_scorer(folder)
    assert hash_of(again) == saved == json.loads((folder / "scorer.json").read_text())["model_hash"] != hash_of(scorer)
    assert (again.predict(TEXTS) == moved.predict(TEXTS)).all()
    assert (folder / "README.md").read_text() == f"# {saved}\n"
    theirs = AutoModelForSequenceClassification.from_pretrained(str(folder))
    row = torch.from_numpy(scorer.tokens([TEXTS[0]])[0].astype(np.int64))[None]
    with torch.inference_mode():
        assert theirs(input_ids=row).logits.item() + 0.25 == pytest.approx(moved.forward(scorer.tokens([TEXTS[0]])).item(), abs=1e-5)


def test_a_causal_language_model_is_a_start(scorer, tmp_path: Path) -> None:
    config = LlamaConfig(vocab_size=scorer.tokenizer.vocabulary_size, hidden_size=32, intermediate_size=64, num_hidden_layers=1,
                         num_attention_heads=1, max_position_embeddings=64)  # fmt: skip
    model = LlamaForCausalLM(config)
    model.save_pretrained(tmp_path)
    with pytest.raises(ScorerError, match=r"tokenizer\.json cannot be used"):
        from_checkpoint(tmp_path, 48, 0)
    (tmp_path / "tokenizer.json").write_text(scorer.tokenizer.tokenizer_json)
    found = from_checkpoint(tmp_path, 48, 0)
    assert torch.equal(found.model.model.embed_tokens.weight, model.model.embed_tokens.weight)
    with pytest.raises(ScorerError, match="was made for 64 tokens; a window of 65"):
        from_checkpoint(tmp_path, 65, 0)
    with pytest.raises(ScorerError, match="is no scorer"):
        load_scorer(tmp_path)


def test_what_can_be_learned_is_learned_and_what_cannot_is_seen_as_nothing(tmp_path: Path) -> None:
    found = train_scorer(data(), replace(PARAMS, epochs=4, learning_rate=3e-3), tmp_path / "a", quiet)
    mean = found.baselines["mean of training"]
    assert found.scorer.mae_high < mean.mae_low
    assert found.scorer.spearman and found.scorer.spearman > 0.8
    nothing = train_scorer(data(), replace(PARAMS, epochs=4, learning_rate=3e-3, shuffled_labels=True), tmp_path / "b", quiet)
    assert mean.mae_low <= nothing.scorer.mae <= mean.mae_high
    assert "labels were shuffled" in (tmp_path / "b" / "README.md").read_text()
    assert "labels were shuffled" not in (tmp_path / "a" / "README.md").read_text()


class Killed(Exception):
    pass


def test_a_killed_training_goes_on_to_the_same_weights_and_no_other_run_takes_its_state(tmp_path: Path, monkeypatch) -> None:
    params = replace(PARAMS, save_every_s=0)
    whole = train_scorer(data(120), params, tmp_path / "whole", quiet)
    assert not list(tmp_path.glob("*.pt"))
    saved = 0
    keep = training.keep

    def keep_and_die(*arguments) -> None:
        nonlocal saved
        keep(*arguments)
        saved += 1
        if saved == 5:
            raise Killed

    monkeypatch.setattr(training, "keep", keep_and_die)
    with pytest.raises(Killed):
        train_scorer(data(120), params, tmp_path / "killed", quiet)
    assert (tmp_path / "killed.training.pt").exists() and not (tmp_path / "killed").exists()
    steps = []
    monkeypatch.setattr(training, "keep", lambda *arguments: steps.append(len(arguments[-1])))
    state = (tmp_path / "killed.training.pt").read_bytes()
    again = train_scorer(data(120), params, tmp_path / "killed", quiet)
    assert again.model_hash == whole.model_hash and steps[0] == 6
    (tmp_path / "killed.training.pt").write_bytes(state)
    other = train_scorer(data(120), replace(params, learning_rate=2e-3), tmp_path / "killed", quiet)
    assert other.model_hash == train_scorer(data(120), replace(params, learning_rate=2e-3), tmp_path / "fresh", quiet).model_hash


def gpt2(folder: Path, dropout: float) -> str:
    """A checkpoint of another structure, which drops out at random in training."""
    scorer = new_scorer(PARAMS.shape, iter(TEXTS), PARAMS.window, 0)
    sizes = {"vocab_size": 400, "n_positions": 64, "n_embd": 32, "n_layer": 1, "n_head": 2, "pad_token_id": scorer.tokenizer.padding_id}
    config = GPT2Config(**sizes, resid_pdrop=dropout, embd_pdrop=dropout)
    GPT2LMHeadModel(config).save_pretrained(folder)
    (folder / "tokenizer.json").write_text(scorer.tokenizer.tokenizer_json)
    return str(folder)


def killed_after(saves: int, monkeypatch, *arguments: object) -> None:
    keep, count = training.keep, iter(range(1, saves + 1))

    def keep_and_die(*state: object) -> None:
        keep(*state)
        if next(count) == saves:
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(training, "keep", keep_and_die)
        train_scorer(*arguments)


def test_a_killed_training_draws_the_same_dropout_where_it_goes_on(tmp_path: Path, monkeypatch) -> None:
    params = replace(PARAMS, checkpoint=gpt2(tmp_path / "gpt2", 0.3), save_every_s=0)
    whole = train_scorer(data(60), params, tmp_path / "whole", quiet)
    torch.rand(7)  # what another program draws before
    killed_after(3, monkeypatch, data(60), params, tmp_path / "killed", quiet)
    assert train_scorer(data(60), params, tmp_path / "killed", quiet).model_hash == whole.model_hash
    other = replace(params, seed=params.seed + 1)
    assert train_scorer(data(60), other, tmp_path / "other", quiet).losses != whole.losses


def test_a_state_is_that_of_the_checkpoints_weights_and_not_of_its_name(tmp_path: Path, monkeypatch) -> None:
    params = replace(PARAMS, checkpoint=gpt2(tmp_path / "gpt2", 0), save_every_s=0)
    killed_after(3, monkeypatch, data(60), params, tmp_path / "out", quiet)
    steps: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(training, "keep", lambda *state: steps.append(len(state[-1])))
        moved = replace(params, checkpoint=str(shutil.copytree(tmp_path / "gpt2", tmp_path / "moved")))
        killed = (tmp_path / "out.training.pt").read_bytes()
        train_scorer(data(60), moved, tmp_path / "out", quiet)
        assert steps[0] == 4
        gpt2(tmp_path / "moved", 0)  # other weights by the same name
        (tmp_path / "out.training.pt").write_bytes(killed)
        train_scorer(data(60), moved, tmp_path / "out", quiet)
    assert steps.count(1) == 1


def test_a_state_that_a_gpu_wrote_is_read_without_one(tmp_path: Path, monkeypatch) -> None:
    params = replace(PARAMS, save_every_s=0)
    with monkeypatch.context() as patch:
        patch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
        killed_after(3, monkeypatch, data(60), params, tmp_path / "out", quiet)
    again = train_scorer(data(60), params, tmp_path / "out", quiet)
    assert again.model_hash == train_scorer(data(60), params, tmp_path / "whole", quiet).model_hash


@pytest.mark.parametrize("kind", ["file", "page"])
def test_training_that_leaves_the_numbers_ends_with_the_step_and_without_a_model(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ScorerError, match=rf"(?s)step [23] of \d+, of {kind}s 1-\d{{4}}.*smaller --learning-rate") as caught:
        train_scorer(replace(data(60), kind=kind), replace(PARAMS, learning_rate=1e30), tmp_path / "a", quiet)
    assert "Expected numbers" in str(caught.value)
    assert not list(tmp_path.glob("a*"))


def test_held_out_texts_change_nothing_in_training(tmp_path: Path) -> None:
    one = train_scorer(data(60), PARAMS, tmp_path / "a", quiet)
    known = data(60)
    other = train_scorer(replace(known, held_out=examples(30, 9)), PARAMS, tmp_path / "b", quiet)
    assert one.model_hash == other.model_hash
    assert one.scorer != other.scorer


def test_the_card_says_what_the_labels_are(tmp_path: Path) -> None:
    train_scorer(replace(data(60), oracle="rubric"), PARAMS, tmp_path / "a", quiet)
    card = (tmp_path / "a" / "README.md").read_text()
    declared = json.loads((tmp_path / "a" / "scorer.json").read_text())
    assert "counts and does not judge" in card
    assert f"# Quality scorer {declared['model_hash']}" in card and "80 files of held-out repositories" in card
    assert "(`llama`, as" in card and "- Languages: Python 60." in card
    ratings = next(line for line in card.splitlines() if line.startswith("- Ratings"))
    assert sum(int(part.split()[-1]) for part in ratings.rstrip(".").split(": ")[1].split(", ")) == 60
    assert "hashed n-grams" in card and "length and comments" in card and "mean of training" in card


def test_operations_are_those_that_torch_counts(scorer):
    lengths = [5, 40, 64]
    for length in lengths:
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            scorer.forward([np.arange(length, dtype=np.int32) % 300])
        # The counter takes attention as whole and not as causal, and does not see where torch fuses it: between the two counts.
        weights = flops(scorer.model, [length]) - 2 * scorer.model.config.num_hidden_layers * scorer.model.config.hidden_size * length**2
        attention = 4 * scorer.model.config.num_hidden_layers * scorer.model.config.hidden_size * length**2
        assert 0.98 * weights <= counter.get_total_flops() <= 1.02 * (weights + attention)
    assert flops(scorer.model, lengths) == sum(flops(scorer.model, [length]) for length in lengths)


def test_the_peak_is_at_least_what_a_model_reaches(scorer):
    device = torch.device("cpu")
    assert peak_flops(device, torch.float32) > 1e9
    assert chosen("cpu") == device and dtype_of(device) == torch.float32
    with pytest.raises(ValueError, match="there is no device"):
        chosen("nonsense")


def test_the_worker_says_what_is_left_and_what_it_costs() -> None:
    done = Summary(scored=100, tokens=50_000, seconds=36.0, flops=9e9, peak_flops=1e9)
    assert (
        progress(done, 600, 2.5) == "100 of 600 files scored, 1,389 tokens/s, 25% of the device's peak; about 3 min left, at a cost of 0.12"
    )
    assert progress(done, 600, 0.0).endswith("about 3 min left")
    assert progress(replace(done, kind="page"), 600, 0.0).startswith("100 of 600 pages scored")


def test_half_precision_gives_nearly_the_same_scores(scorer):
    texts = ["x = 1\n" * n for n in (1, 5, 30)]
    exact = scorer.predict(texts)
    half = replace(scorer, model=copy.deepcopy(scorer.model)).on(torch.device("cpu"), torch.bfloat16)
    assert np.abs(half.predict(texts) - exact).max() < 0.01
