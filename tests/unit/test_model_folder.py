"""A scorer's folder: what decides a score decides its hash, and a folder whose parts do not fit is refused with the reason."""

import json
import re
from pathlib import Path

import pytest
import safetensors.torch
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from gpu_scoring.model_folder import from_checkpoint, hash_of, load_scorer, save
from gpu_scoring.scorer import Scorer, ScorerError, Shape, new_scorer

WINDOW = 32
SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 1, "max_position_embeddings": 64}
ROPES = {
    "longrope": {"short_factor": [1.0] * 16, "long_factor": [4.0] * 16},
    "dynamic": {"factor": 2.0},
}


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return new_scorer(Shape(32, 1, 400), iter(["def f(x):\n    return x + 1\n" * 20]), WINDOW, 0)


@pytest.fixture
def folder(scorer: Scorer, tmp_path: Path) -> Path:
    save(scorer, tmp_path / "scorer", "# MODEL_HASH\n", {}, {})
    return tmp_path / "scorer"


def changed(path: Path, **values: object) -> None:
    declared = json.loads(path.read_text())
    declared = {name: value for name, value in (declared | values).items() if value is not None}
    path.write_text(json.dumps(declared, indent=4))


def checkpoint(folder: Path, scorer: Scorer, **values: object) -> Path:
    LlamaForCausalLM(LlamaConfig(**{"vocab_size": 400, **SIZES, **values})).save_pretrained(folder)
    (folder / "tokenizer.json").write_text(scorer.tokenizer.tokenizer_json)
    return folder


@pytest.mark.parametrize(
    ("name", "values", "is_other"),
    [
        ("config.json", {"rms_norm_eps": 1e-3}, True),
        ("config.json", {"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}}, True),
        ("config.json", {"transformers_version": "99.0", "_name_or_path": "/elsewhere"}, False),
        ("scorer.json", {"window": 16}, True),
        ("scorer.json", {"kind": "page"}, True),
        ("scorer.json", {"kind": None}, False),
        ("scorer.json", {"offset": 0.125}, True),
        ("scorer.json", {"oracle": "another"}, False),
    ],
)
def test_a_folder_that_is_another_scorer_than_it_says_is_refused(folder: Path, name: str, values: dict, is_other: bool) -> None:
    said = json.loads((folder / "scorer.json").read_text())["model_hash"]
    assert hash_of(load_scorer(folder)) == said
    changed(folder / name, **values)
    if not is_other:
        assert hash_of(load_scorer(folder)) == said
        return
    with pytest.raises(ScorerError, match=f"says that this is scorer {said}; what lies beside it is [0-9a-f]{{16}}: its weights") as caught:
        load_scorer(folder)
    (found,) = re.findall(r"write ([0-9a-f]{16}) there", str(caught.value))
    changed(folder / "scorer.json", model_hash=found)
    assert hash_of(load_scorer(folder)) == found != said


def test_one_weight_of_another_training_is_another_scorer(folder: Path) -> None:
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    weights["score.weight"][0, 0] += 1e-3
    safetensors.torch.save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ScorerError, match="its weights, configuration, tokenizer"):
        load_scorer(folder)


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("scorer.json", {"window": None}, "has no 'window'"),
        ("scorer.json", {"model_hash": None}, "has no 'model_hash'"),
        ("scorer.json", {"window": "long"}, "invalid literal"),
        ("scorer.json", {"window": 9_000}, "a window of 9,000 is more"),
        ("config.json", {"hidden_size": 64}, "holds no model that Transformers loads"),
    ],
)
def test_a_folder_that_was_changed_by_hand_is_refused_with_the_reason(folder, name, values, said) -> None:
    changed(folder / name, **values)
    with pytest.raises(ScorerError, match=said):
        load_scorer(folder)


def test_weights_that_are_cut_off_are_one_clear_error(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ScorerError, match="holds no model that Transformers loads"):
        load_scorer(folder)


def test_a_tokenizer_with_ids_beyond_the_embeddings_is_refused(scorer: Scorer, tmp_path: Path) -> None:
    with pytest.raises(ScorerError, match=r"has ids up to \d+; the model beside it has embeddings for 270"):
        from_checkpoint(checkpoint(tmp_path / "small", scorer, vocab_size=270), WINDOW, 0)
    size = scorer.tokenizer.vocabulary_size
    assert from_checkpoint(checkpoint(tmp_path / "exact", scorer, vocab_size=size), WINDOW, 0).tokens(["x"])


@pytest.mark.parametrize(("kind", "most", "said"), [("longrope", WINDOW, "longrope"), ("dynamic", 64, "was made for 64 tokens")])
def test_positions_that_depend_on_the_longest_text_of_a_batch_are_refused(kind, most, said, scorer, tmp_path) -> None:
    rope = {"rope_type": kind, "rope_theta": 1e4, "original_max_position_embeddings": WINDOW, **ROPES[kind]}
    folder = checkpoint(tmp_path / kind, scorer, rope_parameters=rope)
    with pytest.raises(ScorerError, match=said):
        from_checkpoint(folder, most + 1, 0)
    found = from_checkpoint(folder, most, 0)
    rows = found.tokens(["x = 1\n" * n for n in (1, 3, 60)])
    found.model.eval()
    with torch.inference_mode():
        together = found.forward(rows)
        alone = torch.cat([found.forward([row]) for row in rows])
    assert len(rows[-1]) == most and torch.allclose(together, alone, atol=1e-6)


def test_a_model_of_another_structure_is_a_start(scorer: Scorer, tmp_path: Path) -> None:
    config = GPT2Config(vocab_size=400, n_embd=32, n_layer=1, n_head=2, n_positions=64, pad_token_id=scorer.tokenizer.padding_id)
    GPT2LMHeadModel(config).save_pretrained(tmp_path / "gpt2")
    (tmp_path / "gpt2" / "tokenizer.json").write_text(scorer.tokenizer.tokenizer_json)
    found = from_checkpoint(tmp_path / "gpt2", WINDOW, 0)
    one, other = found.predict(["x = 1", "y = 2"], 64), found.predict(["x = 1"], 64)
    assert one[0] == pytest.approx(other[0], abs=1e-6)
