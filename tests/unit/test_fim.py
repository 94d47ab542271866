import re
import sysconfig
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from udfs.draws import uniform
from udfs.fim import CUT_SEEDS, Marks, encode_documents, marks_of, names_of, outside, parts_of
from udfs.tokenizer import FIM_MIDDLE, FIM_PREFIX, FIM_SUFFIX, SPECIAL_TOKENS, Tokenizer, TokenizerError, load, train

LIBRARY = Path(sysconfig.get_paths()["stdlib"])
CODE = [path.read_text() for path in sorted((LIBRARY / "json").glob("*.py"))]
DRAWS = st.floats(0, 1, exclude_max=True)
TRICKY = st.sampled_from([*SPECIAL_TOKENS, "<[fim-", "e\u0301", "\U0001f600", "\r\n", " ", "a", "漢"])
TEXTS = st.lists(TRICKY | st.text(max_size=5), max_size=12).map("".join)


def encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return load(train(iter(CODE), 600))


@given(TEXTS, DRAWS, DRAWS)
def test_the_three_parts_join_to_the_document_and_none_is_empty(text: str, first: float, second: float) -> None:
    parts = parts_of(text, first, second)
    if parts is not None:
        assert parts.prefix + parts.middle + parts.suffix == text
        assert parts.prefix and parts.middle and parts.suffix


@given(TEXTS, DRAWS, DRAWS)
def test_nothing_that_looks_like_a_special_token_is_cut(text: str, first: float, second: float) -> None:
    parts = parts_of(text, first, second)
    if parts is not None:
        for name in SPECIAL_TOKENS:
            assert text.count(name) == sum(part.count(name) for part in (parts.prefix, parts.middle, parts.suffix))


@given(TEXTS.filter(bool), st.data())
def test_a_place_inside_of_what_looks_like_a_special_token_moves_to_its_start_and_no_other_moves(text: str, data: st.DataObject) -> None:
    """The oracle looks at the whole text."""
    place = data.draw(st.integers(0, len(text)))
    names = re.compile("|".join(map(re.escape, SPECIAL_TOKENS)))
    around = [found.start() for found in names.finditer(text) if found.start() < place < found.end()]
    assert outside(text, place) == (around[0] if around else place)


NAMES = ("<s>", "[[INST]", "[INST]]", "<|a<b|>", "<\uff5cend\u2581of\u2581sentence\uff5c>")


@given(st.lists(st.sampled_from([*NAMES, "<", "[", "[INST", "]]", "a"]), max_size=12).map("".join), DRAWS, DRAWS)
def test_nothing_that_looks_like_a_token_of_the_users_own_tokenizer_is_cut(text: str, first: float, second: float) -> None:
    """Names that hold each other's beginnings, and may lie over one another."""
    parts = parts_of(text, first, second, NAMES)
    if parts is not None:
        for cut in (len(parts.prefix), len(parts.prefix) + len(parts.middle)):
            for name in NAMES:
                assert not any(text.startswith(name, start) for start in range(max(0, cut - len(name) + 1), cut))


def test_the_names_of_a_tokenizer_are_its_special_tokens_and_no_space_that_it_added(tokenizer: Tokenizer) -> None:
    model = tokenizers.Tokenizer.from_str(tokenizer.tokenizer_json)
    model.add_special_tokens(["[INST]"])
    model.add_tokens(["    ", "<tool>"])
    found = names_of(load(model.to_str()))
    assert set(found) == {*SPECIAL_TOKENS, "[INST]", "<tool>"}
    texts = pa.array(["[INST]" * 3000])
    tokens, _, is_fim = encode_documents(load(model.to_str()), pa.array(["a"]), texts, np.array([True]))
    told = load(model.to_str()).model.decode(tokens.tolist(), skip_special_tokens=False)
    assert is_fim.all() and told.count("[INST]") == 3000


@given(st.text(alphabet="abc", max_size=8), DRAWS, DRAWS)
def test_a_document_has_parts_as_soon_as_it_has_three_characters(text: str, first: float, second: float) -> None:
    assert (parts_of(text, first, second) is not None) == (len(text) >= 3)


def test_all_pairs_of_places_are_equally_likely() -> None:
    found = [parts_of("abcde", one / 60 + 0.001, other / 60 + 0.001) for one in range(60) for other in range(60)]
    counts = {pair: 0 for pair in {(len(parts.prefix), len(parts.middle)) for parts in found if parts}}
    for parts in found:
        assert parts is not None
        counts[len(parts.prefix), len(parts.middle)] += 1
    assert set(counts.values()) == {3600 // 6} and len(counts) == 6


@given(st.lists(st.tuples(TEXTS.filter(encodable), st.booleans()), max_size=6))
def test_tokens_are_those_of_the_parts_with_the_marks_between(tokenizer: Tokenizer, documents: list[tuple[str, bool]]) -> None:
    """The oracle asks the library for each part alone."""
    texts = [text for text, _ in documents]
    ids = pa.array([f"document {row}" for row in range(len(texts))], pa.string())
    wanted = np.array([wanted for _, wanted in documents], dtype=bool)
    tokens, offsets, is_fim = encode_documents(tokenizer, ids, pa.array(texts, pa.string()), wanted)
    draws = [uniform(ids, seed) for seed in CUT_SEEDS]
    suffix, prefix, middle = (tokenizer.model.token_to_id(name) for name in (FIM_SUFFIX, FIM_PREFIX, FIM_MIDDLE))

    def alone(text: str) -> list[int]:
        return list(tokenizer.model.encode(text, add_special_tokens=False).ids)

    for row, text in enumerate(texts):
        parts = parts_of(text, draws[0][row], draws[1][row]) if wanted[row] else None
        assert is_fim[row] == (parts is not None)
        expected = (
            alone(text) if parts is None else [suffix, *alone(parts.suffix), prefix, *alone(parts.prefix), middle, *alone(parts.middle)]
        )
        found = tokens[offsets[row] : offsets[row + 1]]
        assert found.tolist() == [*expected, tokenizer.end_id]
        assert tokenizer.token_bytes[found].sum() == len(text.encode())


def test_the_layout_is_suffix_prefix_middle(tokenizer: Tokenizer) -> None:
    tokens, _, is_fim = encode_documents(tokenizer, pa.array(["a"]), pa.array(["def f():\n    return 1\n"]), np.array([True]))
    told = tokenizer.model.decode(tokens.tolist(), skip_special_tokens=False)
    suffix, rest = told.removeprefix(FIM_SUFFIX).split(FIM_PREFIX)
    prefix, rest = rest.split(FIM_MIDDLE)
    assert is_fim.all() and told.startswith(FIM_SUFFIX)
    assert prefix + rest.removesuffix("<|endoftext|>") + suffix == "def f():\n    return 1\n"


def test_text_full_of_marks_becomes_none(tokenizer: Tokenizer) -> None:
    text = f"{FIM_SUFFIX}a{FIM_PREFIX}b{FIM_MIDDLE}<|endoftext|>" * 50
    tokens, _, _ = encode_documents(tokenizer, pa.array(["a", "b"]), pa.array([text, text]), np.array([True, False]))
    marks = marks_of(tokenizer)
    assert [int((tokens == mark).sum()) for mark in (marks.suffix, marks.prefix, marks.middle)] == [1, 1, 1]
    assert int((tokens == tokenizer.end_id).sum()) == 2


def test_a_document_has_the_same_parts_whatever_stands_beside_it(tokenizer: Tokenizer) -> None:
    texts, ids = pa.array(CODE), pa.array([f"{row}" for row in range(len(CODE))])
    tokens, offsets, _ = encode_documents(tokenizer, ids, texts, np.ones(len(CODE), bool))
    for row in range(len(CODE)):
        alone, _, _ = encode_documents(tokenizer, ids[row : row + 1], texts[row : row + 1], np.ones(1, bool))
        assert alone.tolist() == tokens[offsets[row] : offsets[row + 1]].tolist()


def test_a_tokenizer_without_the_marks_is_refused_and_told_what_to_do(tokenizer: Tokenizer) -> None:
    model = tokenizers.Tokenizer(tokenizers.models.BPE())
    model.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=400, special_tokens=["</s>", FIM_PREFIX], initial_alphabet=alphabet, show_progress=False
    )
    model.train_from_iterator(CODE, trainer)
    with pytest.raises(TokenizerError) as error:
        marks_of(load(model.to_str()))
    assert f"has no token {FIM_SUFFIX}, {FIM_MIDDLE}, so" in str(error.value) and "fim_rate=0" in str(error.value)
    assert marks_of(tokenizer) == Marks(2, 3, 4)
