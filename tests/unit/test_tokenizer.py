import dataclasses
import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, trainers

from udfs import text_pieces as subject
from udfs.text_pieces import PIECE_CHARS, SAFE_CUT, pieces
from udfs.tokenizer import LONGEST_TOKEN, SPECIAL_TOKENS, Tokenizer, TokenizerError, encode, load, train

LIBRARY = Path(sysconfig.get_paths()["stdlib"])
SOURCES = sorted(path for name in ("json", "email", "asyncio") for path in (LIBRARY / name).glob("*.py"))
TEXTS = [path.read_text() for path in SOURCES]
UNFLAGGED = ("<|fim_prefix|>", "<tool_call>")


@pytest.fixture(scope="module")
def trained() -> Tokenizer:
    return load(train(iter(TEXTS), 1000))


def given_json(normalizer: normalizers.Normalizer | None = None, prefix_space: bool = False, end: str | None = "</s>") -> str:
    """A tokenizer as others make them: GPT-2's splitting, other special tokens, control tokens that are not flagged as special."""
    model = tokenizers.Tokenizer(models.BPE())
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space)
    model.decoder = decoders.ByteLevel()
    if normalizer:
        model.normalizer = normalizer
    trainer = trainers.BpeTrainer(vocab_size=800, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    model.train_from_iterator(TEXTS[:20], trainer)
    model.add_special_tokens([token for token in ("<s>", end) if token])
    model.add_tokens([AddedToken(token, special=False, normalized=False) for token in (*UNFLAGGED, "        ")])
    return model.to_str()


@pytest.fixture(scope="module")
def users() -> Tokenizer:
    return load(given_json())


def ids_of(tokenizer: Tokenizer, text: str) -> list[int]:
    tokens, _ = encode(tokenizer, pa.array([text], pa.string()))
    return tokens.tolist()


@pytest.mark.parametrize("threads", [{"RAYON_NUM_THREADS": "1"}, {"RAYON_NUM_THREADS": "7"}, {"TOKENIZERS_PARALLELISM": "false"}])
def test_training_gives_the_same_bytes_in_every_process_with_any_number_of_threads(trained: Tokenizer, threads: dict[str, str]) -> None:
    program = "import sys; from udfs.tokenizer import train; sys.stdout.write(train((open(f).read() for f in sys.argv[1:]), 1000))"
    environment = {**os.environ, **threads, "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-c", program, *map(str, SOURCES)]
    assert subprocess.run(command, env=environment, capture_output=True, check=True).stdout.decode() == trained.tokenizer_json


def test_special_tokens_have_the_first_ids(trained: Tokenizer) -> None:
    assert [trained.model.token_to_id(token) for token in SPECIAL_TOKENS] == [0, 1, 2, 3, 4]
    assert (trained.end_token, trained.end_id, trained.vocabulary_size) == ("<|endoftext|>", 0, 1000)


def test_a_given_tokenizer_keeps_its_bytes_and_its_end_token(users: Tokenizer) -> None:
    assert users.tokenizer_json == given_json()
    assert users.end_token == "</s>" and users.end_id == users.model.token_to_id("</s>")


@pytest.mark.parametrize("name", SPECIAL_TOKENS)
@pytest.mark.parametrize("text", ["{}", "a{}b", "x {}\n{}{}", "# {} in a comment"])
def test_text_never_becomes_a_special_token(trained: Tokenizer, name: str, text: str) -> None:
    ids = ids_of(trained, text.replace("{}", name))
    assert not set(ids[:-1]) & set(range(len(SPECIAL_TOKENS)))
    assert trained.model.decode(ids[:-1], skip_special_tokens=False) == text.replace("{}", name)


@pytest.mark.parametrize("name", ["<s>", "</s>", *UNFLAGGED])
def test_text_never_becomes_a_control_token_of_a_given_tokenizer_flagged_or_not(users: Tokenizer, name: str) -> None:
    text = f"a {name}{name}b\n{name}"
    ids = ids_of(users, text)[:-1]
    assert users.model.token_to_id(name) not in ids
    assert users.model.decode(ids, skip_special_tokens=False) == text


def test_added_whitespace_of_a_given_tokenizer_is_used_and_counted(users: Tokenizer) -> None:
    spaces = users.model.token_to_id("        ")
    assert spaces in ids_of(users, "a\n        b")
    assert users.token_bytes[spaces] == 8


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text() | st.sampled_from(SPECIAL_TOKENS), max_size=8))
def test_text_bytes_of_the_tokens_are_the_length_of_each_document(trained: Tokenizer, users: Tokenizer, texts: list[str]) -> None:
    for tokenizer in (trained, users):
        tokens, offsets = encode(tokenizer, pa.array(texts, pa.string()))
        assert tokens.dtype == np.int32 and offsets.dtype == np.int64
        for row, text in enumerate(texts):
            document = tokens[offsets[row] : offsets[row + 1]]
            assert tokenizer.token_bytes[document].sum() == len(text.encode())
            assert document[-1] == tokenizer.end_id
            assert tokenizer.model.decode(document[:-1].tolist(), skip_special_tokens=False) == text


def test_real_code_has_the_ids_that_the_library_gives(trained: Tokenizer) -> None:
    tokens, offsets = encode(trained, pa.array(TEXTS))
    plain = tokenizers.Tokenizer.from_str(trained.tokenizer_json)
    for row, text in enumerate(TEXTS):
        assert tokens[offsets[row] : offsets[row + 1] - 1].tolist() == plain.encode(text, add_special_tokens=False).ids


def test_a_batch_without_texts_has_no_tokens(trained: Tokenizer) -> None:
    tokens, offsets = encode(trained, pa.array([], pa.string()))
    assert tokens.tolist() == [] and offsets.tolist() == [0]


def test_a_null_text_is_refused(trained: Tokenizer) -> None:
    with pytest.raises(TokenizerError, match="1 of 2 texts are null"):
        encode(trained, pa.array(["a", None]))


@pytest.mark.parametrize("which", ["trained", "users"])
def test_long_text_cut_into_pieces_has_the_ids_of_the_whole(
    which: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = request.getfixturevalue(which)
    text = "".join(TEXTS)[:200_000]
    whole = tokenizer.model.encode(text, add_special_tokens=False).ids
    monkeypatch.setattr(subject, "PIECE_CHARS", 997)
    assert len(list(pieces(text))) > 200
    assert ids_of(tokenizer, text)[:-1] == whole


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=" \n\t\r\u3000ab1(é\x1c\x85", max_size=400))
def test_pieces_join_to_the_text_and_change_no_id_where_there_is_a_safe_cut(trained: Tokenizer, users: Tokenizer, text: str) -> None:
    found = list(SAFE_CUT.finditer(text))
    for cut in found:
        left, right = text[: cut.start()], text[cut.start() :]
        for tokenizer in (trained, users):
            assert ids_of(tokenizer, left)[:-1] + ids_of(tokenizer, right)[:-1] == ids_of(tokenizer, text)[:-1]


@pytest.mark.parametrize("text", ["a" * 300_000, " " * 300_000, "\n" * 300_000, "[" * 300_000, "漢" * 200_000, "9" * 300_000])
def test_text_without_a_safe_cut_is_cut_where_a_piece_is_full_and_loses_nothing(trained: Tokenizer, text: str) -> None:
    assert [len(piece) for piece in pieces(text)][:-1] == [PIECE_CHARS] * (len(text) // PIECE_CHARS)
    assert trained.model.decode(ids_of(trained, text)[:-1]) == text


def test_a_single_line_of_many_millions_of_spaces_trains_no_token_of_absurd_length() -> None:
    text = " " * (11 << 20)  # the library panics on more than 10 million when it gets them whole
    assert load(train(iter([text]), 300)).token_bytes.max() == LONGEST_TOKEN


def test_a_vocabulary_too_small_for_all_bytes_is_refused() -> None:
    with pytest.raises(TokenizerError, match="vocabulary_size is 260; 256 bytes and the special tokens need 261"):
        train(iter(TEXTS), 260)


def broken(**changes: object) -> str:
    declared = json.loads(given_json())
    declared["model"].update({name[6:]: value for name, value in changes.items() if name.startswith("model_")})
    declared.update({name: value for name, value in changes.items() if not name.startswith("model_")})
    return json.dumps(declared)


@pytest.mark.parametrize(
    ("tokenizer_json", "fault"),
    [
        ("no json", "not a tokenizer.json"),
        ("{}", "not a tokenizer.json"),
        (given_json(normalizer=normalizers.NFC()), "its normalizer NFC changes text; set it to null"),
        (given_json(prefix_space=True), "adds a space before text"),
        (given_json(end=None), "no end-of-document token"),
        (broken(model_dropout=0.1), "its model has dropout 0.1"),
        (
            broken(pre_tokenizer={"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "never", "split": True}),
            "no ByteLevel step",
        ),
        (broken(model={"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}), "its model is WordLevel"),
        (broken(decoder=None), "does not come back from its tokens"),
    ],
)
def test_a_tokenizer_that_would_lose_text_is_refused_with_the_reason(tokenizer_json: str, fault: str) -> None:
    with pytest.raises(TokenizerError, match=fault):
        load(tokenizer_json)


def test_a_tokenizer_without_a_token_for_every_byte_is_refused() -> None:
    declared = json.loads(given_json())
    declared["model"]["vocab"] = {token: index for token, index in declared["model"]["vocab"].items() if token != "Q"}
    declared["model"]["merges"] = [pair for pair in declared["model"]["merges"] if "Q" not in "".join(pair)]
    with pytest.raises(TokenizerError, match="no token for 1 of the 256 bytes"):
        load(json.dumps(declared))


def test_truncation_and_padding_in_a_given_file_are_not_obeyed() -> None:
    model = tokenizers.Tokenizer.from_str(given_json())
    model.enable_truncation(max_length=4)
    model.enable_padding(length=64)
    loaded = load(model.to_str())
    text = "one two three four five six seven"
    assert loaded.model.decode(ids_of(loaded, text)[:-1]) == text


@given(st.lists(st.text(max_size=60) | st.sampled_from(["<|endoftext|>", "a<[fim-suffix]>b", "  \n\n\t x", "e\u0301"]), max_size=8))
def test_the_compiled_tokenizer_has_the_ids_of_the_library(trained: Tokenizer, texts: list[str]) -> None:
    pytest.importorskip("gigatoken")
    assert trained.compiled is not None
    texts = [text.encode("utf-8", "replace").decode() for text in texts] + TEXTS[:3]
    plain = dataclasses.replace(trained, compiled=None)
    for one, other in zip(encode(trained, pa.array(texts)), encode(plain, pa.array(texts)), strict=True):
        assert one.tolist() == other.tolist()


@given(st.text(alphabet=" \nab", max_size=40), st.integers(0, 3), st.sampled_from(["a", " ", "\n"]))
@settings(max_examples=200, deadline=None)
def test_a_long_text_is_cut_at_the_last_safe_place_of_a_half_piece_however_far_back(text: str, filled: int, filling: str) -> None:
    text = (text + filling * (127, 1023, 9000, 27_000)[filled]) * 4
    size = subject.PIECE_CHARS
    for number, found in enumerate(list(pieces(text))[:-1]):
        start = sum(len(piece) for piece in list(pieces(text))[:number])
        cuts = [cut.start() for cut in SAFE_CUT.finditer(text, start + size // 2, start + size)]
        assert len(found) == (cuts[-1] - start if cuts else size)
