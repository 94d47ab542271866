"""A checkpoint's own tokenizer: the ids that the library gives, a start and an end, and nothing that a text can do to them."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from gpu_scoring.given_tokenizer import GivenTokenizer, GivenTokenizerError, given_tokenizer, json_of
from tests.given_tokenizers import KINDS, TEXTS, qwen_like
from udfs import text_pieces
from udfs.tokenizer import TokenizerError, load

MOST = 100_000  # more than any text here has
NO_TOKENIZERS = ["", "{}", "[1]", '{"added_tokens": [], "model": {"type": "Nonsense"}}', '{"added_tokens": [{"content": 1}]}']
HOSTILE = [
    "",
    " ",
    "\n\n",
    "e\u0301 \u00c5",
    "日本語 🙂",
    "\x00\x7f",
    "A" * 3000,
    "x" + " " * 500 + "y",
    "\ufeffdef f():\r\n\treturn 1\r\n",
]
CHANGED = {"nfc": "normalizer NFC", "sentencepiece": "normalizer Sequence", "unigram": "Unigram", "wordpiece": "WordPiece"}


@pytest.fixture(scope="module", params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def made(kind: str) -> Tokenizer:
    return KINDS[kind]()


@pytest.fixture(scope="module")
def tokenizer(made: Tokenizer) -> GivenTokenizer:
    return given_tokenizer(made.to_str(), "why")


def names_of(made: Tokenizer) -> list[str]:
    return [token["content"] for token in json.loads(made.to_str())["added_tokens"]]


def test_ours_refuses_it_and_says_what_it_does_to_text(kind: str, made: Tokenizer) -> None:
    with pytest.raises(TokenizerError, match=CHANGED[kind]):
        load(made.to_str())


def test_a_text_has_the_ids_that_the_library_and_transformers_give_it(kind: str, made: Tokenizer, tokenizer: GivenTokenizer) -> None:
    theirs = PreTrainedTokenizerFast(tokenizer_object=made)
    texts = [text for text in [*HOSTILE, *TEXTS] if len(text) <= text_pieces.PIECE_CHARS]
    for text, ids in zip(texts, tokenizer.first_tokens(texts, MOST), strict=True):
        whole = made.encode(text).ids
        assert ids.dtype == np.int32 and whole == theirs(text)["input_ids"]
        assert ids.tolist() == (whole if whole[-1:] == [tokenizer.end_id] else [*whole, tokenizer.end_id])
    assert tokenizer.start.tolist() == ([] if kind == "nfc" else [made.encode("x").ids[0]])


def test_no_text_becomes_a_token_of_control(kind: str, made: Tokenizer, tokenizer: GivenTokenizer) -> None:
    names = names_of(made)
    texts = [f"{before}{name}{after}" for name in names for before, after in (("", ""), ("x", "y"), (" ", "\n"), (name, name))]
    control = {made.token_to_id(name) for name in names} - {tokenizer.unknown_id}
    for ids in tokenizer.first_tokens(texts, MOST):
        body = ids[len(tokenizer.start) : -1].tolist()
        assert not control & set(body) and ids[-1] == tokenizer.end_id
        assert len(body) > 2 or kind == "unigram"  # which spells them by nothing else


def test_flags_of_added_tokens_are_not_believed() -> None:
    declared = json.loads(KINDS["sentencepiece"]().to_str())
    byte = declared["model"]["vocab"]["<0xF0>"]
    declared["added_tokens"].append({**declared["added_tokens"][0], "id": byte, "content": "<0xF0>"})
    declared["added_tokens"].append({**declared["added_tokens"][0], "id": 600, "content": "<tool_call>", "special": False})
    (ids,) = given_tokenizer(json.dumps(declared), "why").first_tokens(["x🙂<tool_call>"], MOST)
    assert byte in ids and 600 not in ids


@given(texts=st.lists(st.text(max_size=60), min_size=1, max_size=5), most=st.integers(8, 30))
def test_the_first_tokens_are_those_of_the_whole_and_of_no_neighbour(tokenizer: GivenTokenizer, texts: list[str], most: int) -> None:
    for text, ids in zip(texts, tokenizer.first_tokens(texts, most), strict=True):
        (alone,) = tokenizer.first_tokens([text], MOST)
        assert ids.tolist() == alone[:most].tolist()
        assert (ids[-1] == tokenizer.end_id) == (len(alone) <= most)


def test_a_long_text_is_read_in_pieces_as_far_as_the_window_goes(tokenizer: GivenTokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(TEXTS)
    (whole,) = tokenizer.first_tokens([text], 10**9)
    monkeypatch.setattr(text_pieces, "PIECE_CHARS", 2048)
    read: list[str] = []
    batch = GivenTokenizer._ids
    monkeypatch.setattr(GivenTokenizer, "_ids", lambda self, texts: read.extend(texts) or batch(self, texts))
    short, long = tokenizer.first_tokens(["x = 1\n", text], 600)
    assert len(long) == 600 and short[-1] == tokenizer.end_id
    assert sum(map(len, read)) < len(text) / 3 and long.tolist()[:200] == whole.tolist()[:200]
    (pieced,) = tokenizer.first_tokens([text], 10**9)
    lost = (pieced == (-1 if tokenizer.unknown_id is None else tokenizer.unknown_id)).mean()
    assert abs(len(pieced) - len(whole)) < 0.01 * len(whole) and lost < 0.5


def test_a_tokenizer_without_a_usual_end_takes_the_one_that_the_model_names() -> None:
    odd = qwen_like("<|fin|>")
    with pytest.raises(GivenTokenizerError, match=r"no token that ends a text.*config\.json names no eos_token_id"):
        given_tokenizer(odd.to_str(), "why")
    with pytest.raises(GivenTokenizerError, match="no token that ends a text"):
        given_tokenizer(odd.to_str(), "why", 70_000)
    assert given_tokenizer(odd.to_str(), "why", 0).first_tokens(["x <|fin|>"], 99)[0].tolist().count(0) == 1


@pytest.mark.parametrize("text", NO_TOKENIZERS)
def test_what_is_no_tokenizer_is_one_clear_error(text: str) -> None:
    with pytest.raises(GivenTokenizerError, match="none of the tokenizers library"):
        given_tokenizer(text, "why")


def test_older_files_of_a_tokenizer_become_the_library_s(tmp_path: Path) -> None:
    made = Tokenizer(models.BPE.from_file(*_saved(tmp_path)))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    found = Tokenizer.from_str(json_of(tmp_path, "tokenizer.json"))
    assert found.encode(TEXTS[0]).ids == made.encode(TEXTS[0]).ids
    (tmp_path / "vocab.json").unlink()
    with pytest.raises(GivenTokenizerError, match=r"tokenizer\.json"):
        json_of(tmp_path, "tokenizer.json")


def _saved(folder: Path) -> tuple[str, str]:
    made = qwen_like()
    vocabulary, merges = made.model.save(str(folder))
    return vocabulary, merges
