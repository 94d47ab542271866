"""Checkpoints of many structures and tokenizers: each becomes a scorer whose scores depend on nothing but the text, or is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, BertConfig, BertLMHeadModel, T5Config
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from gpu_scoring.decoders import is_known_to_transformers
from gpu_scoring.examples import Examples, Labelled
from gpu_scoring.model_folder import from_checkpoint, hash_of, load_scorer, save
from gpu_scoring.packed import is_packed
from gpu_scoring.scorer import ScorerError
from gpu_scoring.train import TrainParams, train_scorer
from tests.given_tokenizers import KINDS, TEXTS

WINDOW = 40
OF_LLAMA = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 64}
GROUPED = OF_LLAMA | {"num_key_value_heads": 2}
HEADS = GROUPED | {"head_dim": 8}
OF_GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}
NAMED = {"pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0}
EXPERTS = GROUPED | {"num_experts": 4, "num_experts_per_tok": 2}
# Kind of model: its sizes, its tokenizer, whether texts go through it in one row, whether Transformers has a class of the head. Those of
# `gpt_oss` would, but for a weight that its attention has beside the texts.
DECODERS: dict[str, tuple[dict[str, Any], str, bool, bool]] = {
    "qwen2": (GROUPED, "nfc", True, True),
    "llama": (GROUPED, "sentencepiece", True, True),
    "gemma": (HEADS, "sentencepiece", True, True),
    "gpt2": (OF_GPT2, "wordpiece", True, True),
    "gpt_neox": (OF_LLAMA, "nfc", True, True),
    "opt": ({"hidden_size": 32, "ffn_dim": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 64,
             "word_embed_proj_dim": 32}, "nfc", True, True),
    "granite": (GROUPED, "nfc", True, False),
    "cohere": (GROUPED, "nfc", True, False),
    "olmoe": (EXPERTS, "nfc", True, False),
    "gemma2": (HEADS | {"sliding_window": 8}, "sentencepiece", False, True),
    "mistral": (HEADS | {"sliding_window": 8}, "sentencepiece", False, True),
    "gpt_oss": (HEADS | {"num_local_experts": 4, "num_experts_per_tok": 2, "layer_types": ["full_attention"] * 2}, "nfc", False, True),
    "bloom": ({"hidden_size": 32, "n_layer": 2, "n_head": 4}, "nfc", False, True),
    "falcon": ({"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "alibi": True}, "nfc", False, True),
    "mpt": ({"d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 64}, "nfc", False, True),
    "codegen": (OF_GPT2 | {"rotary_dim": 8}, "nfc", False, False),
    "xglm": ({"d_model": 32, "ffn_dim": 48, "num_layers": 2, "attention_heads": 4, "max_position_embeddings": 64}, "unigram", False, False),
    "mamba": ({"hidden_size": 32, "num_hidden_layers": 2, "state_size": 4}, "nfc", False, False),
    "recurrent_gemma": (HEADS | {"num_hidden_layers": 3, "attention_window_size": 8, "lru_width": 32}, "sentencepiece", False, False),
}  # fmt: skip


def checkpoint(folder: Path, kind: str, **values: Any) -> Path:
    sizes, tokenizer, _, _ = DECODERS[kind]
    torch.manual_seed(1)
    config = CONFIG_MAPPING[kind](**{"vocab_size": 704, **NAMED, "initializer_range": 0.3, **sizes, **values})
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    (folder / "tokenizer.json").write_text(KINDS[tokenizer]().to_str())
    return folder


@pytest.mark.parametrize("kind", DECODERS)
def test_a_score_is_that_of_the_text_alone_and_the_folder_gives_it_again(kind: str, tmp_path: Path) -> None:
    found = from_checkpoint(checkpoint(tmp_path / kind, kind), WINDOW, 0)
    _, _, is_in_a_row, is_known = DECODERS[kind]
    assert (is_packed(found.model), is_known_to_transformers(found.model.config)) == (is_in_a_row, is_known)
    rows = found.tokens(["x = 1\n", "", *(text[:300] for text in TEXTS[:4]), "é\n"])
    assert max(map(len, rows)) == WINDOW and min(map(len, rows)) < 6
    found.model.eval()
    with torch.inference_mode():
        together, alone = found.forward(rows), torch.cat([found.forward([row]) for row in rows])
    assert torch.allclose(together, alone, atol=1e-5) and len(set(together.tolist())) == len(rows)
    version = save(found, tmp_path / "scorer", "", {}, {})
    again = load_scorer(tmp_path / "scorer")
    assert hash_of(again) == version
    with torch.inference_mode():
        assert torch.allclose(again.forward(rows), together, atol=1e-6)


@pytest.mark.parametrize("kind", DECODERS)
def test_it_starts_from_the_weights_that_are_there(kind: str, tmp_path: Path) -> None:
    """The hidden states that the causal language model itself has, by Transformers' own way in."""
    found = from_checkpoint(checkpoint(tmp_path / kind, kind), WINDOW, 0)
    theirs = AutoModelForCausalLM.from_pretrained(str(tmp_path / kind), dtype=torch.float32).eval()
    (row,) = found.tokens([TEXTS[0]])
    with torch.inference_mode():
        hidden = theirs.base_model(input_ids=torch.from_numpy(row.astype(np.int64))[None], use_cache=False).last_hidden_state[0, -1]
        assert found.forward([row]).item() == pytest.approx(float(found.model.score(hidden)), abs=1e-5)


def test_what_is_no_causal_decoder_is_refused(tmp_path: Path) -> None:
    sizes = {"vocab_size": 704, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 4}
    BertLMHeadModel(BertConfig(**sizes)).save_pretrained(tmp_path / "bert")
    AutoModelForSeq2SeqLM.from_config(T5Config(vocab_size=704, d_model=32, d_ff=48, num_layers=1, num_heads=4, d_kv=8)).save_pretrained(
        tmp_path / "t5"
    )
    for kind, said in (
        ("bert", "BertForSequenceClassification.*does not read the last token"),
        ("t5", "kind t5, which is no causal decoder"),
    ):
        (tmp_path / kind / "tokenizer.json").write_text(KINDS["nfc"]().to_str())
        with pytest.raises(ScorerError, match=f"{said}.*Expected a causal language model"):
            from_checkpoint(tmp_path / kind, WINDOW, 0)


def test_a_decoder_that_looks_ahead_is_refused(tmp_path: Path) -> None:
    """Of a kind that may be bound to look back only, and is not."""
    config = CONFIG_MAPPING["bert-generation"](vocab_size=704, initializer_range=0.3, **OF_LLAMA)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / "both")
    (tmp_path / "both" / "tokenizer.json").write_text(KINDS["nfc"]().to_str())
    with pytest.raises(ScorerError, match=r"depends on what comes after it.*Expected a causal decoder"):
        from_checkpoint(tmp_path / "both", WINDOW, 0)


def changed(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_weights_that_are_not_there_are_named_and_not_drawn(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "llama", "llama")
    changed(folder / "config.json", num_hidden_layers=3)
    with pytest.raises(ScorerError, match=r"lacks weights of a llama: model\.layers\.2\..* and \d+ more\. They would be random"):
        from_checkpoint(folder, WINDOW, 0)


def test_a_scorer_without_its_head_is_refused(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "llama", "llama")
    (folder / "scorer.json").write_text(json.dumps({"window": WINDOW, "offset": 0.5, "model_hash": "0" * 16}))
    with pytest.raises(ScorerError, match=r"lacks weights of a llama: score\.weight"):
        load_scorer(folder)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"model_type": "nonsense"}, "holds no model that Transformers loads.*nonsense"),
        ({"model_type": "odd", "auto_map": {"AutoConfig": "odd.Odd", "AutoModelForCausalLM": "odd.Model"}}, "holds no model.*custom code"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "quantized, which cannot be trained"),
    ],
)
def test_a_folder_of_another_kind_is_one_clear_error(values: dict[str, Any], said: str, tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "llama", "llama")
    (folder / "odd.py").write_text("raise SystemExit('it was run')\n")
    changed(folder / "config.json", **values)
    with pytest.raises(ScorerError, match=f"(?s){said}"):
        from_checkpoint(folder, WINDOW, 0)


@pytest.mark.parametrize("kind", ["qwen2", "llama", "gpt2", "xglm", "mamba", "gpt_oss"])
def test_training_starts_from_it_and_says_how_texts_are_read(kind: str, tmp_path: Path) -> None:
    folder, said = checkpoint(tmp_path / kind, kind, initializer_range=0.02), list[str]()
    params = TrainParams(checkpoint=str(folder), window=WINDOW, batch_tokens=200, threads=1)
    parts = [*[text[start : start + 200] for text in TEXTS for start in range(0, 2000, 200)][:39], "日本語"]
    known = Examples([f"{n:04}" for n in range(40)], ["Python"] * 40, parts, np.linspace(0, 1, 40))
    places = np.arange(40) % 4 == 0
    data = Labelled("judge m", "v", known.take(np.flatnonzero(~places)), known.take(np.flatnonzero(places)))
    found = train_scorer(data, params, tmp_path / "scorer", said.append)
    again = load_scorer(tmp_path / "scorer")
    assert hash_of(again) == found.model_hash and np.isfinite(again.predict(parts)).all()
    card = (tmp_path / "scorer" / "README.md").read_text()
    declared = json.loads((tmp_path / "scorer" / "scorer.json").read_text())
    assert "the checkpoint's own tokenizer, by the library `tokenizers`" in declared["reading"] == again.reading
    assert " because its " in again.reading and "\n" not in again.reading and "set it to" not in again.reading
    assert again.reading in card and any(again.reading in line and again.placing in line for line in said)
    assert f"{found.unknown_share:.2%} of those of training" in card and (found.unknown_share > 0) == (kind in ("gpt2", "xglm"))
    assert ("Transformers has no class for this decoder" in card) is not DECODERS[kind][3]
